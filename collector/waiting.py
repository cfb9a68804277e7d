"""Requests that wait for the disk: each is answered once, after DEADLINE_S at the latest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from collector.metrics import Metrics
from collector.spool_frames import Records
from wakeline.cards.card import Card

MAX_EVENTS = 20_000  # limit of waiting events: about two seconds' worth
MAX_BYTES = 16 * 1_048_576
DEADLINE_S = 5.0  # above a slow fsync, below a browser's timeout
CHECK_S = 0.25  # precision of the deadline


class Waiting(NamedTuple):
    """One request's records; `done` resolves to whether they are on disk."""

    records: Records
    size: int
    since: float
    done: asyncio.Future[bool]
    cards: Sequence[Card] = ()  # what they tell of


class Requests:
    """Those that wait, and those that are being written. Counts them in `metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self.writing: list[Waiting] = []
        self._queue: deque[Waiting] = deque()
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._check: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many wait, without those being written."""
        return len(self._queue)

    def add(self, records: Records, size: int, cards: Sequence[Card]) -> asyncio.Future[bool]:
        """Resolves to whether they are on disk; False at once if too much waits."""
        metrics, count = self._metrics, len(records)
        if metrics.waiting + count > MAX_EVENTS or metrics.waiting_bytes + size > MAX_BYTES:
            return self.refused(records)
        metrics.waiting += count
        metrics.waiting_bytes += size
        done: asyncio.Future[bool] = self._loop.create_future()
        self._queue.append(Waiting(records, size, self._loop.time(), done, cards))
        self.nudge()
        if self._check is None:
            self._check = self._loop.call_later(CHECK_S, self._check_deadlines)
        return done

    def refused(self, records: Records) -> asyncio.Future[bool]:
        """False at once."""
        self._metrics.unavailable += len(records)
        done: asyncio.Future[bool] = self._loop.create_future()
        done.set_result(False)
        return done

    async def woken(self) -> None:
        """Until something may be to be done."""
        self._wake = self._loop.create_future()
        await self._wake
        self._wake = None

    def nudge(self, _: object = None) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def take(self, most: int) -> list[tuple[int, bytes]]:
        """Begin to write as many whole requests as fit into `most` records, at least one; returns their records."""
        count, queue = 0, self._queue
        self.writing = []
        while queue and (not self.writing or count + len(queue[0].records) <= most):
            self.writing.append(queue.popleft())
            count += len(self.writing[-1].records)
        return self.records()

    def records(self) -> list[tuple[int, bytes]]:
        """Of what is being written."""
        return [record for waiting in self.writing for record in waiting.records]

    def with_cards(self) -> list[Waiting]:
        """Those being written that tell of cards."""
        return [waiting for waiting in self.writing if waiting.cards]

    def finish(self, group: Sequence[Waiting] | None = None, *, is_on_disk: bool) -> None:
        """Answer what is being written, or of it a group."""
        done = {id(waiting) for waiting in (self.writing if group is None else group)}
        answered = [waiting for waiting in self.writing if id(waiting) in done]
        self.writing = [waiting for waiting in self.writing if id(waiting) not in done]
        self._settle(answered, is_on_disk=is_on_disk)

    def refuse_all(self) -> None:
        """Refuse all, including those that arrived during the last write."""
        group = [*self.writing, *self._queue]
        self.writing = []
        self._queue.clear()
        self._settle(group, is_on_disk=False)

    def _settle(self, group: Sequence[Waiting], *, is_on_disk: bool) -> None:
        """Answer requests that were removed from both lists, so each is answered once."""
        metrics = self._metrics
        for waiting in group:
            count = len(waiting.records)
            metrics.waiting -= count
            metrics.waiting_bytes -= waiting.size
            if is_on_disk:
                metrics.accepted += count
            else:
                metrics.unavailable += count
            if not waiting.done.done():  # otherwise its request was cancelled
                waiting.done.set_result(is_on_disk)

    def _check_deadlines(self) -> None:
        self._check = None
        overdue = self._loop.time() - DEADLINE_S
        late = [waiting for waiting in self.writing if waiting.since <= overdue]
        self.writing = self.writing[len(late) :]
        while self._queue and self._queue[0].since <= overdue:
            late.append(self._queue.popleft())
        self._settle(late, is_on_disk=False)
        if self._queue or self.writing:
            self._check = self._loop.call_later(CHECK_S, self._check_deadlines)
