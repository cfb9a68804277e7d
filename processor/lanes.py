"""All lanes of this process: opened when the lease is ours, fed by the stream, ticked, trimmed, watched."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from processor import metrics
from processor.fold import Fold
from processor.lease import Lease
from processor.retention import trim
from processor.rules import RULES
from processor.store import StoreUnavailable
from processor.worker import LaneWorker
from wakeline.log import Entry, Log, LogGap, LogUnavailable

logger = logging.getLogger("wakeline.processor")

ROOM_RECORDS = 64_000  # of the batches under way: small ones share an fsync, several large ones take turns with Redis
TICK_S = 0.5
STALL_S = 60.0  # records wait and no place moves: the process ends and is started anew
TRIM_S = 60.0


class LeaseLost(Exception):
    """Another processor owns the lanes now."""


class Stalled(Exception):
    """Records wait, Redis answers, and nothing is applied."""


class Lanes:
    """`make` builds the worker of one lane. The first failure ends up in `failed`, and so does the process."""

    def __init__(
        self,
        count: int,
        *,
        lease: Lease,
        log: Log,
        keep_records: int,
        keep_ms: int,
        make: Callable[[int], tuple[Fold, LaneWorker]],
    ) -> None:
        self.count = count
        self._keep_records = keep_records
        self._keep_ms = keep_ms
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        made = [make(lane) for lane in range(count)]
        self._folds = [fold for fold, _ in made]
        self._workers = [worker for _, worker in made]
        self._lease = lease
        self._log = log
        self._under_way = 0  # records
        self._freed = asyncio.Event()
        self._latest: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._owned = False

    async def own(self) -> None:
        """Wait for the lease, then open every lane. Raises LogGap or LaneTorn."""
        await self._lease.acquire()
        for worker in self._workers:
            await self._open(worker)
        self._owned = True
        metrics.LANES_OWNED.set(self.count)
        logger.info("owning %d lanes", self.count)
        duties = (self._keep(), self._tick(), self._trim(), self._watch())
        self._tasks += [asyncio.create_task(self._guard(duty)) for duty in duties]

    async def _open(self, worker: LaneWorker) -> None:
        while True:
            try:
                await worker.open()
                return
            except (StoreUnavailable, LogUnavailable) as error:
                logger.warning("lane %d is not open yet: %s", worker.lane, error)
                await asyncio.sleep(1.0)

    def places(self) -> dict[int, int]:
        """Lane -> the offset to read next."""
        return {worker.lane: worker.place.offset for worker in self._workers}

    async def submit(self, lane: int, entries: list[Entry]) -> None:
        """Hand a batch to its lane. Batches of one lane are applied in order; returns when there is room."""
        while self._under_way and self._under_way + len(entries) > ROOM_RECORDS:
            self._freed.clear()
            await self._freed.wait()
        self._under_way += len(entries)
        before = self._latest.get(lane)
        self._latest[lane] = asyncio.create_task(self._apply(lane, entries, before))

    async def _apply(self, lane: int, entries: list[Entry], before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            if not self.failed.done():
                await self._workers[lane].apply(entries)
        except Exception as error:
            self.fail(error)
        finally:
            self._under_way -= len(entries)
            self._freed.set()

    def fail(self, error: BaseException) -> None:
        """Ends the process: its supervisor starts another one from the places in Redis."""
        if not self.failed.done():
            self.failed.set_exception(error)

    async def close(self) -> None:
        """Finish what is being written, then let go of the lanes."""
        for task in self._tasks:
            task.cancel()
        if running := [task for task in self._latest.values() if not task.done()]:
            await asyncio.wait(running, timeout=5.0)
        if self._owned:
            await self._lease.release()

    def observe_rules(self) -> None:
        """Bring the metrics of the rules up to date, before a scrape."""
        for name, _, _ in RULES:
            seconds = sum(fold.seconds[name] for fold in self._folds)
            counter = metrics.RULE_SECONDS.labels(name)
            counter.inc(seconds - counter._value.get())
        metrics.RULE_EVENTS.inc(sum(fold.timed for fold in self._folds) - metrics.RULE_EVENTS._value.get())

    async def _guard(self, task: Any) -> None:
        try:
            await task
        except Exception as error:
            self.fail(error)

    async def _keep(self) -> None:
        await self._lease.keep()
        raise LeaseLost("another processor owns the lanes now")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.time_ns() // 1_000_000
            try:
                for worker in self._workers:
                    if await worker.tick(now):
                        metrics.TICKS.inc()
            except LogUnavailable as error:
                logger.debug("no tick: %s", error)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_S)
            oldest = time.time_ns() // 1_000_000 - self._keep_ms
            try:
                for lane, place in self.places().items():
                    await trim(self._log, lane, place=place, max_records=self._keep_records, oldest=oldest)
            except LogUnavailable as error:
                logger.debug("not trimmed: %s", error)

    async def _watch(self) -> None:
        """A consumer may stall without a word. Redis being away is no stall: then nothing can be read."""
        places, since = self.places(), time.monotonic()
        while True:
            await asyncio.sleep(5.0)
            try:
                bounds = await self._log.bounds(list(range(self.count)))
            except LogUnavailable:
                since = time.monotonic()
                continue
            now = self.places()
            for lane, place in now.items():
                if place > bounds[lane].end:
                    raise LogGap(f"lane {lane} stands at {place}, but the log now ends at {bounds[lane].end}")
            behind = sum(bounds[lane].end - place for lane, place in now.items())
            if now != places or behind <= 0:
                places, since = now, time.monotonic()
            elif time.monotonic() - since > STALL_S:
                raise Stalled(f"{behind} records wait and nothing was applied for {STALL_S:.0f} s")
