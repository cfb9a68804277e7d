"""Whether a customer agreed to a purpose, by what is folded of it; who cannot be asked has not agreed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from wakeline.event import CONSENT, ConsentLevel
from wakeline.keys import DEPLOYMENT, VERSION, Keys
from wakeline.lanes import lane_of
from wakeline.patience import Outage
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.stored_state import part_of
from wakeline.told import value_of

logger = logging.getLogger("wakeline.collector")

PATIENCE_S = 0.2
MOST_ALIASES = 3  # that are followed, each to the id which keeps what is known of it
VERSION_S = 1.0  # for which the live version of the keys is taken to be the one that was read


class Agreed:
    """Asks the server of `url`; `lanes` returns their number, 0 if it is not known yet."""

    def __init__(self, url: str, *, lanes: Callable[[], int]) -> None:
        self._url = url
        self._lanes = lanes
        self._redis: Redis | None = None
        self._keys, self._version_until = Keys(VERSION), 0.0
        self._outage = Outage(logger)

    async def to(self, purpose: str, site: str, customer: str) -> bool:
        """Whether the customer ("@...") agreed to the purpose, and to a profile."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._asked(purpose, site, customer)
        except (TimeoutError, *FAILURES):
            return False
        except Exception:  # a bug here must not keep people from where they go
            self._outage.say("it cannot be read what customers agreed to", logging.ERROR)
            return False

    async def close(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            with suppress(*FAILURES):
                await redis.aclose()

    async def _asked(self, purpose: str, site: str, customer: str) -> bool:
        lanes = self._lanes()
        if not lanes:
            return False
        redis = self._redis = self._redis or connect(self._url)
        now = time.monotonic()
        if now >= self._version_until:
            asked: Any = redis.hmget(DEPLOYMENT, "version")
            (version,) = await asked
            self._keys, self._version_until = Keys(int(version or VERSION)), now + VERSION_S
        for _ in range(MOST_ALIASES):
            stored: Any = await redis.get(self._keys.state(lane_of(site, customer, lanes), site, customer))
            part = part_of(stored)
            if not part.into:
                said = value_of(part.record, CONSENT) or {}
                return said.get("level") == ConsentLevel.FULL and purpose in said.get("purposes", ())
            customer = part.into
        return False
