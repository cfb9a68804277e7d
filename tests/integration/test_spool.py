"""The spool of a real collector: its server is killed and frozen under load; the collector is killed and loses power.

Events answered with 202 are in the log once it is back, and each counts once.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.exposition import scrape, value
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from tests.integration.kill.books import LANES
from tests.integration.kill.disk import Disk
from tests.integration.kill.load import Load, load, more
from tests.integration.kill.services import Deployment, WatchedCollector, deployment
from tests.integration.kill.traffic import ORIGIN, SITE, Message
from wakeline.log.kafka import KafkaLog

FROZEN_S = 4.0  # above the patience of every client of the server
ANSWER_S = 2.0  # the longest that a sender waits, whatever the log does
BUSY_S = 1.0  # that a machine with other tests at work may add: 2.03 s were seen
KILLS = 3  # of one seed


@pytest.fixture
def made(tmp_path: Path, own_server: Any) -> Iterator[Deployment]:
    with deployment(tmp_path, own_server, find_free_ports(4)) as made:
        made.collector.flags["spool_mb"] = 64
        yield made


def number(made: Deployment, name: str) -> float:
    """One of the collector's metrics."""
    return value(scrape(made.collector.flags["metrics_port"]), f"wakeline_collector_{name}")


async def until_drained(made: Deployment) -> None:
    """Until the log holds all that was spooled, and no file is left of it."""

    def is_drained() -> bool:
        is_empty = number(made, "spool_records") == 0 and number(made, "log_open") == 1
        return is_empty and not list(made.collector.flags["data"].glob("spool/*/*.spool"))

    await until(is_drained, "the spool is drained")


def lost(made: Deployment, sent: Load) -> set[tuple[str, int]]:
    """Events that were answered 202 and that the log does not hold."""
    return sent.answered - made.books.ids()


async def test_a_killed_server_is_noticed_by_nobody(made: Deployment) -> None:
    """202 all the time; then the log holds it all, in the order in which each visitor sent it, and it counts once."""
    made.start_collector()
    made.processor.start()
    async with load(700, made.port) as sent:
        await more(sent, 50)
        made.server.kill()
        await more(sent, 300)
        assert made.status("/readyz") == 200
        assert number(made, "spool_records") > 0
        assert number(made, "spool_oldest_seconds") > 0
        made.server.start()
        await until_drained(made)
        await more(sent, 50)
        assert sent.retried == 0
        assert number(made, "unavailable_total") == 0
        assert number(made, "ledger_difference") == 0
    await until_drained(made)
    assert number(made, "spooled_total") == number(made, "drained_total") > 0
    assert not lost(made, sent)
    await made.until_drained()
    assert made.books.differences(sent.truth) == {}


class Timed(Load):
    """Knows how long the slowest answer took."""

    slowest = 0.0

    async def _post(self, message: Message) -> bool:
        began = time.monotonic()
        is_taken = await super()._post(message)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return is_taken


async def test_a_frozen_server_keeps_nobody_waiting(made: Deployment) -> None:
    made.start_collector()
    made.processor.start()
    async with load(710, made.port, kind=Timed) as sent:
        await more(sent, 50)
        with made.server.paused():
            await asyncio.sleep(FROZEN_S)
            await more(sent, 50)
            assert made.status("/readyz") == 200
        await until_drained(made)
        await more(sent, 50)
        assert sent.retried == 0
        assert sent.slowest < ANSWER_S + BUSY_S
    await until_drained(made)
    assert not lost(made, sent)
    await made.until_drained()
    assert made.books.differences(sent.truth) == {}


@pytest.mark.kill
async def test_what_a_killed_collector_spooled_reaches_the_log(made: Deployment, kill_seed: int) -> None:
    """Killed while it spools, while it drains, and started again while the log is still away."""
    rng = random.Random(kill_seed)
    made.start_collector()
    made.processor.start()
    async with load(720 + kill_seed, made.port) as sent:
        for _ in range(KILLS):
            await more(sent, 50)
            made.server.kill()
            await more(sent, 50)
            await asyncio.sleep(rng.uniform(0, 0.3))
            made.collector.kill()
            made.start_collector()
            await more(sent, 50)
            made.server.start()
            await asyncio.sleep(rng.uniform(0, 0.2))
            made.collector.kill()
            made.start_collector()
        await until_drained(made)
        assert not lost(made, sent)
    await until_drained(made)
    await made.until_drained()
    assert made.books.differences(sent.truth) == {}


@pytest.fixture
def disk(made: Deployment, tmp_path: Path) -> Disk:
    """Of the collector, which is not started yet."""
    return Disk(WatchedCollector(made), tmp_path / "disk", files="spool/*/*")


