"""Personal values of an import: they go to the customers' cards, before the records that name them are appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeline.cards import Card, CardWriter, NoCardKey, Ring, key_file, open_ring
from wakeline.cards.sealing import sealed
from wakeline.settings import Config

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.lanes import Deployment


class People:
    """Writes cards of `lanes` lanes; `why_not` says why it cannot, "" if it can."""

    def __init__(self, redis: Redis, lanes: int, ring: Ring | None, why_not: str = "") -> None:
        self.why_not = why_not
        self._writer = CardWriter(redis)
        self._lanes = lanes
        self._ring = ring

    @classmethod
    async def opened(cls, config: Config, redis: Redis, deployment: Deployment) -> People:
        try:
            return cls(redis, deployment.lanes, await open_ring(key_file(config), redis))
        except NoCardKey as error:
            return cls(redis, deployment.lanes, None, str(error))

    async def write(self, cards: list[Card]) -> None:
        """Raises CardsUnavailable; writing them again changes nothing."""
        if cards and self._ring is not None:
            await self._writer.write([sealed(card, self._ring) for card in cards], lanes=self._lanes)

    async def close(self) -> None:
        await self._writer.close()
