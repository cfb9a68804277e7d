"""Cards in a backup: apart from the snapshot, in a file for DAYS only, so that who is erased leaves the backups too.

They are taken out of the snapshot by a temporary server that loads it, and put back by the one that a restore starts.
"""

from __future__ import annotations

import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ops.backup.manifest import CARDS, NAME, BackupRefused, Done, File, Manifest, copy, created, read, sync
from ops.backup.staged import lay_out, served
from wakeline import card_keys
from wakeline.card_ending import END
from wakeline.lanes import lane_of
from wakeline.record import CUSTOMER_PREFIX
from wakeline.redis.connect import connect

DAYS = card_keys.BACKUP_DAYS
SCRATCH = ".cards"  # in the backup's folder, while it is made
SAVE_S = 3_600.0  # longest time that a server may take to write a snapshot
DUMP = "dump.rdb"


class Row(Struct, array_like=True):
    """One key as the server itself dumps it, which it restores in whatever version can read it."""

    key: str
    ttl: int  # ms; 0: none
    dump: str  # base64


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Row).decode


async def taken_out(snapshot: Path, *, into: Path | None, done: Done) -> dict[str, File]:
    """Write the snapshot again without its cards, and those `into` a file, or nowhere; returns what was written."""
    scratch = snapshot.parent / SCRATCH
    try:
        lay_out(snapshot, scratch)
        found = {}
        async with served(scratch) as url, connect(url, timeout=SAVE_S) as redis:
            if into is None:
                await _delete(redis)
            else:
                with created(into) as file:
                    async for row in _rows(redis):
                        file.write(_encode(row) + b"\n")
                    sync(file)
                with into.open("rb") as source:
                    found[into.name] = copy(source, scratch / CARDS)
                await _delete(redis)
            await redis.save()
            with (scratch / DUMP).open("rb") as source:
                found[snapshot.name] = copy(source, snapshot, done)
        return found
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _keys(redis: Redis) -> list[bytes]:
    return [key for pattern in card_keys.ALL async for key in redis.scan_iter(match=pattern, count=10_000)]


async def _rows(redis: Redis) -> Any:
    for key in await _keys(redis):
        dump, ttl = await redis.dump(key), await redis.pttl(key)
        if dump is not None:
            yield Row(key.decode(), max(0, ttl), b64encode(dump).decode())


async def _delete(redis: Redis) -> None:
    """All but the marks of who came back after an erasure: without them a restore would refuse what they tell then."""
    for key in await _keys(redis):
        if await redis.type(key) == b"hash" and (mark := await redis.hget(key, card_keys.RETURNED)):
            ttl = await redis.pttl(key)
            await redis.unlink(key)
            await redis.hset(key, card_keys.RETURNED, mark)
            await redis.pexpire(key, max(1, ttl))
        else:
            await redis.unlink(key)


def say_of(folder: Path, manifest: Manifest) -> str:
    """Why the cards of this backup are not to be restored; "" if they are, or if it never had any."""
    if CARDS not in manifest.files:
        return ""
    if _is_over(manifest):
        return f"the cards in this backup are older than {DAYS} days, so they are not restored"
    return "" if (folder / CARDS).exists() else f"{CARDS} was deleted: no cards are restored"


async def put_back(redis: Redis, folder: Path) -> None:
    """Restore the cards of a backup."""
    for row in _stored(folder / CARDS):
        await redis.restore(row.key, row.ttl, b64decode(row.dump), replace=True)


def _stored(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            try:
                yield _decode(line)
            except msgspec.MsgspecError as error:
                raise BackupRefused(f"{path.name} is damaged: {error}") from None


async def leave_out(redis: Redis, lanes: int, erased: Iterable[tuple[str, str, int]]) -> None:
    """Delete of the cards what was said by these (site, id, ms) erasures."""
    for site, id, upto in erased:
        if id[0] == CUSTOMER_PREFIX:
            lane = lane_of(site, id, lanes)
            names = card_keys.card(lane, site, id), card_keys.index(lane, site)
            await redis.eval(END, 2, *names, id, upto)


def forget_old(beside: Path) -> list[Path]:
    """Delete the cards of backups older than DAYS in the folder that holds `beside`; returns those backups."""
    found = []
    for path in sorted(beside.resolve().parent.glob(f"*/{CARDS}")):
        try:
            if (path.parent / NAME).exists() and _is_over(read(path.parent)):
                path.unlink()
                found.append(path.parent)
        except (BackupRefused, OSError):
            continue  # no backup that this version knows
    return found


def _is_over(manifest: Manifest) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(manifest.made) > timedelta(days=DAYS)
