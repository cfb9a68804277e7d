"""Folds the log again into another key version. It appends nothing to the log, which contains all deltas and ticks."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from redis.asyncio import Redis

from crm.sites import SiteFacts
from processor.crossing import Crossing
from processor.fold import Fold
from processor.lane_protocol import LanePlace
from processor.replay_lane import HeardByLane, ReplayStore, ReplayWorker
from processor.store import LaneLost, LaneTorn, StoreUnavailable
from processor.worker import DEATHS_BEFORE_CARE
from wakeline import patience
from wakeline.clock import now_ms
from wakeline.keys import MINUTE_TTL_MS, Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry, Log, LogGap, LogUnavailable
from wakeline.stopping import cancelled

logger = logging.getLogger("wakeline.processor")

BATCH_RECORDS = 2_000  # at once: a write blocks the server, which also serves the live version
RETRY_S = 0.5
STOP_S = 5.0
WAIT_MS = 500  # for records that exist

T = TypeVar("T")
Progress = Callable[[int], None]


async def replay(
    log: Log,
    redis: Redis,
    *,
    sites: Mapping[str, SiteFacts],
    deployment: Deployment,
    key_space: Keys,
    crosses: bool = True,
    batch_records: int = BATCH_RECORDS,
    progress: Progress = lambda records: None,
) -> None:
    """Bring every lane of `key_space`, which must not be live, to the end of the log at the time of the call.

    It continues an earlier, interrupted replay into the same version. `progress` is called with the number of records
    in each write. Raises LogGap if the log does not reach back far enough.
    """
    made = Replay(
        log,
        redis,
        sites=sites,
        deployment=deployment,
        key_space=key_space,
        crosses=crosses,
        batch_records=batch_records,
        progress=progress,
    )
    bounds = await log.bounds(range(deployment.lanes))
    await made.advance({lane: bounds.end for lane, bounds in bounds.items()})


class Replay:
    """A key version being built. `moved`: see `Store`; `clock`: this machine's, ms.

    `crosses`: the shares for customers are computed by the version's own lanes, from the first record of the log on;
    otherwise they are taken from the log's deltas. Every method waits while Redis, the log or the history is down, and
    raises LogGap if the next records are missing, LaneTorn if a write stopped half-way, and LaneLost if another replay
    writes the same lane.
    """

    def __init__(
        self,
        log: Log,
        redis: Redis,
        *,
        sites: Mapping[str, SiteFacts],
        deployment: Deployment,
        key_space: Keys,
        crosses: bool,
        moved: str = "",
        batch_records: int = BATCH_RECORDS,
        progress: Progress = lambda records: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.keys = key_space
        self.crosses = crosses
        self._log = log
        self._redis = redis
        self._moved = moved
        self._sites = sites
        self._deployment = deployment
        self._batch_records = batch_records
        self._progress = progress
        self._clock = clock
        self._writer = f"replay:{secrets.token_hex(8)}"
        self._workers: dict[int, ReplayWorker] = {}
        self._crossing = Crossing(range(deployment.lanes)) if crosses else None

    async def place(self, lane: int) -> LanePlace:
        """A lane's place; from now on this replay writes the lane."""
        return (await self._worker(lane)).place

    async def advance(self, goals: Mapping[int, int]) -> None:
        """Fold lanes up to these offsets; if it crosses, further where another lane needs more shares."""
        crossing = self._crossing
        if crossing is None:
            for lane, upto in goals.items():
                while (await self.place(lane)).offset < upto:
                    await self._step(lane, upto)
            return
        for lane in crossing.goals:
            await self.place(lane)
        crossing.start(goals)
        await _all([self._follow(lane, crossing) for lane in crossing.goals], stop=crossing.stop)
        for worker in self._workers.values():
            await worker.clear_outbox()

    async def _follow(self, lane: int, crossing: Crossing) -> None:
        while await crossing.turn(lane):
            await self._step(lane, crossing.goals[lane])

    async def _step(self, lane: int, upto: int) -> None:
        """Fold the next records of a lane, before offset `upto`."""
        worker = await self._worker(lane)
        place = worker.place.offset
        entries = await self._read(lane, place, min(self._batch_records, upto - place))
        if not entries:
            if self._crossing is not None and self._crossing.end(lane):
                return
            raise LogGap(f"lane {lane}: the log ends at {place}, before {upto}")
        now = self._clock()
        worker.store.age = max(0, now - entries[-1].time)
        worker.fold.leave_live_windows(before=now - MINUTE_TTL_MS)
        try:
            await worker.apply(entries)
        except (LaneLost, LaneTorn, LogGap):
            del self._workers[lane]
            raise
        except Exception:  # a rule raised: retry, then apply one by one, like a live `LaneWorker`
            del self._workers[lane]
            if (await self.place(lane)).deaths > DEATHS_BEFORE_CARE:
                raise
            return
        self._progress(worker.place.offset - place)

    def release(self, lane: int) -> None:
        """Stop writing the lane: another process does from now on."""
        self._workers.pop(lane, None)

    async def _read(self, lane: int, place: int, limit: int) -> list[Entry]:
        """The next records; empty only at the end of the log. Throttled or new brokers may return nothing at first."""
        while True:
            found = await patiently(lambda: self._log.read({lane: place}, limit=limit, wait_ms=WAIT_MS))
            if lane in found or place >= (await patiently(lambda: self._log.bounds([lane])))[lane].end:
                return found.get(lane, [])

    async def _worker(self, lane: int) -> ReplayWorker:
        if lane not in self._workers:
            heard = None if self._crossing is None else HeardByLane(lane, self._deployment.lanes, self._crossing)
            fold = Fold(
                lane,
                sites=self._sites,
                deployment=self._deployment,
                key_space=self.keys,
                emits=False,
                heard=heard,
            )
            store = ReplayStore(self._redis, key_space=self.keys, moved=self._moved)
            worker = ReplayWorker(fold, store, self._log, writer=self._writer, heard=heard)
            await patiently(worker.open)
            self._workers[lane] = worker
        return self._workers[lane]


async def _all(calls: list[Awaitable[None]], *, stop: Callable[[], None]) -> None:
    """Until all are done, or one fails: then the others are told to stop, and it raises that.

    They end after what they are at, since a client that is cancelled within a call may be of no more use.
    """
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    finally:
        stop()
        _, left = await asyncio.wait(tasks, timeout=STOP_S)
        await cancelled(left)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The result of `call`, as soon as Redis, the log and the history are available."""
    return await patience.patiently(call, (StoreUnavailable, LogUnavailable), logger, "waiting", pause_s=RETRY_S)
