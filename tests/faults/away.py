"""Servers that are down for a minute, or hang with open connections."""

from __future__ import annotations

import asyncio
import random
import time

from benchmarks import exposition
from benchmarks.waiting import until
from tests.faults import audit
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, at_work
from tests.integration.kill.load import more
from tests.integration.kill.services import kept
from tests.integration.kill.traffic import now_ms

AWAY_S = 60.0
PAUSED_S = 30.0
NEAR = 500  # records that are pending at any moment under the load: about a second of it
RECOVERED_S = 30.0
DRAINED_S = 60.0
ANSWER_MS = 2_000.0
P99_MS = 100.0
MARGIN_MS = 500  # after the fault began: what was answered before it is on its way


async def redis(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed, and restarted with its files a minute later. With the log on Kafka, the intake is not affected."""
    stage.spool()
    stage.collector.start()
    stage.api.start()
    async with kept(stage.processor), stage.load(seed) as sent:
        await at_work(stage, sent, random.Random(seed))
        began = now_ms()
        stage.server.kill()
        await asyncio.sleep(AWAY_S)
        ended = now_ms()
        await asyncio.to_thread(stage.server.start)
        back = time.monotonic()
        await until(lambda: is_near(stage), "the profiles are up to date", within=3 * RECOVERED_S)
        outcome.at_most("recovers in s", time.monotonic() - back, RECOVERED_S)
        await more(sent, 50)
    p99 = audit.slowest(stage.ledger, 0.99, since=began, until=ended)
    if stage.log:
        outcome.at_most("p99 ms meanwhile", p99, P99_MS)
    else:
        outcome.shows("p99 ms meanwhile", p99)
    outcome.is_exactly("refused", audit.answers(stage.ledger)[503], 0)
    outcome.is_exactly("ends of collector and api", stage.ends(stage.collector, stage.api), 0)
    await stage.settle()
    await stage.audit(outcome, sent)


async def kafka(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed, and restarted with its files a minute later."""
    assert stage.broker is not None
    stage.spool()
    stage.collector.start()
    async with kept(stage.processor), stage.load(seed) as sent:
        await at_work(stage, sent, random.Random(seed))
        stage.broker.kill()
        began = now_ms() + MARGIN_MS
        await asyncio.sleep(AWAY_S)
        ended = now_ms()
        spooled = exposition.value(stage.collected(), "wakeline_collector_spooled_total")
        await asyncio.to_thread(stage.broker.start)
        back = time.monotonic()
        await until(stage.is_drained, "the spool is drained", within=2 * DRAINED_S)
        outcome.at_most("drained in s", time.monotonic() - back, DRAINED_S)
        await more(sent, 50)
    taken = audit.answers(stage.ledger, since=began, until=ended)
    outcome.shows("spooled", spooled)
    outcome.at_least("202 meanwhile", taken[202], 1)
    outcome.is_exactly("202 and not spooled", max(0, taken[202] - spooled), 0)
    outcome.is_exactly("ends of the collector", stage.ends(stage.collector), 0)
    await stage.settle()
    await stage.audit(outcome, sent)


async def kafka_paused(stage: Stage, seed: int, outcome: Outcome) -> None:
    """It is up but answers nothing."""
    stage.spool()
    stage.collector.start()
    async with kept(stage.processor), stage.load(seed) as sent:
        await at_work(stage, sent, random.Random(seed))
        stage.lose_log()
        await asyncio.sleep(PAUSED_S)
        stage.give_log_back()
        back = time.monotonic()
        await until(stage.is_drained, "the spool is drained", within=2 * DRAINED_S)
        outcome.shows("drained in s", time.monotonic() - back)
        await more(sent, 50)
    outcome.at_most("slowest answer ms", audit.slowest(stage.ledger, 1.0), ANSWER_MS)
    outcome.is_exactly("unanswered or refused", audit.answers(stage.ledger)[0] + audit.answers(stage.ledger)[503], 0)
    await stage.settle()
    await stage.audit(outcome, sent)


def is_near(stage: Stage) -> bool:
    """Whether the spool is drained and no more records are pending than normally under load."""
    return stage.is_drained() and stage.books.moved() > stage.books.length() - NEAR
