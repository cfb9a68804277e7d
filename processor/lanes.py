"""The lanes of this process: opens owned lanes, feeds, ticks, trims and watches them, and releases them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Set
from contextlib import suppress
from typing import Any

from crm.rules import names
from processor import metrics
from processor.fold import Fold
from processor.outbox import Outbox
from processor.ownership import Ownership
from processor.retention import ArchiveEnds, trim
from processor.store import LaneLost, LaneMoved, StoreUnavailable
from processor.worker import LaneWorker
from wakeline.log import Entry, Log, LogGap, LogUnavailable
from wakeline.patience import patiently
from wakeline.record import Position
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.processor")

ROOM_RECORDS = 64_000  # in flight: small batches share an fsync, several large ones alternate with Redis
MOST_AT_ONCE = 8_000  # records of one lane that are applied together: what was read while it was busy
TICK_S = 0.5
TELL_S = 1.0
LEAVE_S = 5.0  # to finish writes before the lanes go to another process
WATCH_S = 5.0
STALL_S = 50.0  # if records wait and no place advances for so long, the process exits and is restarted
TRIM_S = 60.0

Assign = Callable[[Set[int]], Awaitable[None]]


class Stalled(Exception):
    """Records wait and Redis answers, but nothing is applied."""


class Lanes:
    """`make` builds a lane's worker. The first failure is set on `failed` and ends the process."""

    def __init__(
        self,
        count: int,
        *,
        ownership: Ownership,
        log: Log,
        keep_records: int,
        keep_ms: int,
        archive_ends: ArchiveEnds,
        outbox: Outbox,
        make: Callable[[int], tuple[Fold, LaneWorker]],
    ) -> None:
        self.count = count
        self.owned: frozenset[int] = frozenset()
        self.generation = 0  # of the owned lanes: batches read for another generation are not applied
        self._keep_records = keep_records
        self._keep_ms = keep_ms
        self._archive_ends = archive_ends
        self._outbox = outbox
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        made = [make(lane) for lane in range(count)]
        self._folds = [fold for fold, _ in made]
        self._workers = [worker for _, worker in made]
        self._ownership = ownership
        self._log = log
        self._under_way = 0  # records
        self._freed = asyncio.Event()
        self._waiting: dict[int, list[Entry]] = {}  # of each lane that is busy, in order
        self._applying: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._sending: asyncio.Task[Any] | None = None  # of the outbox

    # ---- whose they are -----------------------------------------------------------------------

    async def run(self, assign: Assign) -> None:
        """Own lanes until cancelled; `assign` is called with them once they are open.

        Raises OwnershipLost, and LogGap or LaneTorn: a lane is never opened if its numbers would be wrong.
        """

        async def take(lanes: Set[int]) -> None:
            for lane in sorted(lanes):
                if self.failed.done():  # this process is about to end: it takes no more lanes
                    return
                await self._open(self._workers[lane])
            self.owned = frozenset(lanes)
            self.generation += 1
            metrics.LANES_OWNED.set(len(lanes))
            logger.info("owning %s", _named(lanes, self.count))
            await assign(self.owned)

        self._sending = asyncio.create_task(self._guard(self._outbox.run()))
        duties = (self._tick(), self._tell(), self._trim(), self._watch())
        self._tasks += [asyncio.create_task(self._guard(duty)) for duty in duties]
        await self._ownership.run(take, self.leave)

    async def _open(self, worker: LaneWorker) -> None:
        missing = (StoreUnavailable, LogUnavailable, LaneMoved)
        await patiently(worker.open, missing, logger, f"lane {worker.lane} is not open yet")

    async def leave(self) -> None:
        """Finish writes in progress and what they owe, then release the lanes; the next owner applies waiting batches.

        Writes that take too long are abandoned: once the next owner has claimed the lane, they can no longer change it.
        """
        self.owned = frozenset()
        metrics.LANES_OWNED.set(0)
        due = time.monotonic() + LEAVE_S
        if self._applying:
            _, late = await asyncio.wait(self._applying.values(), timeout=LEAVE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._sending is not None and not self._sending.done():
            with suppress(TimeoutError):  # the next owner finds it in Redis
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._outbox.empty()

    async def close(self) -> None:
        """Finish writes in progress, then release the lanes permanently."""
        for task in self._tasks:
            task.cancel()
        await self.leave()
        if self._sending is not None:
            self._sending.cancel()
        await self._ownership.close()

    def places(self) -> dict[int, int]:
        """Lane -> the next offset to read, of owned lanes."""
        return {lane: self._workers[lane].place.offset for lane in self.owned}

    def _positions(self) -> dict[int, Position]:
        """Deadlines that fire before a record are progress too."""
        return {lane: (self._workers[lane].place.offset, self._workers[lane].place.step) for lane in self.owned}

    # ---- what they are given ------------------------------------------------------------------

    async def submit(self, lane: int, entries: list[Entry], *, generation: int) -> None:
        """Hand a batch to its lane; returns when there is room. What comes while that is busy is applied together."""
        while self._under_way and self._under_way + len(entries) > ROOM_RECORDS:
            self._freed.clear()
            await self._freed.wait()
        if generation != self.generation or lane not in self.owned:  # released meanwhile
            return
        self._under_way += len(entries)
        self._waiting.setdefault(lane, []).extend(entries)
        if lane not in self._applying:
            self._applying[lane] = asyncio.create_task(self._apply(lane))

    async def _apply(self, lane: int) -> None:
        """Apply what waits, until nothing does."""
        waiting = self._waiting[lane]
        try:
            while waiting:
                entries = waiting[:MOST_AT_ONCE]
                if lane in self.owned and not self.failed.done():
                    await self._workers[lane].apply(entries)
                del waiting[: len(entries)]
                self._free(len(entries))
        except Exception as error:
            self.fail(error)
        finally:
            del self._waiting[lane], self._applying[lane]
            self._free(len(waiting))

    def _free(self, count: int) -> None:
        self._under_way -= count
        self._freed.set()

    def fail(self, error: BaseException) -> None:
        """End the process: its supervisor starts another one from the places in Redis."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def observe_rules(self) -> None:
        """Bring the metrics of the rules up to date, before a scrape."""
        for name in names():
            seconds = sum(fold.seconds[name] for fold in self._folds)
            counter = metrics.RULE_SECONDS.labels(name)
            counter.inc(seconds - counter._value.get())
        metrics.RULE_EVENTS.inc(sum(fold.timed for fold in self._folds) - metrics.RULE_EVENTS._value.get())

    # ---- duties -------------------------------------------------------------------------------

    async def _guard(self, task: Any) -> None:
        try:
            await task
        except Exception as error:
            self.fail(error)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.time_ns() // 1_000_000
            try:
                for lane in self.owned:
                    if await self._workers[lane].tick(now):
                        metrics.TICKS.inc()
            except LogUnavailable as error:
                logger.debug("no tick: %s", error)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            await self._ownership.commit(self.places())

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_S)
            oldest = time.time_ns() // 1_000_000 - self._keep_ms
            waiting = 0
            try:
                ends = await self._archive_ends()
                for lane, place in self.places().items():
                    done = await trim(
                        self._log, lane, place=place, ends=ends, max_records=self._keep_records, oldest=oldest
                    )
                    waiting += done.waiting
                metrics.UNARCHIVED.set(waiting)
            except (LogUnavailable, *FAILURES) as error:
                logger.debug("not trimmed: %s", error)

    async def _watch(self) -> None:
        """Detect a consumer that stalls silently, and a server restored from an older backup while a lane is idle.

        An unavailable log is not a stall: nothing can be read then.
        """
        places, since = self._positions(), time.monotonic()
        while True:
            await asyncio.sleep(WATCH_S)
            reached = self.places()  # before the log is asked: it is appended to, and folded, while it answers
            try:
                bounds = await self._log.bounds(sorted(self.owned))
            except LogUnavailable:
                since = time.monotonic()
                continue
            now = {lane: position for lane, position in self._positions().items() if lane in bounds}
            for lane in now.keys() & reached.keys():
                if reached[lane] > bounds[lane].end:
                    raise LogGap(f"lane {lane} is at {reached[lane]}, but the log now ends at {bounds[lane].end}")
            await self._check([lane for lane, place in now.items() if places.get(lane) == place])
            behind = sum(bounds[lane].end - place for lane, (place, _) in now.items())
            if now != places or behind <= 0:
                places, since = now, time.monotonic()
            elif time.monotonic() - since > STALL_S:
                raise Stalled(f"{behind} records wait and nothing was applied for {STALL_S:.0f} s")

    async def _check(self, idle: list[int]) -> None:
        generation = self.generation
        for lane in idle:
            try:
                await self._workers[lane].check()
            except StoreUnavailable:
                return
            except LaneLost:
                if lane in self.owned and generation == self.generation:  # otherwise released meanwhile
                    raise


def _named(lanes: Set[int], count: int) -> str:
    if len(lanes) in (0, count):
        return f"{'all' if lanes else 'none of the'} {count} lanes"
    return f"lanes {', '.join(map(str, sorted(lanes)))} of {count}"
