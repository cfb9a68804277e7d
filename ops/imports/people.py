"""Personal values of an import: they go to the customers' cards, before the records that name them are appended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wakeline.cards import Card, CardWriter, NoCardKey, Ring, key_file, open_ring
from wakeline.cards.sealing import sealed
from wakeline.cards.writing import CardsUnavailable, FormerKey
from wakeline.settings import Config

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.lanes import Deployment


class People:
    """Writes cards of `lanes` lanes; `why_not` says why it cannot, "" if it can."""

    def __init__(self, redis: Redis, lanes: int, file: Path, ring: Ring | None, why_not: str = "") -> None:
        self.why_not = why_not
        self._redis = redis
        self._file = file
        self._writer = CardWriter(redis)
        self._lanes = lanes
        self._ring = ring

    @classmethod
    async def opened(cls, config: Config, redis: Redis, deployment: Deployment) -> People:
        file = key_file(config)
        try:
            return cls(redis, deployment.lanes, file, await open_ring(file, redis))
        except NoCardKey as error:
            return cls(redis, deployment.lanes, file, None, str(error))

    async def write(self, cards: list[Card]) -> None:
        """Raises CardsUnavailable; writing them again changes nothing."""
        if not cards or self._ring is None:
            return
        try:
            await self._writer.write([sealed(card, self._ring) for card in cards], lanes=self._lanes)
        except FormerKey:  # the file has a new one meanwhile
            try:
                self._ring = await open_ring(self._file, self._redis)
            except NoCardKey as error:
                raise CardsUnavailable(str(error)) from None
            await self._writer.write([sealed(card, self._ring) for card in cards], lanes=self._lanes)

    async def close(self) -> None:
        await self._writer.close()
