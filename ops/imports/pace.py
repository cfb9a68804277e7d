"""How fast an import may go behind live events: by how long the processor takes to reach what it appended, and how long
an append takes.

A live event waits for all that is in the log before it. So the number of records that may wait there falls when it
takes long until they are applied, and rises when it does not: more at once cost the processor less for each.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

LEAST, FIRST, MOST = 20, 200, 500  # events of one append
MORE = 20  # after each quick append
QUICK_S = 0.03
LEAST_BEHIND, FIRST_BEHIND, MOST_BEHIND = 1_350, 1_350, 10_000  # records in the log that are not applied
MORE_BEHIND = 50
REACHED_S = 0.2  # until an append is applied, at most; a live event's profile takes about as long
SOON_S = 0.12  # if it is applied by then, more may wait
LOOK_S = 0.05
WAIT_S = 0.04  # a look costs as much as twenty events
STUCK_S = 60.0


class Behind(NamedTuple):
    """Of all lanes together."""

    applied: int
    waiting: int


class Stuck(Exception):
    """The processor has applied nothing for STUCK_S, though records wait."""


class Pace:
    """`look` asks how far the processor is behind."""

    def __init__(self, look: Callable[[], Awaitable[Behind]]) -> None:
        self.most_behind = FIRST_BEHIND
        self._look = look
        self._size = FIRST
        self._end = 0  # of the log, as far as is known
        self._waiting = MOST_BEHIND  # at most
        self._look_due = 0.0
        self._appends: deque[tuple[int, float]] = deque()  # those that are not applied yet: the log's end then, when

    @property
    def size(self) -> int:
        """Events that the next append may have."""
        return min(self._size, self.most_behind // 2)

    def appended(self, events: int, seconds: float) -> None:
        """After an append."""
        self._waiting += events
        self._end += events
        self._appends.append((self._end, time.monotonic()))
        self._size = max(LEAST, self._size // 2) if seconds > QUICK_S else min(MOST, self._size + MORE)

    async def room(self) -> None:
        """Returns once there is room for an append. Raises Stuck."""
        now = time.monotonic()
        if self._waiting + self.size <= self.most_behind and now < self._look_due:
            return
        applied, moved = -1, now
        while True:
            found = await self._look()
            now = time.monotonic()
            self._look_due, self._waiting = now + LOOK_S, found.waiting
            self._see(found, now)
            if found.waiting + self.size <= self.most_behind:
                return
            if found.applied != applied:
                applied, moved = found.applied, now
            elif now - moved > STUCK_S:
                raise Stuck
            await asyncio.sleep(WAIT_S)

    def _see(self, found: Behind, now: float) -> None:
        """Learn from the appends that are applied by now, and from the first one that still is not."""
        self._end = found.applied + found.waiting
        took = 0.0
        while self._appends and self._appends[0][0] <= found.applied:
            took = max(took, now - self._appends.popleft()[1])
        if self._appends and now - self._appends[0][1] > REACHED_S:
            took = max(took, now - self._appends[0][1])
            self._appends.clear()  # each slow time counts once
        if took > REACHED_S:
            self.most_behind = max(LEAST_BEHIND, int(self.most_behind * 0.8))
        elif 0.0 < took < SOON_S:
            self.most_behind = min(MOST_BEHIND, self.most_behind + MORE_BEHIND)
