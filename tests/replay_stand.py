"""A deployment whose live version is replayed into another one, with a replay that is killed at a chosen call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from processor.replay import Replay
from processor.store import Store
from processor.switch import Switch
from processor.torn import TornLane
from processor.worker import LaneWorker
from tests.timeline import DAY, START, Timeline
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.log import Log
from wakeline.log.memory import MemoryLog
from wakeline.redis.connect import connect

DAYS = [f"2027-01-1{day}" for day in range(4, 10)] + ["2027-01-20", "2027-01-21", "2027-01-22"]
IDS = [*(f"visitor-{number}" for number in range(6)), "@customer0", "@customer1"]


class Killed(BaseException):
    """kill -9 of the replay: nothing catches it."""


class Fuse:
    """Counts a replay's calls to Redis and appends to the log, and kills it at call number `at`."""

    def __init__(self) -> None:
        self.calls = 0
        self.at: float = float("inf")
        self.is_late = False  # the call is carried out, its reply is lost

    def set(self, at: float, *, is_late: bool = False) -> None:
        self.calls, self.at, self.is_late = 0, at, is_late

    async def __call__(self, call: Any) -> Any:
        self.calls += 1
        if self.calls == self.at and not self.is_late:
            call.close()
            raise Killed
        found = await call
        if self.calls == self.at:
            raise Killed
        return found


class FusedLog(MemoryLog):
    """The timeline's log, as the replay sees it."""

    def __init__(self, log: MemoryLog, fuse: Fuse) -> None:
        self.__dict__ = log.__dict__
        self._fuse = fuse

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        return await self._fuse(super().append(records))


class Stand:
    """A timeline whose live version can be replayed into another one, with replays that can be killed."""

    def __init__(self, made: Timeline, url: str) -> None:
        self.made = made
        self.version = 1
        self.fuse = Fuse()
        self.redis = connect(url)
        plain = self.redis.execute_command
        self.redis.execute_command = lambda *args, **more: self.fuse(plain(*args, **more))  # type: ignore[method-assign]
        self.log = FusedLog(made.log, self.fuse) if isinstance(made.log, MemoryLog) else made.log

    @property
    def keys(self) -> Keys:
        return Keys(self.version)

    def parts(self, into: int, *, crosses: bool = True, **more: Any) -> tuple[Switch, Replay]:
        """As a new process would make them."""
        made = self.made
        switch = Switch(self.redis, self.log, live=self.keys, into=Keys(into), lanes=4)
        return switch, Replay(
            self.log,
            self.redis,
            sites=made.sites,
            deployment=made.deployment,
            key_space=Keys(into),
            clock=lambda: made.now,
            crosses=crosses,
            **more,
        )

    async def switch(self, into: int, **more: Any) -> None:
        """Build version `into`, switch to it, and let the live workers follow."""
        switch, replay = self.parts(into, **more)
        await switch.approach(replay)
        await switch.run(replay)
        await self.follow(into)

    async def follow(self, version: int) -> None:
        self.version = version
        self.made.store = Store(self.made.redis, key_space=Keys(version))
        await self.made.start()

    async def owe(self) -> None:
        """The live processor dies between its write and the sending of its deltas."""

        async def dies(worker: LaneWorker, owed: object = None) -> None:
            pass

        kept, LaneWorker._empty_outbox = LaneWorker._empty_outbox, dies  # type: ignore[method-assign]
        try:
            await self.made.run()
        finally:
            LaneWorker._empty_outbox = kept  # type: ignore[method-assign]

    async def numbers(self) -> tuple[dict[str, Any], dict[Any, float]]:
        return await self.made.numbers(IDS, DAYS), await self.made.scores(IDS)


@asynccontextmanager
async def stand(server: Any) -> AsyncIterator[Stand]:
    made = Timeline(server.url)
    await made.redis.flushall()
    await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
    await made.start()
    found = Stand(made, server.url)
    try:
        yield found
    finally:
        found.fuse.set(float("inf"))
        await found.redis.aclose()
        await made.close()


async def rebuilt(
    made: Timeline, redis: Redis, log: Log, lane: int, *, since: str = "start", now: int | None = None
) -> None:
    """Rebuild a torn lane of the live version in place, record by record; `now`: ms, by default made's."""
    torn = TornLane(redis, log, live=made.store.keys, lane=lane, since=since)
    upto = await torn.prepare()
    replay = Replay(
        log,
        redis,
        sites=made.sites,
        deployment=made.deployment,
        key_space=made.store.keys,
        crosses=False,
        moved=str(made.store.keys.version),
        batch_records=1,
        clock=lambda: made.now if now is None else now,
    )
    await torn.rebuild(replay, upto)
