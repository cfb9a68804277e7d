"""Group commit: all waiting records are written by one append, as soon as the previous append is done.

One task writes, with one write in flight. A request is answered when the write with its records is on disk: in the log,
or in the spool while the log is down or slow. Meanwhile the log is reopened and the spool drained; new records are
spooled behind the others, to keep the order in each lane. Without a spool, requests are refused at once. An outage may
last for days; recovery is automatic.
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

MAX_EVENTS = 20_000  # limit of waiting events: about two seconds' worth
MAX_BYTES = 16 * 1_048_576
MAX_GROUP = 1_000  # records in one append: a script blocks the server while it runs
DEADLINE_S = 5.0  # above a slow fsync, below a browser's timeout
CHECK_S = 0.25  # precision of the deadline
PATIENCE_S = 1.0  # timeout of an append if there is a spool: every answer within 2 s, even while a broker is paused
CLOSE_S = 2.0
FIRST_REST_S, LONGEST_REST_S = 0.05, 1.0  # between attempts to open the log


class Waiting(NamedTuple):
    """One request's records; `done` resolves to whether they are on disk."""

    records: Records
    size: int
    since: float
    done: asyncio.Future[bool]


class GroupCommit:
    """`open_log` returns a log and its number of lanes, or raises LogUnavailable. `lanes`: if known before."""

    def __init__(
        self,
        open_log: Callable[[], Awaitable[tuple[Log, int]]],
        metrics: Metrics,
        *,
        spool: Spool | None = None,
        lanes: int = 0,
    ) -> None:
        self.lanes = lanes  # 0: unknown until the log was open for the first time
        self._open_log = open_log
        self._metrics = metrics
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Waiting] = deque()
        self._writing: list[Waiting] = []
        self._wake: asyncio.Future[None] | None = None
        self._check: asyncio.TimerHandle | None = None
        self._log: Log | None = None  # open, but may lack spooled records
        self._direct: Log | None = None  # the same, once events are appended to it directly
        self._rest = 0.0  # seconds until the log is retried

    @property
    def log_and_lanes(self) -> tuple[Log | None, int]:
        """For reading; None while it is down."""
        return self._log, self.lanes

    @property
    def is_open(self) -> bool:
        """Whether events are appended to the log directly."""
        return self._direct is not None

    @property
    def can_spool(self) -> bool:
        """Whether events may be spooled; a disk may still refuse."""
        return self._spool is not None and self._spool.takes_events and self.lanes > 0

    def submit(self, records: Records, size: int) -> asyncio.Future[bool]:
        """Resolves to whether the records (`size` bytes) are on disk, after DEADLINE_S at the latest.

        It is False at once if there is neither log nor spool, or no space. After False they may still be written.
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
        """Whether events would be accepted now, by the log or the spool."""
        if self._direct is not None:
            with suppress(LogUnavailable, TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._direct.identity()
                    return True
        return self._spool is not None and self.can_spool and await self._spool.takes_a_write()

    async def run(self) -> None:
        """Run until cancelled. Raises errors of `open_log` except LogUnavailable: a deployment that does not match."""
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
            spool, self._spool = self._spool, None  # later requests are refused
            self._refuse_all()
            if spool is not None:
                spool.close()
            await self._close_log()

    # ---- the log is away ------------------------------------------------------------------------

    async def _away(self) -> Log:
        """Spool new records until the log is back and holds nearly all spooled ones."""
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
        """Open the log and drain the spool into it, with retries, down to one group."""
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
        """Drain the last of the spool while new records wait; then append directly."""
        if self._spool is not None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._spool.drain(log, self.lanes, group=MAX_GROUP)
            except TimeoutError as error:
                raise LogUnavailable(f"the rest of the spool was not appended within {PATIENCE_S:g} s") from error
        self._direct = log

    async def _put_into_spool(self, records: Records) -> None:
        """Spool all records in `_writing`; without a spool they are refused."""
        is_on_disk = False
        if self._spool is not None and self.can_spool:
            is_on_disk = await self._spool.append(records, lanes=self.lanes)
        self._settle(self._writing, is_on_disk=is_on_disk)
        self._writing = []

    def _failed(self, error: LogUnavailable) -> None:
        if self.is_open or not self._rest:  # logged once per outage
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
            await self._put_into_spool(records)  # it may be in the log too, but counts once
            raise LogUnavailable(str(error) or f"an append took more than {PATIENCE_S:g} s") from error
        except Exception as error:  # a bug in this group must not stop the intake; it is refused and logged
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
        """As many whole requests as fit into a group, at least one."""
        group: list[Waiting] = []
        records: list[tuple[int, bytes]] = []
        queue = self._queue
        while queue and (not group or len(records) + len(queue[0].records) <= MAX_GROUP):
            waiting = queue.popleft()
            group.append(waiting)
            records += waiting.records
        return group, records

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

    def _refuse_all(self) -> None:
        """Refuse all waiting requests, including those that arrived during the last write."""
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
