"""Processors that start, stop, are paused or cut off: a lane always has one writer."""

from __future__ import annotations

import asyncio
import random
import signal
import time

import redis

from benchmarks.waiting import until
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.books import LANES
from tests.integration.kill.proxy import Fate, Word, proxy
from tests.integration.kill.services import Service
from wakeline.keys import Keys

TURNS = 10
STALL_S = 30.0
PAUSED_S = 60.0
LOSSES = 20  # of each word
REPEATED = 10  # appends of the collector


class Stall:
    """The longest time without progress of a lane that constantly receives records."""

    def __init__(self, stage: Stage) -> None:
        self.longest = 0.0
        self._stage = stage

    async def watch(self) -> None:
        places = self._stage.books.places()
        since = [time.monotonic()] * LANES
        while True:
            await asyncio.sleep(0.1)
            now, found = time.monotonic(), self._stage.books.places()
            for lane in range(LANES):
                self.longest = max(self.longest, now - since[lane])
                if found[lane] != places[lane]:
                    since[lane] = now
            places = found


async def come_and_go(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Two alternate: the second starts, the first is stopped, ten times."""
    stage.collector.start()
    stage.processor.start()
    stall = Stall(stage)
    async with stage.load(seed) as sent:
        await until(stage.books.moved, "the first works")
        watching = asyncio.create_task(stall.watch())
        here, other = stage.processor, stage.standby
        for _ in range(TURNS):
            await comes(stage, other)
            here.signal(signal.SIGTERM)
            await until(lambda here=here: not here.is_alive, "it ends")  # type: ignore[misc]
            await every_lane_moves(stage)
            here, other = other, here
        watching.cancel()
    outcome.at_most("longest stall s", stall.longest, STALL_S)
    outcome.is_exactly("turns", stage.processor.starts + stage.standby.starts, TURNS + 1)
    await stage.settle(revives=False)
    await stage.audit(outcome, sent)


async def comes(stage: Stage, service: Service) -> None:
    """It stands by if one process owns all lanes, otherwise it has its share of them."""
    shown = "owning lanes" if stage.log else "standing by"
    before = service.said().count(shown)
    service.start()
    await until(lambda: service.said().count(shown) > before, "the second is there")


async def every_lane_moves(stage: Stage, *, within: float = 2 * STALL_S) -> float:
    """Seconds until records were applied in every lane."""
    began, before = time.monotonic(), stage.books.places()

    def moves() -> bool:
        return all(now > then for then, now in zip(before, stage.books.places(), strict=True))

    await until(moves, "records are applied in every lane", within=within)
    return time.monotonic() - began


async def killed_beside_another(stage: Stage, seed: int, outcome: Outcome) -> None:
    """The standby, or the owner of the other lanes, takes over."""
    stage.collector.start()
    stage.processor.start()
    async with stage.load(seed) as sent:
        await until(stage.books.moved, "the first works")
        await comes(stage, stage.standby)
        stage.processor.kill()
        outcome.at_most("taken over in s", await every_lane_moves(stage), STALL_S)
    await stage.settle(revives=False)
    await stage.audit(outcome, sent)


async def paused(stage: Stage, seed: int, outcome: Outcome, *, pause_s: float = PAUSED_S) -> None:
    """Paused for longer than its lease, with a write in flight that still arrives."""
    stage.collector.start()
    async with proxy(stage.server.port) as wire, stage.load(seed) as sent:
        stage.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        stage.processor.start()
        await until(stage.books.moved, "the first works")
        await comes(stage, stage.standby)
        is_frozen = False

        def freeze(word: Word) -> Fate:
            nonlocal is_frozen
            if is_frozen or word is not Word.WRITE:
                return Fate.PASS
            stage.processor.signal(signal.SIGSTOP)
            is_frozen = True
            return Fate.HOLD

        wire.decide = freeze
        await until(lambda: is_frozen, "the first is about to write")
        frozen_at = time.monotonic()
        outcome.at_most("taken over in s", await every_lane_moves(stage), STALL_S)
        await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - frozen_at)))
        wire.held.set()
        stage.processor.signal(signal.SIGCONT)
        written = 0
        process = stage.processor.pid
        ending = time.monotonic()
        while stage.processor.is_alive:
            written += sum(f":{process}:" in writer for writer in writers(stage))
            assert time.monotonic() < ending + STALL_S, "the one that was paused goes on as if nothing had happened"
            await asyncio.sleep(0.05)
        written += sum(f":{process}:" in writer for writer in writers(stage))
        outcome.is_exactly("lanes it wrote to", written, 0)
    await stage.settle(revives=False)
    outcome.is_exactly("ends of the other", stage.ends(stage.standby), 0)
    await stage.audit(outcome, sent)


def writers(stage: Stage) -> list[str]:
    """Each lane's last writer: host:process:token:number of the call."""
    with redis.Redis.from_url(stage.server.url, decode_responses=True) as client:
        return [client.hget(Keys().lane(lane), "writer") or "" for lane in range(LANES)]


async def replies_lost(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Redis executed a write but its reply is lost: the processor retries, and recognises its write by the stamp.

    The collector on that Redis cannot know, so it answers 503, and repeated events count once.
    """
    rng = random.Random(seed)
    said: Word | None = None
    async with proxy(stage.server.port) as wire, proxy(stage.server.port) as intake:
        wire.decide = lambda word: Fate.LOSE_REPLY if word is said and rng.random() < 0.2 else Fate.PASS
        stage.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        stage.collector.flags["redis"] = f"redis://127.0.0.1:{intake.port}/0"
        stage.collector.start()
        stage.processor.start()
        async with stage.load(seed) as sent:
            for said in (word for word in Word if stage.on_redis(word)):
                before = wire.losses
                await until(lambda before=before: wire.losses >= before + LOSSES, f"replies are lost: {said.name}")  # type: ignore[misc]
            said = None
            if not stage.log:
                intake.decide = lambda word: (
                    Fate.LOSE_REPLY if word is Word.APPEND and rng.random() < 0.1 else Fate.PASS
                )
                await until(lambda: intake.losses >= REPEATED, "answers to the collector are lost")
                intake.decide = lambda word: Fate.PASS
        outcome.shows("replies lost", wire.losses + intake.losses)
        await stage.settle()
        outcome.is_exactly("ends of the processor", stage.ends(stage.processor), 0)
        await stage.audit(outcome, sent)
