"""The log on a real Kafka whose broker is killed, hangs or was never reachable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker, running_broker
from benchmarks.machine import free_port
from benchmarks.waiting import until
from collector.waiting import DEADLINE_S
from tests.logged import values_of
from wakeline.log import LogUnavailable
from wakeline.log.kafka import METHOD_S, KafkaLog

LANES = 4


@pytest.fixture
def own_kafka(broker: Broker) -> Broker:
    """Of this file alone, and running."""
    if broker.process is None:
        broker.start()
    return broker


@pytest.fixture
async def log(own_kafka: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KafkaLog]:
    """Less patient than usual."""
    made = await KafkaLog.open(f"{own_kafka.url}/{topic}", LANES)
    monkeypatch.setattr("wakeline.log.kafka.METHOD_S", 1.0)
    yield made
    await made.close()


def calls(log: KafkaLog) -> list[Callable[[], Awaitable[Any]]]:
    """Every method, once."""
    return [
        lambda: log.append([(0, b"2")]),
        lambda: log.read({0: 0, 1: 0}, limit=1, wait_ms=10),
        lambda: log.bounds([0]),
        lambda: log.trim(0, upto=1),
        lambda: log.append_time(0, 0),
        log.identity,
    ]


async def appended(log: KafkaLog, records: list[tuple[int, bytes]]) -> None:
    """As soon as the log takes them."""

    async def is_taken() -> bool:
        try:
            await log.append(records)
        except LogUnavailable:
            return False
        return True

    await until(is_taken, "the log takes them")


def test_it_gives_up_before_the_collector_does() -> None:
    assert METHOD_S < DEADLINE_S


async def test_a_killed_broker_is_unavailable_until_it_is_back(own_kafka: Broker, log: KafkaLog) -> None:
    """No method raises anything else meanwhile; then the same log continues, with all acknowledged records."""
    await log.append([(0, b"1")])
    identity = await log.identity()
    assert await values_of(log, 0) == [b"1"]
    own_kafka.kill()
    for call in calls(log):
        with pytest.raises(LogUnavailable):
            await call()
    own_kafka.start()
    await appended(log, [(0, b"3")])
    found = await values_of(log, 0)
    assert (found[0], found[-1]) == (b"1", b"3")
    assert await log.identity() == identity


async def test_a_broker_that_hangs_is_unavailable_and_holds_up_nothing_that_follows(
    own_kafka: Broker, log: KafkaLog
) -> None:
    await log.append([(0, b"1")])
    await log.read({0: 0}, limit=9, wait_ms=0)
    with own_kafka.paused():
        for outcome in await asyncio.gather(*(call() for call in calls(log)), return_exceptions=True):
            assert isinstance(outcome, LogUnavailable)
    await appended(log, [(0, b"4"), (1, b"5")])
    found = await values_of(log, 0)
    assert (found[0], found[-1]) == (b"1", b"4")  # 2 may be there or not: nothing was promised
    assert await values_of(log, 1) == [b"5"]


async def test_opening_where_there_is_no_broker_says_so(topic: str) -> None:
    with pytest.raises(LogUnavailable):
        await KafkaLog.open(f"kafka://127.0.0.1:{free_port()}/{topic}", LANES)


async def test_what_an_outage_leaves_behind_is_given_up(own_kafka: Broker, log: KafkaLog) -> None:
    """No failed call continues in the background; and the log closes while the broker is down."""
    await log.append([(0, b"1")])
    own_kafka.kill()
    for _ in range(5):
        for outcome in await asyncio.gather(*(call() for call in calls(log)), return_exceptions=True):
            assert isinstance(outcome, LogUnavailable)
    await log.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_was_acknowledged_is_there_after_a_kill_in_order(own_kafka: Broker, log: KafkaLog) -> None:
    """Killed while appends are under way; one that failed may be there too, once."""
    acknowledged: list[bytes] = []

    async def write() -> None:
        for n in range(1_000_000):
            value = b"%d" % n
            await log.append([(0, value), (1, value)])
            acknowledged.append(value)

    writing = asyncio.create_task(write())
    await until(lambda: len(acknowledged) >= 200, "appends are acknowledged")
    await asyncio.to_thread(own_kafka.kill)
    with pytest.raises(LogUnavailable):
        await writing
    await asyncio.to_thread(own_kafka.start)
    await appended(log, [(0, b"last"), (1, b"last")])
    for lane in (0, 1):
        found = await values_of(log, lane)
        assert found[: len(acknowledged)] == acknowledged
        assert found[-1] == b"last"


async def test_a_reader_goes_on_where_it_was_after_a_restart(own_kafka: Broker, log: KafkaLog) -> None:
    """No place is taken for a gap while the broker comes up."""
    await log.append([(lane, b"%d" % n) for n in range(500) for lane in range(LANES)])
    places = dict.fromkeys(range(LANES), 500)
    assert await log.read(places, limit=9, wait_ms=0) == {}
    own_kafka.kill()
    starting = asyncio.create_task(asyncio.to_thread(own_kafka.start))
    appending = asyncio.create_task(appended(log, [(2, b"new")]))

    async def read() -> dict[int, Any]:
        with suppress(LogUnavailable):
            return await log.read(places, limit=9, wait_ms=100)
        return {}

    found = await until(read, "the new record is read")
    await asyncio.gather(starting, appending)
    assert {lane: [entry.offset for entry in entries] for lane, entries in found.items()} == {2: [500]}


async def test_brokers_that_come_back_at_other_addresses_are_found_by_the_url(
    tmp_path: Path, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after all of them were moved: what was known of the cluster leads nowhere."""
    port = free_port()
    with running_broker(tmp_path / "kafka") as broker:
        log = await KafkaLog.open(f"{broker.url},127.0.0.1:{port}/{topic}", LANES)
        await log.append([(0, b"1")])
        monkeypatch.setattr("wakeline.log.kafka.METHOD_S", 1.0)
        broker.kill()
        settings = broker.folder / "kafka.properties"
        former, broker.port = f"PLAINTEXT://127.0.0.1:{broker.port}", port
        settings.write_text(settings.read_text().replace(former, f"PLAINTEXT://127.0.0.1:{port}"))
        await asyncio.to_thread(broker.start)
        await appended(log, [(0, b"2")])

        async def held() -> list[bytes]:
            with suppress(LogUnavailable):
                return await values_of(log, 0)
            return []

        assert await until(held, "the log is read") == [b"1", b"2"]
        await log.close()
