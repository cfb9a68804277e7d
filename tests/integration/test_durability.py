"""Events answered with 202 are on disk: collector and server are killed under load, and power fails.

A power failure is simulated by cutting each append-only file back to its last sync (kill/disk.py). The simulation is
tested here too: with a server that syncs late or never, and a collector that trusts it, answered events are lost.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from tests.integration.kill.disk import Disk
from tests.integration.kill.load import Load, load
from tests.integration.kill.services import Deployment, deployment

KILLS = 3  # of one seed

pytestmark = pytest.mark.kill


@pytest.fixture
def made(tmp_path: Path, stopped_server: Any) -> Iterator[Deployment]:
    with deployment(tmp_path, stopped_server, find_free_ports(4)) as made:
        yield made


@pytest.fixture
def disk(made: Deployment, tmp_path: Path) -> Disk:
    """Of the deployment's server, which is not started yet."""
    return Disk(made.server, tmp_path / "disk")


def lost(made: Deployment, sent: Load) -> set[tuple[str, int]]:
    """Events that were answered 202 and that the log does not hold."""
    return sent.answered - made.books.ids()


async def at_work(sent: Load, rng: random.Random) -> None:
    """Until events are answered, and for a random moment longer."""
    before = len(sent.answered)
    await until(lambda: len(sent.answered) > before, "events are answered")
    await asyncio.sleep(rng.uniform(0.0, 0.7))


async def test_what_a_killed_collector_answered_is_in_the_log(made: Deployment, disk: Disk, kill_seed: int) -> None:
    rng = random.Random(kill_seed)
    disk.start()
    made.collector.start()
    made.processor.start()
    async with load(200 + kill_seed, made.port) as sent:
        for _ in range(KILLS):
            await at_work(sent, rng)
            made.collector.kill()
            assert not lost(made, sent)
            made.collector.start()
        await at_work(sent, rng)
        disk.lose_power()
        disk.start()
        assert not lost(made, sent)
    await made.until_drained()
    assert made.books.differences(sent.truth) == {}


async def test_what_was_answered_outlives_a_loss_of_power(made: Deployment, disk: Disk, kill_seed: int) -> None:
    """And the processor goes on where it was: what was sent again counts once."""
    rng = random.Random(kill_seed)
    disk.start()
    made.collector.start()
    made.processor.start()
    async with load(300 + kill_seed, made.port) as sent:
        for _ in range(KILLS):
            await at_work(sent, rng)
            disk.lose_power()
            disk.start()
            assert not lost(made, sent)
    await made.until_drained()
    assert made.processor.starts == 1
    assert made.books.differences(sent.truth) == {}


@pytest.mark.parametrize("policy", ["no", "everysec"])
async def test_nothing_is_answered_that_a_loss_of_power_would_take(made: Deployment, disk: Disk, policy: str) -> None:
    """503 on a server that syncs late and says otherwise; then all that the browsers kept, as soon as it does."""
    made.server.appendfsync = policy
    disk.start()
    made.collector.start()
    async with load(400, made.port) as sent:
        await until(lambda: sent.retried >= 50 or len(sent.answered) >= 50, "events are refused, or on disk")
        disk.lose_power()
        disk.start()
        assert not lost(made, sent)
        if policy == "no":
            assert not sent.answered
        with redis.Redis(port=made.server.port) as client:
            client.config_set("appendfsync", "always")
    await made.until_drained()
    assert made.books.differences(sent.truth) == {}


# ---- the test of the test -------------------------------------------------------------------------

TRUSTING = """
from wakeline.log import redis_streams

async def believed(redis):
    return "always"

redis_streams.appendfsync = believed
from ops.cli import main
main()
"""


@pytest.mark.parametrize("policy", ["no", "everysec"])
async def test_a_collector_that_does_not_wait_for_the_disk_loses_what_it_answered(
    made: Deployment, disk: Disk, policy: str
) -> None:
    made.server.appendfsync = policy
    made.collector.launcher = TRUSTING
    disk.start()
    made.collector.start()
    async with load(600, made.port) as sent:
        await until(lambda: sent.answered, "events are answered")
        if policy == "everysec":
            synced = disk.syncs()
            await until(lambda: disk.syncs() > synced, "the server syncs")
        before = len(sent.answered)
        await until(lambda: len(sent.answered) > before + 20, "some more are answered, before the next second")
        cut = disk.lose_power()
        disk.start()
        assert cut
        assert lost(made, sent)
