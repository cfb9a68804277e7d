"""Group commit: whatever waits is written by one append, as soon as the last append is done.

One task writes, one write is under way at a time, and a request is answered when the write that holds its
records is on disk. While the log is away every request is told so at once, and the task keeps trying to
open it: an outage may last for days and ends by itself.
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
from wakeline.log import Log, LogUnavailable

logger = logging.getLogger("wakeline.collector")

MAX_EVENTS = 20_000  # that wait at most: about two seconds' worth
MAX_BYTES = 16 * 1_048_576
MAX_GROUP = 1_000  # records in one append: a script holds the server while it runs
DEADLINE_S = 5.0  # above a slow fsync, below what a browser waits for
CHECK_S = 0.25  # how exactly the deadline is kept
FIRST_REST_S, LONGEST_REST_S = 0.05, 1.0  # between attempts to open the log

Records = Sequence[tuple[int, bytes]]


class Waiting(NamedTuple):
    """One request's records; `done` becomes whether they are on disk."""

    records: Records
    size: int
    since: float
    done: asyncio.Future[bool]


class GroupCommit:
    """`open_log` gives a log and its number of lanes, or raises LogUnavailable."""

    def __init__(self, open_log: Callable[[], Awaitable[tuple[Log, int]]], metrics: Metrics) -> None:
        self.lanes = 0  # known once the log was open for the first time
        self._open_log = open_log
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Waiting] = deque()
        self._writing: list[Waiting] = []
        self._wake: asyncio.Future[None] | None = None
        self._check: asyncio.TimerHandle | None = None
        self._log: Log | None = None

    @property
    def is_open(self) -> bool:
        return self._log is not None

    def submit(self, records: Records, size: int) -> asyncio.Future[bool]:
        """Resolves to whether the records (`size` bytes) are on disk: at once to False if there is no log
        or no room, and at the latest after DEADLINE_S. False promises nothing: they may still get there.
        """
        done: asyncio.Future[bool] = self._loop.create_future()
        metrics = self._metrics
        count = len(records)
        if self._log is None or metrics.waiting + count > MAX_EVENTS or metrics.waiting_bytes + size > MAX_BYTES:
            metrics.unavailable += count
            done.set_result(False)
            return done
        metrics.waiting += count
        metrics.waiting_bytes += size
        self._queue.append(Waiting(records, size, self._loop.time(), done))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        if self._check is None:
            self._check = self._loop.call_later(CHECK_S, self._check_deadlines)
        return done

    async def answers(self, within_s: float) -> bool:
        """Whether the log answers now."""
        if self._log is None:
            return False
        try:
            async with asyncio.timeout(within_s):
                await self._log.identity()
        except (LogUnavailable, TimeoutError):
            return False
        return True

    async def run(self) -> None:
        """Until cancelled. Raises what `open_log` raises besides LogUnavailable: a deployment that does not fit."""
        rest = FIRST_REST_S
        while True:
            try:
                self._log, self.lanes = await self._open_log()
                self._metrics.log_open = True
                logger.info("the log is open, %d lanes", self.lanes)
                while True:
                    await self._write_group(self._log)
                    rest = FIRST_REST_S
            except LogUnavailable as error:
                if rest == FIRST_REST_S or self.is_open:
                    logger.warning("no events are taken until the log is back: %s", error)
                self._metrics.log_errors += 1
            finally:
                await self._close()
            await asyncio.sleep(uniform(rest / 2, rest))
            rest = min(rest * 2, LONGEST_REST_S)

    async def _write_group(self, log: Log) -> None:
        while not self._queue:
            self._wake = self._loop.create_future()
            await self._wake
        self._wake = None
        self._writing, records = self._take()
        began = self._loop.time()
        try:
            await log.append(records)
        except LogUnavailable:
            raise
        except Exception as error:  # a bug in this group must not end the intake; it is refused and logged
            logger.exception("an append failed")
            raise LogUnavailable(f"an append failed: {error!r}") from error
        self._metrics.append_seconds.observe(self._loop.time() - began)
        self._metrics.group_records.observe(len(records))
        self._settle(self._writing, is_on_disk=True)
        self._writing = []

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

    async def _close(self) -> None:
        """Refuse all that waits, also what came while the last write was under way."""
        log, self._log = self._log, None
        self._metrics.log_open = False
        group = [*self._writing, *self._queue]
        self._writing = []
        self._queue.clear()
        self._settle(group, is_on_disk=False)
        if log is not None:
            with suppress(LogUnavailable, OSError):
                await log.close()
