"""One case on real workers and a real server: as it happened, and otherwise.

live      the processor folds while records come; what its lanes tell each other is appended. It may be killed
settled   the log as it is in the end, lane by lane, cut otherwise; what would be appended is kept aside
restored  Redis as it was at an earlier moment, the log as it is in the end
replayed  the log folded into another version of the keys
"""

from __future__ import annotations

import importlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import RedisError

from processor import metrics
from processor.batch import in_order
from processor.command import Command
from processor.replay import Replay
from processor.store import Store, StoreUnavailable, Written
from tests.log_alone.cases import Case
from tests.log_alone.endings import telling_ends
from tests.log_alone.facts import EVERY_LANE
from tests.log_alone.holdings import LIVES, Holdings, holdings
from tests.log_alone.memory_redis import MEMORY, MemoryRedis
from tests.replay_stand import Fuse, FusedLog, Killed, rebuilt
from tests.timeline import SITE, START, Kept, Timeline
from wakeline import keys
from wakeline.keys import Keys
from wakeline.log import Entry
from wakeline.log.memory import MemoryLog
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import Delta, Tick, decode_record, encode_record
from wakeline.settings import Site

LONG_AGO = 0  # now, to a replay: so it gives the lifetimes and the live windows that the live version gave
SOON = {"processor.worker.RETRY_S": 1e-6}
TICK = encode_record(Tick())
BEFORE, UNHEARD, TORN, UNANSWERED = "before", "unheard", "torn", "unanswered"
FAULTS = (BEFORE, UNHEARD, TORN, UNANSWERED)
"""What happens to a write: it never comes to the server; it does, and the process ends before it knows; it stops
half-way; it happens, its reply is lost, and the process goes on."""

Lanes = list[list[Entry]]


class Fault(NamedTuple):
    kind: str
    at: int  # number of the write, from 1
    within: float = 0.5  # 0 to 1: where in it, if it is torn


class FaultyStore(Store):
    """Lets one write of a processor fail, and keeps what Redis held after some. Appends and `sent` are writes too."""

    def watch(self, made: Timeline, fuse: Fuse, fault: Fault | None, keeps: Callable[[int], bool]) -> None:
        """From here on. `keeps` is told how often lanes were written."""
        self.fuse, self.fault, self.keeps = fuse, fault, keeps
        self.kept: list[Kept] = []
        self._made = made
        self._written = 0
        if fault is not None and fault.kind in (BEFORE, UNHEARD):
            fuse.set(fault.at, is_late=fault.kind == UNHEARD)

    async def write(self, lane: int, commands: list[Command], **more: Any) -> Written:
        fault = self.fault if self.fault and self.fuse.calls + 1 >= self.fault.at else None
        if fault and fault.kind == TORN:
            at = int(fault.within * (len(commands) + 1))
            commands = [*commands[:at], ["LPUSH", self.keys.lane(lane), "a hash is no list"], *commands[at:]]
        found = await self.fuse(super().write(lane, commands, **more))
        self._written += 1
        if self.keeps(self._written):
            self.kept.append(await self._made.backup())
        if fault and fault.kind == UNANSWERED:
            self.fault = None
            raise StoreUnavailable("the reply was lost")
        return found

    async def sent(self, sent: Mapping[int, list[bytes]]) -> None:
        await self.fuse(super().sent(sent))


class Lived(NamedTuple):
    """A live run: what it came to, its log, how often it wrote, what Redis held at some moments, when it ended, ms."""

    holdings: Holdings
    lanes: Lanes
    writes: int
    kept: list[Kept]
    now: int


