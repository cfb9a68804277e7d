"""On the Redis log one process owns all lanes, by a lease, and a second stands by to take over."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from redis.asyncio import Redis

import wakeline.redis.lease
from processor.ownership import OnAssigned, OnRevoked, OwnershipLost
from wakeline import keys

logger = logging.getLogger("wakeline.processor")


class Lease(wakeline.redis.lease.Lease):
    """Of all `lanes`, held by one process: see `Ownership`."""

    def __init__(self, redis: Redis, *, token: str, lanes: int) -> None:
        super().__init__(redis, key=keys.LEASE, token=token, work="owns the lanes", logger=logger)
        self._lanes = range(lanes)

    async def run(self, on_assigned: OnAssigned, on_revoked: OnRevoked) -> None:
        """See `Ownership`. A lease that is lost ends the process: it starts anew, and stands by."""
        await self.acquire()
        await on_assigned(frozenset(self._lanes))
        await self.keep()
        raise OwnershipLost("another processor owns the lanes now")

    async def commit(self, places: Mapping[int, int]) -> None:
        """Nobody asks: `wakeline lag` reads the places in Redis."""
