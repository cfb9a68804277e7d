"""One lane's worker: loads what a batch touches, folds it, and writes changes and place in one call.

While Redis or the log is down, it keeps the batch and retries. A record that can never be folded (`Invalid`) becomes
a dead letter, in the same write as the place. Any other error is a bug: the death is recorded, and the process ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec

from crm.dead import named_by
from crm.out import Verdict
from processor import metrics, naming
from processor.batch import Batch, Invalid, Item, Who, batch_of, chunks
from processor.changes import Changes
from processor.clock import keep_order
from processor.firing import before_all
from processor.fold import Fold
from processor.lane_protocol import LanePlace
from processor.loaded import Loaded
from processor.memory import LaneMemory
from processor.observing import observe
from processor.outbox import Outbox
from processor.store import LaneLost, LaneTorn, Owed, Store, StoreUnavailable
from processor.writes import Place, commands
from wakeline.log import Entry, Log, LogGap, LogUnavailable
from wakeline.record import Tick, encode_record

logger = logging.getLogger("wakeline.processor")

MOST_PEOPLE = 6_000  # and things, while very many are due or are unlinked: those of the batch, and the latest others
REMEMBERED_PEOPLE = 4_000  # of one lane
DEFERRED_MS = 3_600_000  # how long a deadline that ended the process is put off
OUTBOX_AT_ONCE = 100
RETRY_S = 0.05  # before the first retry; then twice as long each time, up to 2 s
DEATHS_BEFORE_CARE = 2  # after so many deaths at one place, records are applied one by one
TICK_TEXT = encode_record(Tick())

T = TypeVar("T")


class LaneWorker:
    """Owns one lane as long as its revision is unchanged. `writer` names this process in the lane's stamp.

    `outbox` sends what the lane owes others; without it, a batch is applied once that is sent.
    """

    def __init__(self, fold: Fold, store: Store, log: Log, *, writer: str, outbox: Outbox | None = None) -> None:
        self.lane = fold.lane
        self.place = LanePlace()
        self.next_due: int | None = None
        self._fold = fold
        self._store = store
        self._log = log
        self._writer = writer
        self._outbox = outbox
        self._calls = 0
        self._memory = LaneMemory()
        self._ticked = 0
        self._busy = asyncio.Lock()

    async def open(self) -> int:
        """Claim the lane, and check that the log contains its place; returns the offset to read from.

        Raises LogGap or LaneTorn if the lane's numbers would be wrong, and LaneMoved if a replay holds it.
        """
        async with self._busy:  # so that `check` does not compare the lane with its former place
            return await self._open()

    async def _open(self) -> int:
        self._memory = LaneMemory()
        if self._outbox is not None:
            self._outbox.forget(self.lane)
        self.place = await self._store.claim(self.lane, self._memory, writer=self._writer)
        self._fold.begins = self.place.begins
        if self.place.torn:
            raise LaneTorn(f"lane {self.lane} was left half-written: `wakeline replay --lane {self.lane}` rebuilds it")
        identity = await self._log.identity()
        if self.place.log and self.place.log != identity:
            raise LogGap(f"lane {self.lane} is at {self.place.offset} of log {self.place.log}, this is {identity}")
        self.place.log = identity
        bounds = (await self._log.bounds([self.lane]))[self.lane]
        if not bounds.first <= self.place.offset <= bounds.end:
            gap = max(bounds.first - self.place.offset, self.place.offset - bounds.end)
            raise LogGap(
                f"lane {self.lane} is at {self.place.offset}, the log has {bounds.first} to {bounds.end}: "
                f"{gap} records are missing"
            )
        self.next_due = await self._store.next_due(self.lane)
        await self._store.name_dead_letters(self.lane)
        await self._store.say_held(self.lane, place=self.place)
        await self._empty_outbox()
        return self.place.offset

    async def apply(self, entries: list[Entry]) -> None:
        """Fold a batch and write it. Returns when it is written, however long Redis is down."""
        async with self._busy:
            entries = [entry for entry in entries if entry.offset >= self.place.offset]  # without redelivered ones
            if not entries:
                return
            if entries[0].offset != self.place.offset:
                raise LogGap(f"lane {self.lane} is at {self.place.offset}, was given {entries[0].offset}")
            keep_order(entries, self.place.clock)
            batch = self._fold.decode(entries)
            try:
                if self._is_careful:
                    await self._apply_with_care(batch.items)
                else:
                    await self._apply(batch)
            except (asyncio.CancelledError, LogGap, LaneTorn, LaneLost):
                raise
            except Exception:
                await self._retry(lambda: self._store.died(self.lane, offset=self.place.offset))
                raise

    async def _apply(self, batch: Batch) -> None:
        memory = self._memory
        memory.shrink(REMEMBERED_PEOPLE)
        lists = self._fold.top_lists(batch)
        memory.tops.forget_but(lists)
        await self._load(memory.unknown(batch.people), lists - memory.tops.loaded.keys())
        if memory.outside and (asked := memory.asked_for(batch)):
            await self._retry(lambda: self._store.recall(self.lane, asked, memory))
        for chunk in chunks(batch):
            while chunk:
                memory.make_room(MOST_PEOPLE, keep=batch)
                await self._fill_deadlines(chunk)
                await self._load(await self._retry(partial(naming.fill, self._store, self.lane, chunk, memory)), set())
                changes = self._fold.begin(memory, step=self.place.step)
                await self._go_on(chunk, changes)
                self._fold.finish(changes)
                done, chunk = chunk[: changes.folded], chunk[changes.folded :]
                await self._write(changes, done)
                self._observe(done, changes)

    async def _go_on(self, items: list[Item], changes: Changes) -> None:
        self._fold.go_on(items, self._memory, changes)

    async def _apply_with_care(self, items: list[Item]) -> None:
        """Apply one record at a time: one that would end the process becomes a dead letter, and the lane continues.

        If a deadline would, the person's deadlines are put off: a later version may handle them.
        """
        logger.warning("lane %d: %d deaths, applying one by one from %d", self.lane, self.place.deaths, items[0].offset)
        waiting = deque(items)
        while waiting:
            item = waiting[0]
            try:
                await self._apply(batch_of([item]))
                waiting.popleft()
            except (asyncio.CancelledError, LogGap, LaneTorn, LaneLost):
                raise
            except Exception as error:
                whose, self._fold.firing = self._fold.firing, None
                await self._reload()
                if whose is None:
                    logger.exception("lane %d: record %d is dead-lettered: a rule raised", self.lane, item.offset)
                    await self._bury(item, error)
                    waiting.popleft()
                else:
                    logger.exception("lane %d: a deadline before record %d raised", self.lane, item.offset)
                    metrics.DEADLINE_FAILURES.inc()
                    await self._put_off(whose, item.time + DEFERRED_MS)

    async def _reload(self) -> None:
        """Discard unwritten changes."""
        self._memory = LaneMemory()
        self.place = await self._retry(lambda: self._store.place(self.lane, self._memory))

    async def _bury(self, item: Item, error: Exception) -> None:
        """Write a dead letter instead of the record's changes."""
        self._memory.clock.meet(item.time)
        self._memory.clock.folded = item.time
        dead = self._fold.fold([], self._memory)
        dead.now = item.time
        value = item.record.value if isinstance(item.record, Invalid) else encode_record(item.record)
        text = "".join(traceback.format_exception(error))
        record = Invalid(value, "bug", named_by(value))
        await self._load_named(record)
        dead.dead.append(self._fold.letter(item, record, self._memory, text))
        dead.ledger[Verdict.DEAD] += 1
        await self._write(dead, [item])
        self._observe([item], dead)

    async def _load_named(self, record: Invalid) -> None:
        """Load whom a dead letter names. A state that cannot be read, which may be what raised, counts as none."""
        for who in record.named.people:
            try:
                await self._load({who}, set())
            except (ValueError, msgspec.MsgspecError):
                self._memory.remember({who: Loaded(None, {}, 0)})

    async def _put_off(self, whose: Who, at: int) -> None:
        """Put a person's deadlines off until append time `at` (ms). Its state is not read: that may be what raised."""
        later = self._fold.fold([], self._memory, step=self.place.step)
        later.due["/".join(whose)] = at
        await self._write(later, [])

    async def _write(self, changes: Changes, done: list[Item]) -> None:
        """Write the changes by the records in `done` and by the deadlines before the next record."""
        place = Place(self.place.log, self.place.offset, self.place.clock, changes.step)
        if done:
            place = place._replace(offset=done[-1].offset + 1, clock=done[-1].time)
        writes = commands(changes, self._fold, self._memory, place)
        self._calls += 1
        stamp = f"{self._writer}:{self._calls}"
        left = self.place
        began = time.perf_counter()
        # Repeats the same call: if it was applied and its answer lost, the stamp shows it.
        written = await self._retry(lambda: self._store.write(self.lane, writes, place=left, stamp=stamp))
        self.next_due = written.next_due
        self._memory.note_lowest(written.lowest)
        metrics.WRITE_SECONDS.observe(time.perf_counter() - began)
        self.place.revision += 1
        self.place.writer = stamp
        self.place.offset, self.place.step, self.place.clock = place.offset, place.step, place.clock
        if written.owed != []:
            await self._empty_outbox(written.owed)

    async def _fill_deadlines(self, items: list[Item]) -> None:
        """Load the deadlines up to the append time of the last of these records, at most as many as fire in a call."""
        deadlines, horizon = self._memory.deadlines, items[-1].time
        if self.next_due is None or self.next_due > horizon:
            deadlines.fill([], horizon=horizon, is_all=True)
            return
        most = before_all(items, self._memory.clock.folded)
        due = await self._retry(lambda: self._store.due(self.lane, upto=horizon, most=most))
        deadlines.fill(due, horizon=horizon, is_all=len(due) < most)
        unknown = self._memory.unknown(who for _, _, who in due)
        if self._is_careful:  # to know whose state cannot be read
            for who in sorted(unknown):
                self._fold.firing = who
                await self._load({who}, set())
            self._fold.firing = None
        else:
            await self._load(unknown, set())

    @property
    def _is_careful(self) -> bool:
        return self.place.deaths >= DEATHS_BEFORE_CARE and self.place.died_at == self.place.offset

    async def _load(self, who: set[Who], lists: set[str]) -> None:
        if who or lists:
            elsewhere = {one for one in who if not self._fold.lives_here(one)}
            await self._retry(lambda: self._store.load(self.lane, who, lists, self._memory, elsewhere=elsewhere))

    async def _empty_outbox(self, owed: list[Owed] | None = None) -> None:
        """Append the outbox's records to the log, in order. After a crash they may be sent twice, but count once.

        `owed`: all that the outbox has, if that is known.
        """
        if owed is not None:
            await (self._send(owed) if self._outbox is None else self._outbox.put(self.lane, owed))
            return
        while waiting := await self._retry(lambda: self._store.outbox(self.lane, most=OUTBOX_AT_ONCE)):
            await self._send(waiting)

    async def _send(self, waiting: list[Owed]) -> None:
        await self._retry(lambda: self._log.append([(target, value) for _, target, value in waiting]))
        await self._retry(lambda: self._store.sent({self.lane: [id for id, _, _ in waiting]}))

    async def tick(self, now: int) -> bool:
        """Append a tick if a deadline has passed (`now`: ms) and nothing else moves the lane's clock."""
        due = self.next_due
        if due is None or due > now or self._busy.locked() or now - self._ticked < 1_000:
            return False
        self._ticked = now
        await self._log.append([(self.lane, TICK_TEXT)])
        return True

    async def check(self) -> None:
        """Raises LaneLost if the lane is no longer as this process left it, as when Redis was restored from a backup.

        A lane with records learns this from its next write; this check is for lanes without any.
        """
        if self._busy.locked():
            return
        async with self._busy:
            if await self._store.is_lost(self.lane, place=self.place):
                raise LaneLost(f"lane {self.lane} is not as it was left at revision {self.place.revision}")

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        wait = 0.0
        while True:
            try:
                found = await call()
            except (StoreUnavailable, LogUnavailable) as error:
                if not wait:
                    logger.warning("lane %d waits at offset %d: %s", self.lane, self.place.offset, error)
                    metrics.WAITING.inc()
                wait = min(2.0, wait * 2 or RETRY_S)
                await asyncio.sleep(wait)
                continue
            if wait:
                logger.info("lane %d continues", self.lane)
                metrics.WAITING.dec()
            return found

    def _observe(self, items: list[Item], changes: Changes) -> None:
        observe(self.lane, items, changes)
