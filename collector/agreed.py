"""Whether a customer agreed to a purpose, by what is folded of it; who cannot be asked has not agreed.

One call to Redis is in flight: who asks meanwhile is asked for by the next one, all at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from collector.live_redis import LiveRedis
from wakeline.event import CONSENT, ConsentLevel
from wakeline.lanes import lane_of
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES
from wakeline.stored_state import Part, part_of
from wakeline.told import value_of

logger = logging.getLogger("wakeline.collector")

PATIENCE_S = 0.2
MOST_ALIASES = 3  # that are followed, each to the id which keeps what is known of it


class Asked(NamedTuple):
    """Somebody who waits for what is stored of a customer."""

    site: str
    customer: str
    lane: int
    found: asyncio.Future[bytes | None]


class Agreed:
    """Asks the server of `url`; `lanes` returns their number, 0 if it is not known yet."""

    def __init__(self, url: str, *, lanes: Callable[[], int]) -> None:
        self._redis = LiveRedis(url)
        self._lanes = lanes
        self._waiting: list[Asked] = []
        self._asking: asyncio.Task[None] | None = None
        self._outage = Outage(logger)

    async def to(self, purpose: str, site: str, customer: str) -> bool:
        """Whether the customer ("@...") agreed to the purpose, and to a profile."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                part = await self._part(site, customer)
        except (TimeoutError, *FAILURES):
            return False
        except Exception:  # a bug here must not keep people from where they go
            self._outage.say("it cannot be read what customers agreed to", logging.ERROR)
            return False
        said = value_of(part.record, CONSENT) or {}
        return said.get("level") == ConsentLevel.FULL and purpose in said.get("purposes", ())

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._redis.close()

    async def _part(self, site: str, customer: str) -> Part:
        """What is stored of a customer, by the id which keeps it."""
        lanes = self._lanes()
        for _ in range(MOST_ALIASES if lanes else 0):
            found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(Asked(site, customer, lane_of(site, customer, lanes), found))
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            part = part_of(await found)
            if not part.into:
                return part
            customer = part.into
        return Part()

    async def _ask(self) -> None:
        """Until nobody waits."""
        asked: list[Asked] = []
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                keys = await self._redis.keys()
                pipe = self._redis.client.pipeline(transaction=False)
                for one in asked:
                    pipe.get(keys.state(one.lane, one.site, one.customer))
                for one, stored in zip(asked, await pipe.execute(), strict=True):
                    if not one.found.done():
                        one.found.set_result(stored)
        except Exception as error:
            for one in (*asked, *self._waiting):
                if not one.found.done():
                    one.found.set_exception(error)
            self._waiting.clear()
