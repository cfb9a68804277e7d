"""Runs a temporary server on the snapshot, before anything is changed, to add a link to the log's chain.

Also on the previous data, if they exist, to read erasures.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

from ops.backup.manifest import (
    BackupRefused,
    copy,
    created,
    make_folder,
    sync,
)
from wakeline import keys
from wakeline.children import guarded
from wakeline.disk import sync_folder
from wakeline.history.identity import LOG as OF_LOG
from wakeline.lanes import FIELDS, stored_deployment
from wakeline.log.chain import links_of
from wakeline.log.links import Link, identity_of
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect
from wakeline.redis.embedded import LOG, server_command
from wakeline.redis.failures import FAILURES, is_away

OF_WHO_RUNS = ("wl:*lease", "wl:salts:*")
"""Patterns of keys that only identify running processes: a restore omits them."""

NAMING_THE_LOG = ("wl[0-9]*:{*}:lane", "wl[0-9]*:{*}:kept")
"""Patterns of the hashes, of all key versions, whose field `log` is the log's identity."""

FILES = "appendonlydir"
BASE = "appendonly.aof.1.base.rdb"
NAMES = "appendonly.aof.manifest"
POLL_S = 0.05


def lay_out(snapshot: Path, folder: Path) -> None:
    """Create a server's data folder from the snapshot."""
    files = folder / FILES
    make_folder(files)
    with snapshot.open("rb") as source:
        copy(source, files / BASE)
    with created(files / NAMES) as file:
        file.write(f"file {BASE} seq 1 type b\n".encode())
        sync(file)
    sync_folder(files)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """URL of a server on the data in `folder`. It stops at the end of the block, with its files on disk.

    Raises BackupRefused if it cannot read them.
    """
    with tempfile.TemporaryDirectory(prefix="wakeline-") as private:  # a path below data may be too long for a socket
        path = f"{private}/server"
        command = guarded((*server_command(0, folder), "--unixsocket", path))
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
        try:
            url = f"unix://{path}?db=0"
            await _loaded(url, process, folder)
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            (folder / LOG).unlink(missing_ok=True)


async def _loaded(url: str, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with connect(url) as redis:
        while True:
            if process.returncode is not None:
                said = (folder / LOG).read_text(errors="replace").splitlines() if (folder / LOG).exists() else []
                raise BackupRefused(f"a server cannot read these data: {said[-1] if said else 'no error message'}")
            try:
                await redis.ping()
                return
            except FAILURES as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(POLL_S)


@asynccontextmanager
async def served_copy(redis_folder: Path, scratch: Path) -> AsyncIterator[str]:
    """The same on a copy, since a server changes its data by cutting off unfinished writes."""
    shutil.copytree(redis_folder / FILES, scratch / FILES)
    try:
        async with served(scratch) as url:
            yield url
    finally:
        shutil.rmtree(scratch)


class Standing(msgspec.Struct):
    """The log and the place that a server's data represent."""

    lanes: int
    version: int
    links: list[Link]
    ends: list[int]  # by lane, as places; 0 if unknown because the log is elsewhere
    moving: str = ""  # a replay was about to switch

    @property
    def identity(self) -> str:
        return identity_of(self.links) if self.links else ""


async def standing(url: str, *, embedded_log: bool) -> Standing:
    """Raises NoDeployment and redis-py's errors."""
    async with connect(url, timeout=60.0) as redis:
        values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        moving: Any = await redis.hget(keys.DEPLOYMENT, "moving")
        links = await links_of(redis)
    ends = [0] * deployment.lanes
    if embedded_log and links:
        log = RedisStreamsLog(url, deployment.lanes)
        try:
            bounds = await log.bounds(range(deployment.lanes))
        finally:
            await log.close()
        ends = [links[-1].begins[lane] + bounds[lane].end for lane in range(deployment.lanes)]
    return Standing(deployment.lanes, deployment.version, links, ends, (moving or b"").decode())


async def tidy(redis: Redis) -> None:
    """Remove keys that only identify running processes."""
    for pattern in OF_WHO_RUNS:
        found = [key async for key in redis.scan_iter(match=pattern, count=10_000)]
        if found:
            await redis.delete(*found)


async def fork(redis: Redis, was: Standing, ends: Iterable[int]) -> str:
    """Turn the data into a new log from `ends` on; returns its identity."""
    identity = secrets.token_hex(8)
    former = was.identity
    await redis.set(keys.LOG_ID, identity)
    link = Link(identity, was.links[-1].begins, list(ends))
    await redis.rpush(keys.LOGS, msgspec.json.encode(link))
    for pattern in NAMING_THE_LOG:
        async for key in redis.scan_iter(match=pattern, count=10_000):
            if await _log_of(redis, key, "log") == former:
                await redis.hset(key, "log", identity)
    if await _log_of(redis, keys.ARCHIVE, OF_LOG) == former:
        await redis.hset(keys.ARCHIVE, OF_LOG, identity)
    return identity


async def _log_of(redis: Redis, key: Any, field: str) -> str:
    found: Any = await redis.hget(key, field)
    return (found or b"").decode()
