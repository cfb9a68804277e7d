"""The log on a real Kafka: what befalls its broker, and what topic it takes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.broker import Broker
from tests.timeline import event
from wakeline.log import Bounds, LogMismatch, LogUnavailable
from wakeline.log.kafka import KafkaLog
from wakeline.log.kafka_address import kafka_address
from wakeline.record import Delta, Tick, encode_record

LANES = 4


@pytest.fixture
async def admin(kafka: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{kafka.port}")
    await client.start()
    yield client
    await client.close()


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


async def values(log: KafkaLog, lane: int) -> list[bytes]:
    found: list[bytes] = []
    end = (await log.bounds([lane]))[lane].end
    while len(found) < end:
        found += [entry.value for entry in (await log.read({lane: len(found)}, limit=99, wait_ms=100)).get(lane, [])]
    return found


async def test_a_killed_broker_is_unavailable_until_it_is_back(own_kafka: Broker, topic: str) -> None:
    """No method raises anything else meanwhile; then the same log goes on, and what was acknowledged is there."""
    log = await KafkaLog.open(f"{own_kafka.url}/{topic}", LANES)
    await log.append([(0, b"1")])
    identity = await log.identity()
    assert await values(log, 0) == [b"1"]
    own_kafka.kill()
    for call in calls(log):
        with pytest.raises(LogUnavailable):
            await call()
    own_kafka.start()
    deadline = time.monotonic() + 30
    while True:
        try:
            await log.append([(0, b"3")])
            break
        except LogUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
    found = await values(log, 0)
    assert (found[0], found[-1]) == (b"1", b"3")
    assert await log.identity() == identity
    await log.close()


async def test_a_broker_that_hangs_is_unavailable_and_holds_up_nothing_that_follows(
    own_kafka: Broker, topic: str
) -> None:
    log = await KafkaLog.open(f"{own_kafka.url}/{topic}", LANES)
    await log.append([(0, b"1")])
    await log.read({0: 0}, limit=9, wait_ms=0)
    with own_kafka.paused():
        for outcome in await asyncio.gather(*(call() for call in calls(log)), return_exceptions=True):
            assert isinstance(outcome, LogUnavailable)
    deadline = time.monotonic() + 30
    while True:
        try:
            await log.append([(0, b"4"), (1, b"5")])
            break
        except LogUnavailable:
            assert time.monotonic() < deadline
    found = await values(log, 0)
    assert (found[0], found[-1]) == (b"1", b"4")  # 2 may be there or not: nothing was promised
    assert await values(log, 1) == [b"5"]
    await log.close()


async def test_opening_where_there_is_no_broker_says_so(free_ports: Callable[[int], list[int]], topic: str) -> None:
    with pytest.raises(LogUnavailable):
        await KafkaLog.open(f"kafka://127.0.0.1:{free_ports(1)[0]}/{topic}", LANES)


async def test_a_cancelled_append_leaves_the_log_usable(kafka: Broker, topic: str) -> None:
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    await log.append([(0, b"first")])
    records = [(lane, b"x" * 50_000) for lane in range(LANES) for _ in range(200)]
    appending = asyncio.ensure_future(log.append(records))
    await asyncio.sleep(0.02)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await log.append([(0, b"last")])
    assert (await values(log, 0))[-1] == b"last"
    await log.close()


async def test_appends_that_follow_one_another_keep_their_order(kafka: Broker, topic: str) -> None:
    """Also where one is larger than a request may be."""
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    for n in range(5):
        await log.append([(0, b"%d-%03d" % (n, k) + b"x" * 20_000) for k in range(100)])
    assert [value[:5] for value in await values(log, 0)] == [b"%d-%03d" % (n, k) for n in range(5) for k in range(100)]
    await log.close()


async def test_a_record_that_is_no_text_is_kept(kafka: Broker, topic: str) -> None:
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    await log.append([(0, b"\xff\x00 poison"), (0, b"")])
    assert await values(log, 0) == [b"\xff\x00 poison", b""]
    await log.close()


async def test_any_kafka_tool_can_read_a_record(kafka: Broker, topic: str) -> None:
    """One record an event, its key the site and whom it is about, its kind a header."""
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    records = [event("visitor-1", "page-one", 0, 0), Delta(source=1, after=0, upto=2), Tick()]
    await log.append([(2, encode_record(record)) for record in records])
    await log.close()
    async with AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{kafka.port}", auto_offset_reset="earliest") as tool:
        tool.assign([TopicPartition(topic, 2)])
        found = [await tool.getone() for _ in records]
    assert [record.key for record in found] == [b"shop/visitor-1", None, None]
    assert [record.headers for record in found] == [(("kind", kind),) for kind in (b"event", b"delta", b"tick")]
    assert found[0].value == encode_record(records[0])
    assert found[0].timestamp_type == 1  # the broker's clock


# ---- the topic ----------------------------------------------------------------------------------------


async def test_two_processes_that_start_at_once_make_one_topic(kafka: Broker, topic: str) -> None:
    url = f"{kafka.url}/{topic}"
    logs = await asyncio.gather(*(KafkaLog.open(url, LANES) for _ in range(4)))
    assert len({await log.identity() for log in logs}) == 1
    for log in logs:
        await log.close()


async def test_a_topic_made_anew_is_another_log(kafka: Broker, topic: str, admin: AIOKafkaAdminClient) -> None:
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    before = await log.identity()
    await log.close()
    await admin.delete_topics([topic])
    deadline = time.monotonic() + 20
    while True:
        try:
            log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
        except (LogUnavailable, LogMismatch):  # it is still going
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
            continue
        after = await log.identity()
        await log.close()
        if after != before:
            break
        assert time.monotonic() < deadline
    assert after.partition("/")[0] == before.partition("/")[0]


REFUSED: dict[str, tuple[int, dict[str, str], str]] = {
    "another number of partitions": (LANES + 1, {}, "has 5 partitions, the deployment 4 lanes"),
    "times of the producer": (LANES, {"message.timestamp.type": "CreateTime"}, "message.timestamp.type=LogAppendTime"),
    "compaction": (LANES, {"cleanup.policy": "compact"}, "cleanup.policy=delete"),
    "a retention of a day": (LANES, {"retention.ms": "86400000"}, "24 hours, it needs 192"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_topic_that_cannot_keep_the_promises_is_refused_with_the_mend(
    kafka: Broker, topic: str, admin: AIOKafkaAdminClient, name: str
) -> None:
    partitions, config, said = REFUSED[name]
    config = {"message.timestamp.type": "LogAppendTime"} | config
    await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])
    with pytest.raises(LogMismatch, match=re.escape(said)):
        await KafkaLog.open(f"{kafka.url}/{topic}", LANES)


async def test_a_topic_that_somebody_made_as_it_must_be_is_taken(
    kafka: Broker, topic: str, admin: AIOKafkaAdminClient
) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(30 * 86_400_000)}
    await admin.create_topics([NewTopic(topic, LANES, 1, topic_configs=config)])
    log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    assert set((await log.bounds(range(LANES))).values()) == {Bounds(0, 0)}
    await log.close()


# ---- the address --------------------------------------------------------------------------------------


def test_an_address_names_servers_topic_and_options_of_the_client() -> None:
    address = kafka_address(
        "kafka://one:9092,two:9092/events?security_protocol=SASL_PLAINTEXT&sasl_mechanism=SCRAM-SHA-256"
        "&sasl_plain_username=wake&sasl_plain_password=p%26w&replication_factor=3"
    )
    assert (address.topic, address.replication_factor) == ("events", 3)
    assert address.client == {
        "bootstrap_servers": "one:9092,two:9092",
        "client_id": "wakeline",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "wake",
        "sasl_plain_password": "p&w",
    }
    assert kafka_address("kafka://one:9092") == kafka_address("kafka://one:9092/wakeline")


def test_tls_uses_the_files_that_are_named() -> None:
    assert kafka_address("kafka://one:9092?security_protocol=SSL").client["ssl_context"] is not None
    with pytest.raises(LogMismatch, match="cannot be used"):
        kafka_address("kafka://one:9092?security_protocol=SSL&ssl_cafile=/no/such/file")


@pytest.mark.parametrize("option", ["acks=0&sasl_plain_password=topsecret", "replication_factor=many"])
def test_an_option_that_is_not_known_is_said_without_secrets(option: str) -> None:
    with pytest.raises(LogMismatch) as error:
        kafka_address(f"kafka://one:9092?{option}")
    assert option.partition("=")[0] in str(error.value)
    assert "topsecret" not in str(error.value)
