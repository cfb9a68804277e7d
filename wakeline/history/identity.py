"""The log that a history belongs to, and how far the history reaches: later records are not trimmed from the log."""

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
    links: list[Link] = []  # the log's chain, to recognise backups of the same log; [] if not recorded


def stored_identity(store: Store) -> str | None:
    """The identity of the history's log; None before its first file."""
    stored = stored_log(store)
    return None if stored is None else stored.identity


def stored_log(store: Store) -> OfLog | None:
    """The history's log; None before its first file."""
    try:
        with store.open(NAME) as file:
            return msgspec.json.decode(file.read(), type=OfLog)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise HistoryDamaged(f"{NAME} of the history is damaged: {error}; put it back from a copy") from error


def store_identity(store: Store, identity: str, links: Sequence[Link] = ()) -> None:
    store.write(NAME, msgspec.json.encode(OfLog(identity, list(links))))


# ---- published, so that the log can be trimmed ------------------------------------------------------------

LOG = "log"  # field of the hash ARCHIVE; the other fields are lanes


async def publish(redis: Redis, identity: str, ends: Mapping[int, int]) -> None:
    """Publish that the history of log `identity` holds each lane up to `ends`. Raises redis-py's errors."""
    await redis.hset(keys.ARCHIVE, mapping={LOG: identity, **{str(lane): end for lane, end in ends.items()}})


async def unpublished(redis: Redis, identity: str, ends: Mapping[int, int]) -> dict[int, int]:
    """The `ends` that differ from those published last, since Redis may have been restored from an older backup.

    Raises redis-py's errors.
    """
    values: Any = await redis.hmget(keys.ARCHIVE, [LOG, *map(str, ends)])
    log, *found = values
    if (log or b"").decode() != identity:
        return dict(ends)
    return {lane: end for (lane, end), said in zip(ends.items(), found, strict=True) if said != str(end).encode()}


async def archived(redis: Redis, identity: str) -> dict[int, int]:
    """Lane -> offset up to which the history holds log `identity`; empty if no archiver has run on it.

    Raises redis-py's errors.
    """
    found: Any = await redis.hgetall(keys.ARCHIVE)
    if found.pop(LOG.encode(), b"").decode() != identity:
        return {}
    return {int(lane): int(end) for lane, end in found.items()}