class SettledLog(MemoryLog):
    """A log as it is; what a processor would append is kept aside."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(len(lanes))
        self._lanes = [list(entries) for entries in lanes]
        self.told: list[tuple[int, bytes]] = []

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        self.told += records
        return {}


class SettledStreams(RedisStreamsLog):
    """The same on Redis Streams, with the append times that the records have."""

    def __init__(self, url: str, lanes: int) -> None:
        super().__init__(url, lanes)
        self.told: list[tuple[int, bytes]] = []

    async def fill(self, lanes: Lanes) -> None:
        for lane, entries in enumerate(lanes):
            for entry in entries:
                fields: Any = {"t": entry.time, "v": entry.value}
                await self._writer.xadd(keys.log_lane(lane), fields, id=f"0-{entry.offset + 1}")

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        self.told += records
        return {}


@contextmanager
def lowered(bounds: dict[str, Any]) -> Iterator[None]:
    """Module attributes by their dotted names have these values."""
    before = []
    for name, value in bounds.items():
        module, _, attribute = name.rpartition(".")
        place = importlib.import_module(module)
        if hasattr(place, attribute):
            before.append((place, attribute, getattr(place, attribute)))
            setattr(place, attribute, value)
    try:
        yield
    finally:
        for place, attribute, value in before:
            setattr(place, attribute, value)


@asynccontextmanager
async def deployment(url: str, case: Case, log: Any = None, site: Site = SITE) -> AsyncIterator[Timeline]:
    """An empty server and workers that are not started yet. `url`: MEMORY for Redis in memory."""
    redis: Any = MemoryRedis() if url == MEMORY else None
    made = Timeline(url, lanes=case.lanes, sites=(site,), redis=redis)
    made.log = log or made.log
    if isinstance(made.log, MemoryLog):
        made.log._id = "the one log"
    await made.redis.flushdb()
    try:
        with lowered(case.bounds | SOON), telling_ends() if case.kind.tells_ends else nullcontext():
            yield made
    finally:
        await made.close()


async def live(
    url: str,
    case: Case,
    *,
    fault: Fault | None = None,
    keeps: Callable[[int], bool] = lambda written: False,
    site: Site = SITE,
) -> Lived:
    """Records come one by one; a processor that ends is started again, a torn lane is rebuilt first."""
    async with deployment(url, case, site=site) as made:
        plain, fuse, gaps = made.log, Fuse(), metrics.HOP_GAPS._value.get()
        made.log = FusedLog(plain, fuse)
        store = made.store = FaultyStore(made.redis, key_space=Keys())
        await made.start()
        store.watch(made, fuse, fault, keeps)

        async def revived(act: Callable[[], Awaitable[Any]]) -> None:
            try:
                await act()
            except (Killed, RedisError):
                fuse.set(float("inf"))
                store.fault = None
                await restart(made)
                await act()

        for step in case.steps:
            made.now = max(made.now, START + step.at)
            if step.ticks:
                await revived(lambda: ticked(made))
            lanes = range(case.lanes) if step.whose == EVERY_LANE else [made.lane(step.whose)]
            await plain.append([(lane, step.value) for lane in lanes])
            if step.folds:
                await revived(lambda: made.run(batch=case.batch))
        made.now += case.end
        await plain.append([(lane, TICK) for lane in range(case.lanes)])
        await revived(lambda: settle(made, batch=case.batch))
        if missing := metrics.HOP_GAPS._value.get() - gaps:
            raise AssertionError(f"{missing:g} times deltas never came")
        return Lived(await holdings(made.redis), plain._lanes, fuse.calls, store.kept, made.now)


async def ticked(made: Timeline, *, at_once: bool = False) -> bool:
    """As a processor does twice a second; whether a lane got a tick. `at_once`: also within a second of another."""
    for worker in made.workers:
        worker._ticked = 0 if at_once else worker._ticked
    return any([await worker.tick(made.now) for worker in made.workers])


async def settle(made: Timeline, *, batch: int) -> None:
    """All is folded and no deadline has passed; a lane gets a tick a second at most, which may be for some of them."""
    await made.run(batch=batch)
    while await ticked(made, at_once=True):
        await made.run(batch=batch)


async def restart(made: Timeline) -> None:
    """Another process takes the lanes; who runs it rebuilds those that are torn."""
    for lane in range(made.deployment.lanes):
        if await made.redis.hget(made.store.keys.lane(lane), "torn") == b"1":
            await rebuilt(made, made.redis, made.log, lane, now=LONG_AGO)
    await made.start()


async def settled(
    url: str, case: Case, lanes: Lanes, *, batch: int, on_streams: bool = False
) -> tuple[Holdings, Holdings]:
    """What Redis holds, and what each lane would have told others. `on_streams`: the log lies on Redis Streams."""
    log: SettledLog | SettledStreams = SettledStreams(url, len(lanes)) if on_streams else SettledLog(lanes)
    told: Holdings = {}
    async with deployment(url, case, log) as made:
        if isinstance(log, SettledStreams):
            await log.fill(lanes)
        await made.start()
        for worker in made.workers:
            log.told.clear()
            while found := await log.read({worker.lane: worker.place.offset}, limit=batch, wait_ms=int(on_streams)):
                await worker.apply(found[worker.lane])
            told[f"told by lane {worker.lane}"] = _messages(log.told)
        if isinstance(log, SettledStreams):
            await log.close()
        return await holdings(made.redis), told


def _messages(records: list[tuple[int, bytes]]) -> dict[str, Any]:
    """Shares by their lane, in order, however they were put into deltas; whom to forget, however often it was said."""
    found: dict[str, Any] = {}
    for target, value in records:
        record = decode_record(value)
        if isinstance(record, Delta):
            found.setdefault(f"lane {target}", []).extend(map(msgspec.to_builtins, in_order(record)))
        elif not isinstance(record, Tick):
            whom = f"{type(record).__name__} {record.id} of {getattr(record, 'customer', '')}"
            found[whom] = max(record.time, found.get(whom, 0))
    return found


async def restored(url: str, case: Case, lived: Lived, kept: Kept, *, batch: int) -> Holdings:
    """Redis goes back, the log does not."""
    log = MemoryLog(case.lanes, clock=lambda: lived.now)
    log._lanes = [list(entries) for entries in lived.lanes]
    async with deployment(url, case, log) as made:
        made.now = lived.now
        await made.restore(kept)
        await made.run(batch=batch)
        await log.append([(lane, TICK) for lane in range(case.lanes)])
        await settle(made, batch=batch)
        return await holdings(made.redis)


async def replayed(url: str, case: Case, lived: Lived, *, batch: int, site: Site = SITE) -> Holdings:
    """Into another version, beside the tombstones of today."""
    async with deployment(url, case, SettledLog(lived.lanes), site) as made:
        for key, value in lived.holdings.items():
            if ":tombstone:" in key and not key.endswith(LIVES):
                await made.redis.set(key, value, px=lived.holdings[f"{key}{LIVES}"])
        made_anew = Replay(
            made.log,
            made.redis,
            sites=made.sites,
            deployment=made.deployment,
            key_space=Keys(2),
            crosses=True,
            batch_records=batch,
            clock=lambda: LONG_AGO,
        )
        if isinstance(made.redis, MemoryRedis):
            made.redis.yields = random.Random(case.draws[6])
        ends = await made.log.bounds(range(case.lanes))
        await made_anew.advance({lane: bounds.end for lane, bounds in ends.items()})
        return await holdings(made.redis, Keys(2))
