"""Reads, collects, seals what is due, and publishes how far the history reaches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from redis.asyncio import Redis

from archiver import metrics
from archiver.resume import Mismatch, stand
from archiver.segment import OpenSegment, member_bytes
from wakeline.history import History
from wakeline.history.identity import publish, unpublished
from wakeline.history.names import day_of
from wakeline.log import Entry, Log, LogGap
from wakeline.log.chain import links_of
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.archiver")

READ_RECORDS = 16_000  # per read, all lanes together
WAIT_MS = 1_000  # for the next record, if there are none
HELD_BYTES = 64_000_000  # memory of all lanes together: beyond it the largest file is sealed early


class NotNow(Exception):
    """It is uncertain whether another archiver writes: Redis was down for longer than the lease lives."""


class Held(Protocol):
    """The required part of a lease."""

    @property
    def is_ours(self) -> bool: ...

    @property
    def epoch(self) -> int:
        """Changes if another process may have held it in between."""


class Archiver:
    """All lanes, from the end of the history on. `clock` gives monotonic seconds."""

    def __init__(
        self,
        log: Log,
        history: History,
        redis: Redis,
        *,
        lanes: int,
        seal_s: float,
        lease: Held,
        wait_ms: int = WAIT_MS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._history = history
        self._redis = redis
        self._lanes = lanes
        self._seal_s = seal_s
        self._lease = lease
        self._epoch: int | None = None  # of the lease, when the history was opened
        self.opened = asyncio.Event()
        self.alone = asyncio.Lock()  # held while the whole tree is listed or cleaned up
        self._wait_ms = wait_ms
        self._clock = clock
        self._identity = ""
        self._member_bytes = member_bytes(lanes)
        self._limit = max(1, READ_RECORDS // lanes)
        self._fillings: dict[int, OpenSegment] = {}
        self._sealed: dict[int, int] = {}  # lane -> end of the sealed records
        self._places: dict[int, int] = {}  # lane -> next offset to read
        self._unpublished: dict[int, int] = {}
        self.sealed_files = 0  # by this process
        self._behind_since: dict[int, float] = {}  # lanes with unsealed records, and since when

    @property
    def is_open(self) -> bool:
        """Whether its knowledge of the history is still valid; otherwise it must be reopened."""
        return self._epoch == self._lease.epoch

    @property
    def may_write(self) -> bool:
        return self.is_open and self._lease.is_ours

    async def open(self) -> None:
        """Find the end of the history; unsealed records will be read again.

        Raises Mismatch if it is not the history of this log, and errors of log and history.
        """
        self.close()
        epoch = self._lease.epoch
        if not self._lease.is_ours:
            raise NotNow("the lease has run out")
        async with self.alone:
            links = await links_of(self._redis)
            self._identity, self._sealed = await stand(self._log, self._history, lanes=self._lanes, links=links)
        self._epoch = epoch
        self.opened.set()
        self._places = dict(self._sealed)
        self._unpublished = dict(self._sealed)
        await self._publish()
        metrics.STUCK.set(0)

    def close(self) -> None:
        """Forget all unsealed records."""
        self._epoch = None
        self._fillings.clear()
        self._behind_since.clear()

    async def step(self) -> bool:
        """Read once and seal what is due; returns whether the log may hold more already.

        Raises errors of log and history: the next call continues where this one failed.
        """
        await self._seal_due()
        await self._publish()
        try:
            found = await self._log.read(self._places, limit=self._limit, wait_ms=self._wait_ms)
        except LogGap as gap:
            await self._pass_gap(gap)
            return True
        for lane, entries in found.items():
            await self._collect(lane, entries)
        await self._publish()
        metrics.HELD_BYTES.set(self._held())
        return any(len(entries) == self._limit for entries in found.values())

    async def seal_all(self) -> None:
        """Seal all records held."""
        for filling in list(self._fillings.values()):
            await self._seal(filling)
        await self._publish()

    async def measure(self) -> None:
        """Measure how far the history is behind the log, and publish its position again if Redis has lost it.

        Redis may have been restored from an older backup, and the log would not be trimmed.
        """
        if self.may_write:
            with self._redis_may_be_away():
                self._unpublished |= await unpublished(self._redis, self._identity, self._sealed)
        bounds = await self._log.bounds(list(self._places))
        now = self._clock()
        lags = {lane: max(0, bounds[lane].end - end) for lane, end in self._sealed.items()}
        self._behind_since = {lane: self._behind_since.get(lane, now) for lane, lag in lags.items() if lag}
        metrics.LAG_RECORDS.set(sum(lags.values()))
        metrics.LAG_RECORDS_MAX.set(max(lags.values()))
        oldest = min(self._behind_since.values(), default=now)
        metrics.OVERDUE_SECONDS.set(max(0.0, now - oldest - self._seal_s))

    # ---- collecting

    async def _collect(self, lane: int, entries: list[Entry]) -> None:
        for entry in entries:
            filling = self._fillings.get(lane)
            date = day_of(entry.time)
            if filling is not None and (filling.date != date or filling.is_full):
                await self._seal(filling)
                filling = None
            if filling is None:
                filling = self._fillings[lane] = OpenSegment(
                    lane, entry.offset, date, since=self._clock(), member_bytes=self._member_bytes
                )
            filling.add(entry)
            self._places[lane] = entry.offset + 1

    # ---- sealing

    async def _seal_due(self) -> None:
        due = self._clock() - self._seal_s
        for filling in list(self._fillings.values()):
            if filling.since <= due:
                await self._seal(filling)
        while self._held() > HELD_BYTES:
            await self._seal(max(self._fillings.values(), key=lambda filling: filling.held))

    async def _seal(self, filling: OpenSegment) -> None:
        """Write the file. Until it is in the history it is kept here, and will be retried."""
        self._check()
        content = filling.content()
        await asyncio.to_thread(self._history.store.write, filling.segment.name, content, check=self._check)
        del self._fillings[filling.lane]
        self._sealed[filling.lane] = self._unpublished[filling.lane] = filling.end
        self._behind_since.pop(filling.lane, None)
        metrics.RECORDS.inc(filling.end - filling.first)
        metrics.BYTES.inc(len(content))
        metrics.FILES.inc()
        self.sealed_files += 1
        metrics.LAST_SEAL.set_to_current_time()

    def _check(self) -> None:
        """Also called right before a file becomes visible: the process may have been paused while it wrote."""
        if not self.may_write:
            raise NotNow("the lease has run out")

    async def _publish(self) -> None:
        """Publish what is sealed, so that it can be trimmed. If Redis is down, only this is delayed."""
        if not self._unpublished:
            return
        with self._redis_may_be_away():
            await publish(self._redis, self._identity, self._unpublished)
            self._unpublished = {}

    @contextmanager
    def _redis_may_be_away(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            metrics.FAILURES.labels("log").inc()
            logger.debug("not published: %s", error)

    def _held(self) -> int:
        return sum(filling.held for filling in self._fillings.values())

    # ---- gaps

    async def _pass_gap(self, gap: LogGap) -> None:
        """Continue after records that the log has lost, and log their number.

        The gap stays in the history, and is reported to readers.
        """
        bounds = await self._log.bounds(list(self._places))
        is_gap = False
        for lane, (first, end) in bounds.items():
            place = self._places[lane]
            if place < first:
                if filling := self._fillings.get(lane):
                    await self._seal(filling)
                is_gap = True
                metrics.GAP_RECORDS.inc(first - place)
                logger.error(
                    "lane %d: %d records are missing in the history, offsets %d to %d: the log lost them before "
                    "they were archived. The history continues at %d",
                    *(lane, first - place, place, first, first),
                )
                self._places[lane] = self._sealed[lane] = self._unpublished[lane] = first
            elif place > end:
                if self._sealed[lane] > end:
                    raise Mismatch(
                        f"lane {lane}: the history ends at {self._sealed[lane]}, but the log at {end}: was an older "
                        "backup of it restored? Name another folder with archive, or restore the log"
                    )
                is_gap = True
                logger.error("lane %d: the log has lost its last records, from %d on; they are not archived", lane, end)
                self._fillings.pop(lane, None)
                self._places[lane] = self._sealed[lane]
        if not is_gap:
            raise Mismatch(str(gap)) from gap
