"""A lease in Redis: one of several processes is active, the others stand by."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from redis.asyncio import Redis

from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES

LIVES_S = 5.0  # a killed holder is replaced within this and one RENEW_S
RENEW_S = 1.0

# KEYS: the lease; ARGV: token, ms. Acquires or renews it; true if it is ours.
HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """Held under `key` by `token`. `work` names what its holder does, for the log."""

    def __init__(
        self,
        redis: Redis,
        *,
        key: str,
        token: str,
        work: str,
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hold = redis.register_script(HOLD)
        self._release = redis.register_script(RELEASE)
        self._key = key
        self._token = token
        self._work = work
        self._logger = logger
        self._clock = clock
        self._held_until = 0.0
        self._lost = False
        self.epoch = 0  # incremented if another process may have held it meanwhile

    @property
    def is_ours(self) -> bool:
        """Whether no other process can hold it now, for work that must not be done twice.

        While Redis is down nobody can acquire it, but that is unknown here, so this is false once the lease has
        expired.
        """
        return not self._lost and self._clock() < self._held_until

    async def acquire(self) -> None:
        """Returns once the lease is ours, however long that takes."""
        outage = Outage(self._logger)
        while True:
            try:
                if await self._ask():
                    return
                outage.say(f"standing by: another process {self._work}", logging.INFO)
            except FAILURES as error:
                outage.say(f"waiting for Redis: {error}", logging.INFO)
            await asyncio.sleep(RENEW_S)

    async def keep(self) -> None:
        """Renew the lease; returns when another process has it.

        While Redis is down nobody else can acquire it, so the lease is not considered lost.
        """
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if not await self._ask():
                    self._lost = True
                    return
            except FAILURES:
                continue

    async def close(self) -> None:
        """Release the lease, so that a standby takes over at once."""
        try:
            await self._release(keys=[self._key], args=[self._token])
        except FAILURES as error:
            self._logger.info("the lease was not released, it ends by itself: %s", error)

    async def _ask(self) -> bool:
        began = self._clock()
        is_ours = bool(await self._hold(keys=[self._key], args=[self._token, round(LIVES_S * 1000)]))
        if is_ours:
            if began >= self._held_until:
                self.epoch += 1
            self._held_until = began + LIVES_S
        return is_ours
