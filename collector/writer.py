"""Group commit: whatever waits is written by one append, as soon as the last append is done.

One task writes, one write is under way at a time, and a request is answered when the write that holds its records
is on disk: in the log, or in the spool while the log is away or slow. The log is opened again and the spool
drained meanwhile; what comes in goes behind what is spooled, so that the order of each lane holds. Where there is no
spool every request is told so at once. An outage may last for days and ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import uniform
from typing import NamedTuple

from collector.metrics import Metrics
from collector.spool import Spool
from collector.spool_frames import Records
from wakeline.log import Log, LogUnavailable

logger = logging.getLogger("wakeline.collector")

MAX_EVENTS = 20_000  # that wait at most: about two seconds' worth
MAX_BYTES = 16 * 1_048_576
MAX_GROUP = 1_000  # records in one append: a script holds the server while it runs
DEADLINE_S = 5.0  # above a slow fsync, below what a browser waits for
CHECK_S = 0.25  # how exactly the deadline is kept
PATIENCE_S = 1.0  # with an append where there is a spool: every answer within 2 s, also while a broker is paused
CLOSE_S = 2.0
FIRST_REST_S, LONGEST_REST_S = 0.05, 1.0  # between attempts to open the log


class Waiting(NamedTuple):
    """One request's records; `done` becomes whether they are on disk."""

    records: Records
    size: int
    since: float
    done: asyncio.Future[bool]