@pytest.mark.kill
async def test_what_was_spooled_outlives_a_loss_of_power(made: Deployment, disk: Disk, kill_seed: int) -> None:
    """Each file of the spool is cut back to its last sync: no acknowledged event is lost."""
    rng = random.Random(kill_seed)
    disk.start()
    async with load(730 + kill_seed, made.port) as sent:
        await more(sent, 50)
        made.server.kill()
        for _ in range(KILLS):
            await more(sent, 50)
            await asyncio.sleep(rng.uniform(0, 0.3))
            disk.lose_power()
            disk.start()
        made.server.start()
        await until_drained(made)
        assert not lost(made, sent)
    await until_drained(made)
    assert not lost(made, sent)


FORGETFUL = """
from collector import spool_disk

spool_disk._sync_data = lambda descriptor: None
from ops.cli import main
main()
"""


@pytest.mark.kill
async def test_a_spool_that_does_not_wait_for_the_disk_loses_what_was_answered(made: Deployment, disk: Disk) -> None:
    """The test of the test above."""
    made.collector.launcher = FORGETFUL
    disk.start()
    async with load(740, made.port) as sent:
        await more(sent, 50)
        made.server.kill()
        await more(sent, 50)
        assert disk.lose_power() > 0
        disk.start()
        made.server.start()
        await until_drained(made)
        assert lost(made, sent)


async def test_nothing_that_names_an_address_is_spooled(made: Deployment) -> None:
    made.start_collector()
    await until(lambda: made.status("/readyz") == 200, "the log is open")
    made.server.kill()
    now = time.time_ns() // 1_000_000
    event = {"type": "page_view", "page": "page-of-the-address", "n": 0, "time": now, "url": f"{ORIGIN}/x"}
    body = json.dumps({"site": SITE, "consent": "anonymous", "sent": now, "events": [event]}).encode()
    headers = {"Origin": ORIGIN, "Content-Type": "text/plain", "X-Forwarded-For": "203.0.113.77"}
    assert made.status("/v1/events", data=body, headers=headers) == 202
    kept = b"".join(file.read_bytes() for file in sorted(made.collector.flags["data"].glob("spool/*/*")))
    assert b"page-of-the-address" in kept
    assert b"203.0.113.77" not in kept
    assert b"127.0.0.1" not in kept


async def test_two_workers_have_a_spool_each_and_one_drains_both(made: Deployment) -> None:
    """Started again with one worker, it drains what the second had."""
    made.collector.flags["workers"] = 2
    made.start_collector()
    async with load(750, made.port) as sent:
        await more(sent, 50)
        made.server.kill()
        await until(lambda: len(list(made.collector.flags["data"].glob("spool/*/*.spool"))) == 2, "both spool")
        made.collector.signal(signal.SIGTERM)
        await until(lambda: not made.collector.is_alive, "it stops")
        made.collector.flags["workers"] = 1
        made.start_collector()
        made.server.start()
        await until_drained(made)
        assert not lost(made, sent)


async def on_kafka(url: str) -> set[tuple[str, int]]:
    """(page instance, number) of every event in that log."""
    log = await KafkaLog.open(url, LANES)
    found: set[tuple[str, int]] = set()
    places = dict.fromkeys(range(LANES), 0)
    while entries := await log.read(places, limit=10_000, wait_ms=0):
        for lane, read in entries.items():
            places[lane] += len(read)
            found |= {(event["page"], event["n"]) for event in (json.loads(entry.value) for entry in read)}
    await log.close()
    return found


@pytest.mark.parametrize("how", ["paused", "killed"])
async def test_a_broker_that_is_away_keeps_nobody_waiting(
    made: Deployment, own_kafka: Any, topic: str, how: str
) -> None:
    url = f"{own_kafka.url}/{topic}"
    made.collector.flags["log"] = url
    made.start_collector()
    async with load(760, made.port, kind=Timed) as sent:
        await more(sent, 50)
        async with away(own_kafka, how):
            await asyncio.sleep(2 * FROZEN_S)
            await more(sent, 50)
            assert made.status("/readyz") == 200
        await until_drained(made)
        await more(sent, 50)
        assert sent.retried == 0
        assert sent.slowest < ANSWER_S
    await until_drained(made)
    assert sent.answered <= await on_kafka(url)
    assert number(made, "ledger_difference") == 0


@asynccontextmanager
async def away(broker: Any, how: str) -> AsyncIterator[None]:
    if how == "paused":
        with broker.paused():
            yield
    else:
        broker.kill()
        yield
        await asyncio.to_thread(broker.start)  # takes seconds, in which the browsers go on
