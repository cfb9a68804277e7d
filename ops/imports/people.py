"""Personal values of an import: they go to the customers' cards, before the records that name them are appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeline.cards import Card, NoCardKey, Ring, key_file, open_ring, write_cards
from wakeline.settings import Config

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.lanes import Deployment


class CardWriter:
    """Writes cards; `why_not` says why it cannot, "" if it can."""

    def __init__(self, redis: Redis, deployment: Deployment, ring: Ring | None, why_not: str = "") -> None:
        self.why_not = why_not
        self._redis = redis
        self._deployment = deployment
        self._ring = ring

    @classmethod
    async def opened(cls, config: Config, redis: Redis, deployment: Deployment) -> CardWriter:
        try:
            return cls(redis, deployment, await open_ring(key_file(config), redis))
        except NoCardKey as error:
            return cls(redis, deployment, None, str(error))

    async def write(self, cards: list[Card]) -> None:
        if cards and self._ring is not None:
            await write_cards(self._redis, self._ring, self._deployment, cards)