class GroupCommit:
    """`open_log` gives a log and its number of lanes, or raises LogUnavailable. `lanes`, if known before that."""

    def __init__(
        self,
        open_log: Callable[[], Awaitable[tuple[Log, int]]],
        metrics: Metrics,
        *,
        spool: Spool | None = None,
        lanes: int = 0,
    ) -> None:
        self.lanes = lanes  # 0: not known before the log was open for the first time
        self._open_log = open_log
        self._metrics = metrics
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Waiting] = deque()
        self._writing: list[Waiting] = []
        self._wake: asyncio.Future[None] | None = None
        self._check: asyncio.TimerHandle | None = None
        self._log: Log | None = None  # open, but what is spooled may not be in it yet
        self._direct: Log | None = None  # the same, once events go straight to it
        self._rest = 0.0  # before the log is tried again

    @property
    def log_and_lanes(self) -> tuple[Log | None, int]:
        """To read from; None while it is away."""
        return self._log, self.lanes

    @property
    def is_open(self) -> bool:
        """Whether events go straight to the log."""
        return self._direct is not None

    @property
    def can_spool(self) -> bool:
        """Whether events may go to the spool; a disk may still refuse."""
        return self._spool is not None and self._spool.takes_events and self.lanes > 0

    def submit(self, records: Records, size: int) -> asyncio.Future[bool]:
        """Resolves to whether the records (`size` bytes) are on disk: at once to False if there is neither log
        nor spool or no room, and at the latest after DEADLINE_S. False promises nothing: they may still get there.
        """
        done: asyncio.Future[bool] = self._loop.create_future()
        metrics = self._metrics
        count = len(records)
        is_refused = self._direct is None and not self.can_spool
        if is_refused or metrics.waiting + count > MAX_EVENTS or metrics.waiting_bytes + size > MAX_BYTES:
            metrics.unavailable += count
            done.set_result(False)
            return done
        metrics.waiting += count
        metrics.waiting_bytes += size
        self._queue.append(Waiting(records, size, self._loop.time(), done))
        self._nudge()
        if self._check is None:
            self._check = self._loop.call_later(CHECK_S, self._check_deadlines)
        return done

    async def answers(self, within_s: float) -> bool:
        """Whether events would be taken now, by the log or the spool."""
        if self._direct is not None:
            with suppress(LogUnavailable, TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._direct.identity()
                    return True
        return self._spool is not None and self.can_spool and await self._spool.takes_a_write()

    async def run(self) -> None:
        """Until cancelled. Raises what `open_log` raises besides LogUnavailable: a deployment that does not fit."""
        try:
            while True:
                log = await self._away()
                try:
                    await self._hand_over(log)
                    while True:
                        await self._write_group(log)
                        self._rest = 0.0
                except LogUnavailable as error:
                    self._failed(error)
                finally:
                    self._direct = None
                if not self.can_spool:
                    self._refuse_all()
        finally:
            spool, self._spool = self._spool, None  # whoever comes now is refused
            self._refuse_all()
            if spool is not None:
                spool.close()
            await self._close_log()

    # ---- the log is away ------------------------------------------------------------------------

    async def _away(self) -> Log:
        """Spool what comes in until the log is back and holds nearly all that was spooled."""
        back = self._loop.create_task(self._back())
        back.add_done_callback(self._nudge)
        try:
            while not back.done():
                if self._queue:
                    self._writing, records = self._take()
                    await self._put_into_spool(records)
                else:
                    await self._woken()
            return back.result()
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)

    async def _back(self) -> Log:
        """Open the log and drain the spool into it, again and again, down to a group."""
        if self._spool is not None:
            await self._spool.take_stock()
        while True:
            await self._close_log()
            if self._rest:
                await asyncio.sleep(uniform(self._rest / 2, self._rest))
            try:
                self._log, self.lanes = await self._open_log()
                self._metrics.log_open = True
                logger.info("the log is open, %d lanes", self.lanes)
                if self._spool is not None:
                    await self._spool.keep_lanes(self.lanes)
                    await self._spool.drain_left_behind(self._log, self.lanes, group=MAX_GROUP)
                    await self._spool.drain(self._log, self.lanes, group=MAX_GROUP, down_to=MAX_GROUP)
                return self._log
            except LogUnavailable as error:
                self._failed(error)

    async def _hand_over(self, log: Log) -> None:
        """Drain the last of the spool, while what comes in waits; from then on it goes straight to the log."""
        if self._spool is not None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._spool.drain(log, self.lanes, group=MAX_GROUP)
            except TimeoutError as error:
                raise LogUnavailable(f"it did not take the rest of the spool within {PATIENCE_S:g} s") from error
        self._direct = log

    async def _put_into_spool(self, records: Records) -> None:
        """All that `_writing` holds; where there is no spool it is refused."""
        is_on_disk = False
        if self._spool is not None and self.can_spool:
            is_on_disk = await self._spool.append(records, lanes=self.lanes)
        self._settle(self._writing, is_on_disk=is_on_disk)
        self._writing = []

    def _failed(self, error: LogUnavailable) -> None:
        if self.is_open or not self._rest:  # said once an outage
            logger.warning(
                "%s until the log is back: %s", "events are spooled" if self.can_spool else "no events are taken", error
            )
        self._metrics.log_errors += 1
        self._rest = min(max(self._rest * 2, FIRST_REST_S), LONGEST_REST_S)

    async def _close_log(self) -> None:
        log, self._log = self._log, None
        self._metrics.log_open = False
        if log is not None:
            with suppress(LogUnavailable, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await log.close()

    # ---- the log is there -----------------------------------------------------------------------

    async def _write_group(self, log: Log) -> None:
        while not self._queue:
            await self._woken()
        self._writing, records = self._take()
        began = self._loop.time()
        try:
            if self.can_spool:
                async with asyncio.timeout(PATIENCE_S):
                    await log.append(records)
            else:
                await log.append(records)
        except (LogUnavailable, TimeoutError) as error:
            await self._put_into_spool(records)  # it may be in the log as well: counted once all the same
            raise LogUnavailable(str(error) or f"an append took more than {PATIENCE_S:g} s") from error
        except Exception as error:  # a bug in this group must not end the intake; it is refused and logged
            logger.exception("an append failed")
            self._settle(self._writing, is_on_disk=False)
            self._writing = []
            raise LogUnavailable(f"an append failed: {error!r}") from error
        self._metrics.append_seconds.observe(self._loop.time() - began)
        self._metrics.group_records.observe(len(records))
        self._settle(self._writing, is_on_disk=True)
        self._writing = []

    # ---- what waits -----------------------------------------------------------------------------

    async def _woken(self) -> None:
        self._wake = self._loop.create_future()
        await self._wake
        self._wake = None

    def _nudge(self, _: object = None) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _take(self) -> tuple[list[Waiting], list[tuple[int, bytes]]]:
        """As many whole requests as fit a group, at least one."""
        group: list[Waiting] = []
        records: list[tuple[int, bytes]] = []
        queue = self._queue
        while queue and (not group or len(records) + len(queue[0].records) <= MAX_GROUP):
            waiting = queue.popleft()
            group.append(waiting)
            records += waiting.records
        return group, records

    def _settle(self, group: Sequence[Waiting], *, is_on_disk: bool) -> None:
        """Answer for requests that are in neither list any more: each is settled once."""
        metrics = self._metrics
        for waiting in group:
            count = len(waiting.records)
            metrics.waiting -= count
            metrics.waiting_bytes -= waiting.size
            if is_on_disk:
                metrics.accepted += count
            else:
                metrics.unavailable += count
            if not waiting.done.done():  # else its request was cancelled
                waiting.done.set_result(is_on_disk)

    def _refuse_all(self) -> None:
        """All that waits, also what came while the last write was under way."""
        group = [*self._writing, *self._queue]
        self._writing = []
        self._queue.clear()
        self._settle(group, is_on_disk=False)

    def _check_deadlines(self) -> None:
        self._check = None
        overdue = self._loop.time() - DEADLINE_S
        late = [waiting for waiting in self._writing if waiting.since <= overdue]
        self._writing = self._writing[len(late) :]
        while self._queue and self._queue[0].since <= overdue:
            late.append(self._queue.popleft())
        self._settle(late, is_on_disk=False)
        if self._queue or self._writing:
            self._check = self._loop.call_later(CHECK_S, self._check_deadlines)
