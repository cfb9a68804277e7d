"""Replay: fold the log again into another key version. Nothing is appended to the log: deltas and ticks are in it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from redis.asyncio import Redis

from crm.sites import SiteFacts
from processor.batch import Item, Who
from processor.changes import Changes
from processor.command import Command
from processor.fold import Fold
from processor.lane_protocol import LanePlace
from processor.memory import LaneMemory
from processor.store import LaneLost, LaneTorn, Store, StoreUnavailable
from processor.worker import DEATHS_BEFORE_CARE, LaneWorker
from wakeline import patience
from wakeline.durations import DAY_MS
from wakeline.keys import MINUTE_TTL_MS, Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry, Log, LogGap, LogUnavailable

logger = logging.getLogger("wakeline.processor")

BATCH_RECORDS = 2_000  # at once: its write holds the server that serves the live version too
GRACE_MS = DAY_MS  # what has expired since is kept for so long: the fold may come back to it
RETRY_S = 0.5
WAIT_MS = 500  # for records that are known to be there

T = TypeVar("T")
Progress = Callable[[int], None]


async def replay(
    log: Log,
    redis: Redis,
    *,
    sites: Mapping[str, SiteFacts],
    deployment: Deployment,
    key_space: Keys,
    batch_records: int = BATCH_RECORDS,
    progress: Progress = lambda records: None,
) -> None:
    """Bring every lane of `key_space`, which must not be live, to where the log ended when this was called.

    It goes on where an earlier, cut replay into the same version stopped. `progress` is told how many records each
    write added. Raises LogGap where the log does not reach back far enough.
    """
    made = Replay(
        log,
        redis,
        sites=sites,
        deployment=deployment,
        key_space=key_space,
        batch_records=batch_records,
        progress=progress,
    )
    for lane, bounds in (await log.bounds(range(deployment.lanes))).items():
        await made.advance(lane, upto=bounds.end)


class Replay:
    """One key version in the making. `moved`: see `Store`; `clock`: this machine's, ms.

    Every method waits while Redis, the log or the history is away, and raises LogGap where they do not hold what
    comes next, LaneTorn where a write stopped half-way, LaneLost where another replay writes the same lane.
    """

    def __init__(
        self,
        log: Log,
        redis: Redis,
        *,
        sites: Mapping[str, SiteFacts],
        deployment: Deployment,
        key_space: Keys,
        moved: str = "",
        batch_records: int = BATCH_RECORDS,
        progress: Progress = lambda records: None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.keys = key_space
        self._log = log
        self._store = ReplayStore(redis, key_space=key_space, moved=moved)
        self._sites = sites
        self._deployment = deployment
        self._batch_records = batch_records
        self._progress = progress
        self._clock = clock
        self._writer = f"replay:{secrets.token_hex(8)}"
        self._workers: dict[int, ReplayWorker] = {}

    async def place(self, lane: int) -> LanePlace:
        """Where a lane stands; from now on it is this replay's."""
        return (await self._worker(lane)).place

    async def advance(self, lane: int, *, upto: int) -> None:
        """Fold a lane up to offset `upto`, exactly."""
        deaths = 0
        while (place := (await self.place(lane)).offset) < upto:
            worker = await self._worker(lane)
            limit = min(self._batch_records, upto - place)
            entries = await self._read(lane, place, limit)
            if not entries:
                raise LogGap(f"lane {lane}: the log ends at {place}, before {upto}")
            now = self._clock()
            self._store.age = max(0, now - entries[-1].time)
            worker.fold.leave_live_windows(before=now - MINUTE_TTL_MS)
            try:
                await worker.apply(entries)
            except (LaneLost, LaneTorn, LogGap):
                del self._workers[lane]
                raise
            except Exception:  # a rule raised. As the live lane did: again, then with care, see `LaneWorker`
                del self._workers[lane]
                deaths += 1
                if deaths > DEATHS_BEFORE_CARE:
                    raise
                continue
            deaths = 0
            self._progress(worker.place.offset - place)

    def release(self, lane: int) -> None:
        """Another one writes the lane from here on."""
        self._workers.pop(lane, None)

    async def _read(self, lane: int, place: int, limit: int) -> list[Entry]:
        """None only at the log's end: a broker that is throttled or new to its lanes answers nothing for a while."""
        while True:
            found = await patiently(lambda: self._log.read({lane: place}, limit=limit, wait_ms=WAIT_MS))
            if lane in found or place >= (await patiently(lambda: self._log.bounds([lane])))[lane].end:
                return found.get(lane, [])

    async def _worker(self, lane: int) -> ReplayWorker:
        if lane not in self._workers:
            fold = Fold(lane, sites=self._sites, deployment=self._deployment, key_space=self.keys, emits=False)
            worker = ReplayWorker(fold, self._store, self._log, writer=self._writer)
            await patiently(worker.open)
            self._workers[lane] = worker
        return self._workers[lane]


class ReplayWorker(LaneWorker):
    """Sends nothing, and does not say again what was said when the records were first applied."""

    @property
    def fold(self) -> Fold:
        return self._fold

    async def _empty_outbox(self) -> None:
        pass

    def _observe(self, items: list[Item], changes: Changes) -> None:
        pass


class ReplayStore(Store):
    """Writes with the lifetimes that are left of those that the live version gave. `age`: ms since the append."""

    age = 0

    async def load(self, lane: int, who: Iterable[Who], top_lists: Iterable[str], memory: LaneMemory) -> None:
        """See `Store.load`. Tombstones are those of today: they keep out what they cover from the first record on, but
        this version has forgotten only whom its own records say; it comes to the others where the live one did.
        """
        people = list(who)
        await super().load(lane, people, top_lists, memory)
        for one in people:
            memory.people[one].erased = memory.people[one].state.erased

    async def write(self, lane: int, commands: list[Command], *, place: LanePlace, stamp: str) -> int | None:
        """See `Store.write`."""
        aged = [_aged(command, self.age) for command in commands]
        return await super().write(lane, aged, place=place, stamp=stamp)


def _aged(command: Command, age: int) -> Command:
    if command[0] not in ("PEXPIRE", "SET"):
        return command
    *rest, lifetime = command
    lives = int(lifetime)
    return [*rest, str(max(lives - age, min(lives, GRACE_MS)))]


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, as soon as Redis, the log and the history are there."""
    return await patience.patiently(call, (StoreUnavailable, LogUnavailable), logger, "waiting", pause_s=RETRY_S)
