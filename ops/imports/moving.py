"""Moves what a file tells into the log, in groups behind live events, and remembers how far it has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from collector.memory import Asking
from ops.imports.pace import Behind, Pace
from ops.imports.people import People
from ops.imports.problems import Problems
from ops.imports.saying import Numbered
from ops.imports.state import State, States
from wakeline.clock import now_ms
from wakeline.keys import DEPLOYMENT, VERSION, Keys
from wakeline.lanes import lane_of
from wakeline.log import Log, LogUnavailable
from wakeline.memory import COUNT_ONLY
from wakeline.record import MOST_FACT_BYTES, ImportEnd, encode_record
from wakeline.redis.failures import FAILURES

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.cards import Card
    from wakeline.lanes import Deployment

AWAY_S = 60.0  # as long an outage of the log is waited for
MEMORY_EVERY_S = 1.0


class Full(Exception):
    """The server's memory is so full that new profiles could not be made."""


class Mover:
    """Appends the facts of one import. `waits` is called with the number of records that the processor is behind."""

    def __init__(
        self, redis: Redis, url: str, log: Log, deployment: Deployment, cards: People, states: States, state: State
    ) -> None:
        self._redis = redis
        self._memory = Asking(url, log=lambda: (None, 0), counted_bytes=0)
        self._log = log
        self._deployment = deployment
        self._cards = cards
        self._states = states
        self._state = state
        self._memory_due = 0.0
        self.pace = Pace(self._look)

    async def move(self, all: Iterator[Numbered], problems: Problems, *, site: str, tells: bool, lines: int) -> None:
        """Append what is not in the log yet, and the end of the import to every lane.

        Raises Stuck, Full, LogUnavailable: started again it goes on where it stopped.
        """
        state = self._state
        state.skipped_cards = 0
        group: list[tuple[int, bytes]] = []
        cards: list[Card] = []
        number = 0
        for number, fact, card in all:
            if card is not None and self._cards.why_not:
                state.skipped_cards += 1
                fact.told, card = [], None
            if number <= state.done:
                continue
            fact.batch, fact.line, fact.tells = state.batch, number, tells
            record = encode_record(fact)
            if len(record) > MOST_FACT_BYTES:
                problems.error(0, "", f"event {number} is larger than {MOST_FACT_BYTES:,} bytes", "shorten its texts")
                continue
            group.append((lane_of(site, fact.home, self._deployment.lanes), record))
            if card is not None:
                cards.append(card)
            if len(group) >= self.pace.size:
                await self._append(group, cards, number)
                group, cards = [], []
        await self._append(group, cards, number)
        end = encode_record(ImportEnd(site, state.batch, now_ms(), lines))
        await self._append([(lane, end) for lane in range(self._deployment.lanes)], [], number)
        state.is_complete, state.errors = True, problems.errors
        self._states.keep(state)

    async def close(self) -> None:
        await self._memory.close()

    async def _append(self, group: list[tuple[int, bytes]], cards: list[Card], number: int) -> None:
        """Append a group that ends with this number, its cards first."""
        if not group:
            return
        deadline = time.monotonic() + AWAY_S
        while True:
            try:
                await self._room()
                began = time.monotonic()
                await self._cards.write(cards)
                await self._log.append(group)
                break
            except (LogUnavailable, *FAILURES):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1.0)
        self.pace.appended(len(group), time.monotonic() - began)
        self._state.done = max(self._state.done, number)
        self._states.keep(self._state)

    async def _room(self) -> None:
        now = time.monotonic()
        if now >= self._memory_due:
            self._memory_due = now + MEMORY_EVERY_S
            use = await self._memory()
            if use is not None and use.now > COUNT_ONLY:
                raise Full
        await self.pace.room()

    async def _look(self) -> Behind:
        """How far the processor is behind. Places are read first, so that no lane is ahead of its log."""
        lanes = range(self._deployment.lanes)
        values: Any = await self._redis.hmget(DEPLOYMENT, "version")  # a replay may have switched to another
        live = Keys(int(values[0] or VERSION))
        pipe: Any = self._redis.pipeline(transaction=False)
        for lane in lanes:
            pipe.hmget(live.lane(lane), "offset")
        offsets = [int(offset or 0) for (offset,) in await pipe.execute()]
        bounds = await self._log.bounds(lanes)
        return Behind(
            sum(offsets), sum(max(0, bounds[lane].end - offset) for lane, offset in zip(lanes, offsets, strict=True))
        )
