"""Events sent three times, in any order, late, with wrong clocks and from two tabs at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from benchmarks.waiting import until
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.books import LANES
from tests.integration.kill.load import Load, more
from tests.integration.kill.traffic import SITE, Message, Visitor
from wakeline.keys import Keys
from wakeline.lanes import lane_of

LATE_MS = 15 * 60_000  # within a visit
SKEW_MS = 36 * 3_600_000
THRICE = 3
VISITORS = 60  # of the quick row: enough that every kind is there


@dataclass(eq=False)
class Skewed(Message):
    """Sent with a clock that is `skew` ms off, `late` ms after its events happened."""

    skew: int = 0
    late: int = 0

    def body(self) -> dict[str, Any]:
        said = super().body()
        events = [event | {"time": event["time"] + self.skew - self.late} for event in self.events]
        return said | {"sent": said["sent"] + self.skew, "events": events}


class Thrice(Load):
    """Every message is sent three times, in any order, half of the copies from a second tab concurrently.

    Clocks are a day off in either direction, and some events are late. A withdrawal comes last, three times.
    """

    async def browse(self) -> None:
        rng = random.Random(self._rng.random())
        while not self._is_over:
            messages = list(self._skewed(Visitor(next(self._numbers), rng, self.truth), rng))
            last = [message for message in messages if message.consent == "off"]
            copies = [message for message in messages if message.consent != "off"] * THRICE
            rng.shuffle(copies)
            half = len(copies) // 2
            async with asyncio.TaskGroup() as tabs:
                tabs.create_task(self._tab(copies[:half], rng))
                tabs.create_task(self._tab(copies[half:], rng))
            await self._tab(last * THRICE, rng)

    def _skewed(self, visitor: Visitor, rng: random.Random) -> Iterator[Skewed]:
        skew = rng.choice((0, 0, rng.randrange(-SKEW_MS, SKEW_MS)))
        for message in visitor.life():
            late = 0 if message.consent == "off" else rng.choice((0, rng.randrange(LATE_MS)))
            yield Skewed(message.consent, message.events, message.headers, skew, late)

    async def _tab(self, messages: list[Skewed], rng: random.Random) -> None:
        for message in messages:
            await self._deliver(message)
            await asyncio.sleep(rng.uniform(0, 0.15))


async def thrice(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Each event counts once; the last-seen time of profiles never decreases."""
    stage.collector.start()
    stage.processor.start()
    async with stage.load(seed, kind=Thrice) as sent:
        seen = LastSeen(stage, sent)
        looking = asyncio.create_task(seen.watch())
        await until(lambda: len(sent.truth.visitors) >= VISITORS, "visitors came")
        await more(sent, 500)
    await stage.settle()
    looking.cancel()
    seen.look()
    outcome.shows("duplicates", stage.books.ledger()["duplicate"])
    outcome.at_least("looks at last seen", seen.looks, VISITORS)
    outcome.is_exactly("last seen went back", seen.went_back, 0)
    await stage.audit(outcome, sent)


class LastSeen:
    """Last-seen times of visitors and customers, sampled repeatedly."""

    def __init__(self, stage: Stage, sent: Load) -> None:
        self.looks = 0
        self.went_back = 0
        self._stage = stage
        self._sent = sent
        self._latest: dict[str, int] = {}

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.1)

    def look(self) -> None:
        truth = self._sent.truth
        ids = [*truth.customers, *truth.visitors]
        with redis.Redis.from_url(self._stage.server.url) as client, client.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hget(Keys().profile(lane_of(SITE, id, LANES), SITE, id), "last_seen")
            found = pipe.execute()
        for id, value in zip(ids, found, strict=True):
            if value is not None:
                self.looks += 1
                self.went_back += int(value) < self._latest.get(id, 0)
                self._latest[id] = int(value)
