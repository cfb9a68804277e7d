"""Group commit: all waiting records are written by one append, as soon as the previous append is done.

One task writes, with one write in flight. A request is answered when the write with its records is on disk: in the log,
or in the spool while the log is down or slow. Meanwhile the log is reopened and the spool drained; new records are
spooled behind the others, to keep the order in each lane. Without a spool, requests are refused at once. An outage may
last for days; recovery is automatic.

What a request tells of cards is on disk in Redis before its records are appended. While Redis alone is away, such
requests are spooled, with their encrypted cards, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import uniform

from collector.customer_cards import CustomerCards
from collector.metrics import Metrics
from collector.spool import Spool
from collector.spool_frames import Records
from collector.waiting import Requests
from wakeline.cards.card import Card
from wakeline.cards.sealing import Sealed
from wakeline.cards.writing import CardsUnavailable
from wakeline.log import Log, LogUnavailable

logger = logging.getLogger("wakeline.collector")

MAX_GROUP = 1_000  # records in one append: a script blocks the server while it runs
PATIENCE_S = 1.0  # timeout of an append if there is a spool: every answer within 2 s, even while a broker is paused
CLOSE_S = 2.0
FIRST_REST_S, LONGEST_REST_S = 0.05, 1.0  # between attempts to open the log


class GroupCommit:
    """`open_log` returns a log and its number of lanes, or raises LogUnavailable. `lanes`: if known before.

    Without `cards` requests that tell any are refused.
    """

    def __init__(
        self,
        open_log: Callable[[], Awaitable[tuple[Log, int]]],
        metrics: Metrics,
        *,
        spool: Spool | None = None,
        lanes: int = 0,
        cards: CustomerCards | None = None,
    ) -> None:
        self.lanes = lanes  # 0: unknown until the log was open for the first time
        self._open_log = open_log
        self._metrics = metrics
        self._spool = spool
        self._cards = cards
        self._requests = Requests(metrics)
        if cards is not None:
            cards.nudge = self._requests.nudge
        self._log: Log | None = None  # open, but may lack spooled records
        self._ends: dict[int, int] = {}  # lane -> the offset after the latest record that was appended directly
        self._direct: Log | None = None  # the same, once events are appended to it directly
        self._rest = 0.0  # seconds until the log is retried

    @property
    def log_and_lanes(self) -> tuple[Log | None, int]:
        """For reading; None while it is down."""
        return self._log, self.lanes

    def end_of(self, lane: int) -> int | None:
        """The offset after a record of the lane that is in the log, and perhaps after later ones; None: not known."""
        return self._ends.get(lane)

    @property
    def is_open(self) -> bool:
        """Whether events are appended to the log directly."""
        return self._direct is not None

    @property
    def can_spool(self) -> bool:
        """Whether events may be spooled; a disk may still refuse."""
        return self._spool is not None and self._spool.takes_events and self.lanes > 0

    def submit(self, records: Records, size: int, cards: Sequence[Card] = ()) -> asyncio.Future[bool]:
        """Resolves to whether the records (`size` bytes) are on disk, after DEADLINE_S at the latest, and before them
        what they tell of `cards`.

        It is False at once if there is neither log nor spool, or no space. After False they may still be written.
        """
        if (self._direct is None and not self.can_spool) or (cards and self._cards is None):
            return self._requests.refused(records)
        return self._requests.add(records, size, cards)

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
                    if self._cards is not None:
                        self._cards.forget_outage()
                if not self.can_spool:
                    self._requests.refuse_all()
        finally:
            spool, self._spool = self._spool, None  # later requests are refused
            self._requests.refuse_all()
            if spool is not None:
                spool.close()
            if self._cards is not None:
                await self._cards.close()
            await self._close_log()

    # ---- the log is away ------------------------------------------------------------------------

    async def _away(self) -> Log:
        """Spool new records until the log is back and holds nearly all spooled ones."""
        back = asyncio.create_task(self._back())
        back.add_done_callback(self._requests.nudge)
        try:
            while not back.done():
                if self._requests:
                    self._requests.take(MAX_GROUP)
                    await self._put_into_spool(await self._sealed())
                else:
                    await self._requests.woken()
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
                    write = self._write_cards
                    await self._spool.drain_left_behind(self._log, self.lanes, group=MAX_GROUP, cards=write)
                    await self._spool.drain(self._log, self.lanes, group=MAX_GROUP, down_to=MAX_GROUP, cards=write)
                return self._log
            except LogUnavailable as error:
                self._failed(error)

    async def _hand_over(self, log: Log) -> None:
        """Drain the last of the spool while new records wait; then append directly."""
        if self._spool is not None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._spool.drain(log, self.lanes, group=MAX_GROUP, cards=self._write_cards)
            except TimeoutError as error:
                raise LogUnavailable(f"the rest of the spool was not appended within {PATIENCE_S:g} s") from error
        self._direct = log

    async def _put_into_spool(self, cards: Sequence[Sealed] = (), *, only_with_cards: bool = False) -> None:
        """Spool all records being written, or those that tell of cards; without a spool they are refused."""
        group = self._requests.with_cards() if only_with_cards else self._requests.writing
        records = [record for waiting in group for record in waiting.records]
        is_on_disk = False
        if self._spool is not None and self.can_spool:
            is_on_disk = await self._spool.append(records, lanes=self.lanes, cards=cards)
        self._requests.finish(group, is_on_disk=is_on_disk)

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
        while not self._requests and not self._cards_are_back:
            await self._requests.woken()
        if self._cards_are_back:
            await self._catch_up(log)
        self._requests.take(MAX_GROUP)
        if (cards := await self._sealed()) and not await self._are_written(cards):
            await self._put_into_spool(cards, only_with_cards=True)
        records = self._requests.records()
        if not records:
            return
        began = time.monotonic()
        try:
            if self.can_spool:
                async with asyncio.timeout(PATIENCE_S):
                    ends = await log.append(records)
            else:
                ends = await log.append(records)
        except (LogUnavailable, TimeoutError) as error:
            await self._put_into_spool()  # it may be in the log too, but counts once
            raise LogUnavailable(str(error) or f"an append took more than {PATIENCE_S:g} s") from error
        except Exception as error:  # a bug in this group must not stop the intake; it is refused and logged
            logger.exception("an append failed")
            self._requests.finish(is_on_disk=False)
            raise LogUnavailable(f"an append failed: {error!r}") from error
        self._metrics.append_seconds.observe(time.monotonic() - began)
        self._ends.update(ends)
        self._metrics.group_records.observe(len(records))
        self._requests.finish(is_on_disk=True)

    # ---- cards ----------------------------------------------------------------------------------

    @property
    def _cards_are_back(self) -> bool:
        return self._cards is not None and self._cards.are_back

    async def _sealed(self) -> list[Sealed]:
        """The cards of what is being written; requests whose cards cannot be encrypted are refused."""
        group = self._requests.with_cards()
        if not group or self._cards is None:
            return []
        found = await self._cards.sealed([card for waiting in group for card in waiting.cards], PATIENCE_S)
        if found is None:
            self._requests.finish(group, is_on_disk=False)
        return found or []

    async def _are_written(self, cards: Sequence[Sealed]) -> bool:
        return self._cards is not None and await self._cards.are_written(cards, self.lanes, PATIENCE_S)

    async def _write_cards(self, cards: Sequence[Sealed]) -> None:
        assert self._cards is not None
        await self._cards.write(cards, lanes=self.lanes)

    async def _catch_up(self, log: Log) -> None:
        """Append a group of what was spooled as its cards could not be written; the last one ends that.

        Nothing is added to the spool meanwhile, or it would never be found empty.
        """
        assert self._cards is not None
        drained: int | None = 0
        if self._spool is not None:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    drained = await self._spool.drain_one(log, self.lanes, group=MAX_GROUP, cards=self._write_cards)
                    while drained and not self._spool.records:
                        drained = await self._spool.drain_one(log, self.lanes, group=MAX_GROUP, cards=self._write_cards)
            except CardsUnavailable as error:
                self._cards.failed(str(error))
                return
            except TimeoutError:
                drained = None
        if drained is None:
            self._cards.look_again()
        elif not drained:
            self._cards.is_over()
