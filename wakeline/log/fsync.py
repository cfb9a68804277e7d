"""When the reply of a Redis or Valkey server means "on disk"."""

from __future__ import annotations

import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from wakeline import keys
from wakeline.redis.failures import is_away

FSYNC_MS = 1_500  # the longest wait for an fsync
AT_ONCE_MS = 200  # far below the second between two fsyncs of `everysec`


async def appendfsync(redis: Redis) -> str | None:
    """always: a reply means "on disk". everysec or no: it does not. None: no append-only file, or CONFIG is denied."""
    try:
        found = await redis.config_get("append*")
    except RedisError as error:
        if is_away(error):
            raise
        return None  # a managed server
    return str(found["appendfsync"]) if found.get("appendonly") == "yes" else None


async def waits_for_fsync(redis: Redis) -> bool:
    """Whether WAITAOF means "on disk" under `everysec`. Needs a client with a single connection.

    Such a server fsyncs once a second, so a write right after an fsync cannot be confirmed at once. Valkey (9.1.2,
    tested) and some versions of Redis (https://github.com/redis/redis/pull/13793) confirm it anyway, at the next turn
    of their event loop.
    """
    return await _is_confirmed(redis, FSYNC_MS) and not await _is_confirmed(redis, AT_ONCE_MS)


async def _is_confirmed(redis: Redis, within_ms: int) -> bool:
    await redis.set(keys.LOG_PROBE, time.time_ns(), px=keys.LOG_PROBE_TTL_MS)
    local, _ = await redis.waitaof(1, 0, within_ms)
    return bool(local >= 1)
