"""The lease: on the Redis log one process owns all lanes, and a second stands by to take over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from processor.ownership import Leave, OwnershipLost, Take
from wakeline import keys

logger = logging.getLogger("wakeline.processor")

LIVES_S = 5.0  # a killed owner is replaced within this and one RENEW_S
RENEW_S = 1.0

# KEYS: LEASE; ARGV: token, ms. Takes or renews it; true if it is ours.
HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """Of all `lanes`, held by one process: see `Ownership`."""

    def __init__(self, redis: Redis, *, token: str, lanes: int) -> None:
        self._hold = redis.register_script(HOLD)
        self._release = redis.register_script(RELEASE)
        self._token = token
        self._lanes = range(lanes)

    async def run(self, take: Take, leave: Leave) -> None:
        """See `Ownership`. A lease that is lost ends the process: it starts anew, and stands by."""
        await self.acquire()
        await take(frozenset(self._lanes))
        await self.keep()
        raise OwnershipLost("another processor owns the lanes now")

    async def applied(self, places: Mapping[int, int]) -> None:
        """Nobody asks: `wakeline lag` reads the places in Redis."""

    async def acquire(self) -> None:
        """Returns once the lease is ours, however long that takes."""
        said = ""
        while True:
            try:
                if await self._ask():
                    return
                now = "standing by: another processor owns the lanes"
            except (RedisError, OSError) as error:
                now = f"waiting for Redis: {error}"
            if now != said:
                said = now
                logger.info("%s", now)
            await asyncio.sleep(RENEW_S)

    async def keep(self) -> None:
        """Renews the lease; returns when another process has it.

        While Redis is away nobody can take it, so that is no loss.
        """
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if not await self._ask():
                    return
            except (RedisError, OSError):
                continue

    async def close(self) -> None:
        """Let the one that stands by take over at once."""
        try:
            await self._release(keys=[keys.LEASE], args=[self._token])
        except (RedisError, OSError) as error:
            logger.info("the lease was not released, it ends by itself: %s", error)

    async def _ask(self) -> bool:
        return bool(await self._hold(keys=[keys.LEASE], args=[self._token, round(LIVES_S * 1000)]))
