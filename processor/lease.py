"""With the log on Redis one process owns all lanes, by a lease, and others stand by."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from redis.asyncio import Redis

import wakeline.redis.lease
from processor.ownership import OnAssigned, OnRevoked, OwnershipLost
from wakeline import keys

logger = logging.getLogger("wakeline.processor")


class Lease(wakeline.redis.lease.Lease):
    """A lease on all `lanes`: see `Ownership`."""

    def __init__(self, redis: Redis, *, token: str, lanes: int) -> None:
        super().__init__(redis, key=keys.LEASE, token=token, work="owns the lanes", logger=logger)
        self._lanes = range(lanes)

    async def run(self, on_assigned: OnAssigned, on_revoked: OnRevoked) -> None:
        """See `Ownership`. A process that loses the lease ends, to be restarted as a standby."""
        await self.acquire()
        await on_assigned(frozenset(self._lanes))
        await self.keep()
        raise OwnershipLost("another processor owns the lanes now")

    async def commit(self, places: Mapping[int, int]) -> None:
        """Does nothing: `wakeline lag` reads the places in Redis."""
