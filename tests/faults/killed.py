"""A processor that is killed or stopped at the worst moment."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import closing
from typing import Any

from benchmarks.waiting import until
from crm.sites import SiteFacts
from processor.replay import replay
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.proxy import Fate, Proxy, Word, proxy
from tests.integration.kill.traffic import SITE
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.lanes import FIELDS, stored_deployment
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect

KILLS = 5  # of one seed
STOPS = 2
AGAIN = 2  # key version of a log folded again
CAUGHT_UP_S = 60.0
EXIT_S = 10.0

WORDS = [(word, fate) for word in Word for fate in (Fate.LOSE_REQUEST, Fate.LOSE_REPLY)]
TIMES_S = {"as it starts": (0.0, 1.5), "as it catches up": (0.0, 0.1), "at work": (0.1, 1.0)}


async def processor(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed at random times, and right before or after Redis executed a request.

    Its log, folded again into another version with a crash in the middle, must give the same result.
    """
    rng = random.Random(seed)
    stage.collector.start()
    async with proxy(stage.server.port) as wire, stage.load(seed) as sent:
        stage.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        words = [(word, fate) for word, fate in WORDS if stage.on_redis(word)]
        for moment in rng.sample([*words, *TIMES_S], KILLS):
            if isinstance(moment, str):
                await kill_at_a_time(stage, moment, rng.uniform(*TIMES_S[moment]))
            else:
                await kill_at_a_word(stage, wire, *moment, after=rng.randrange(40))
            stage.books.free_the_lease()
        stage.processor.flags["redis"] = stage.server.url
    outcome.at_most("caught up s", await stage.settle(), CAUGHT_UP_S)
    await stage.audit(outcome, sent)
    with closing(await folded_again(stage, rng)) as books:
        outcome.is_exactly("differences if folded again", len(books.differences(sent.truth)), 0)


async def kill_at_a_time(stage: Stage, moment: str, pause_s: float) -> None:
    before = stage.books.moved()
    stage.processor.start()
    if moment != "as it starts":
        await until(lambda: stage.books.moved() > before, "it works")
    await asyncio.sleep(pause_s)
    stage.processor.kill()


async def kill_at_a_word(stage: Stage, wire: Proxy, word: Word, fate: Fate, *, after: int) -> None:
    """Kill it at occurrence number `after` of a request `word`."""
    left = after

    def decide(said: Word) -> Fate:
        nonlocal left
        left -= said is word
        return fate if left < 0 else Fate.PASS

    killed = asyncio.Event()

    def kill() -> None:
        if not killed.is_set():
            stage.processor.kill()
            killed.set()

    wire.decide, wire.lost = decide, kill
    stage.processor.start()
    await until(killed.is_set, f"it says {word.name}")
    wire.decide, wire.lost = lambda word: Fate.PASS, lambda: None


async def folded_again(stage: Stage, rng: random.Random) -> Books:
    """The books of another version, folded from the log in other batches."""
    stage.books.lift_tombstones()
    crashes = iter([False] * rng.randrange(16) + [True])

    def progress(records: int) -> None:
        if next(crashes, False):
            raise ZeroDivisionError

    async with connect(stage.server.url) as redis:
        facts: dict[str, Any] = {
            "sites": {SITE: SiteFacts(stage.site)},
            "deployment": stored_deployment(await redis.hmget(DEPLOYMENT, FIELDS)),
            "key_space": Keys(AGAIN),
        }
        log = await open_log(stage.settings, LANES)
        try:
            await replay(log, redis, batch_records=rng.randrange(1, 40), progress=progress, **facts)
        except ZeroDivisionError:
            await replay(log, redis, batch_records=rng.randrange(40, 400), **facts)
        await log.close()
    return Books(stage.server.url, stage.tail, AGAIN)


async def processor_told_to_stop(stage: Stage, seed: int, outcome: Outcome) -> None:
    """SIGTERM while a write to Redis is in flight."""
    rng = random.Random(seed)
    stage.collector.start()
    async with proxy(stage.server.port) as wire, stage.load(seed) as sent:
        stage.processor.flags["redis"] = f"redis://127.0.0.1:{wire.port}/0"
        for _ in range(STOPS):
            left = rng.randrange(5, 60)
            told = asyncio.Event()

            def stop(word: Word, told: asyncio.Event = told) -> Fate:
                nonlocal left
                left -= word is Word.WRITE
                if left < 0 and not told.is_set():
                    stage.processor.signal(signal.SIGTERM)
                    told.set()
                return Fate.PASS

            wire.decide = stop
            stage.processor.start()
            await until(told.is_set, "it writes")
            began = time.monotonic()
            await until(lambda: not stage.processor.is_alive, "it ends", within=3 * EXIT_S)
            outcome.at_most("exit s", time.monotonic() - began, EXIT_S)
            outcome.is_exactly("exit code", stage.processor.exit_code or 0, 0)
        stage.processor.flags["redis"] = stage.server.url
    await stage.settle()
    await stage.audit(outcome, sent)
