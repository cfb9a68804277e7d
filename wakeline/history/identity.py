"""Which log a history is of, and how far it reaches: the log is not trimmed past that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from wakeline import keys
from wakeline.history.store import HistoryDamaged, Store
from wakeline.log.links import Link

if TYPE_CHECKING:
    from redis.asyncio import Redis

NAME = "log.json"


class OfLog(Struct, omit_defaults=True):
    """The file NAME at the root of the tree."""

    identity: str
    links: list[Link] = []  # of the log's chain, by which an older backup is known as its own; []: nobody wrote them


def stored_identity(store: Store) -> str | None:
    """The identity of the log that a history was made from; None before its first file."""
    stored = stored_log(store)
    return None if stored is None else stored.identity


def stored_log(store: Store) -> OfLog | None:
    """The same, and more."""
    try:
        with store.open(NAME) as file:
            return msgspec.json.decode(file.read(), type=OfLog)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise HistoryDamaged(f"{NAME} of the history is damaged: {error}; put it back from a copy") from error


def store_identity(store: Store, identity: str, links: Sequence[Link] = ()) -> None:
    store.write(NAME, msgspec.json.encode(OfLog(identity, list(links))))


# ---- published, for who trims the log ------------------------------------------------------------

LOG = "log"  # field of the hash ARCHIVE; the others are lanes


async def publish(redis: Redis, identity: str, ends: Mapping[int, int]) -> None:
    """Say that the history of log `identity` holds each lane up to `ends`. Raises redis-py's errors."""
    await redis.hset(keys.ARCHIVE, mapping={LOG: identity, **{str(lane): end for lane, end in ends.items()}})


async def unpublished(redis: Redis, identity: str, ends: Mapping[int, int]) -> dict[int, int]:
    """Those of `ends` that are not what was published last: Redis may have come back from an older backup.

    Raises redis-py's errors.
    """
    values: Any = await redis.hmget(keys.ARCHIVE, [LOG, *map(str, ends)])
    log, *found = values
    if (log or b"").decode() != identity:
        return dict(ends)
    return {lane: end for (lane, end), said in zip(ends.items(), found, strict=True) if said != str(end).encode()}


async def archived(redis: Redis, identity: str) -> dict[int, int]:
    """Lane -> the offset before which the history holds all of log `identity`; empty where no archiver has run on it.

    Raises redis-py's errors.
    """
    found: Any = await redis.hgetall(keys.ARCHIVE)
    if found.pop(LOG.encode(), b"").decode() != identity:
        return {}
    return {int(lane): int(end) for lane, end in found.items()}
