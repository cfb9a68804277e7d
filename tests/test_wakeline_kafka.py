"""The log on a real Kafka: appends and reads, requirements for the topic, and its address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.broker import Broker
from benchmarks.waiting import until
from collector.memory import Asking
from tests.logged import values_of
from tests.timeline import event
from wakeline.log import Bounds, LogGap, LogMismatch, LogUnavailable
from wakeline.log.kafka import KafkaLog
from wakeline.log.kafka_address import kafka_address
from wakeline.memory import PROFILE_BYTES
from wakeline.record import Delta, Tick, encode_record
from wakeline.redis.connect import connect

LANES = 4


@pytest.fixture
async def admin(kafka: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{kafka.port}")
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def log(kafka: Broker, topic: str) -> AsyncIterator[KafkaLog]:
    made = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
    yield made
    await made.close()


async def test_a_cancelled_append_leaves_the_log_usable(log: KafkaLog) -> None:
    await log.append([(0, b"first")])
    records = [(lane, b"x" * 50_000) for lane in range(LANES) for _ in range(200)]
    appending = asyncio.ensure_future(log.append(records))
    await asyncio.sleep(0.02)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await log.append([(0, b"last")])
    assert b"last" in await values_of(log, 0)  # what was cancelled may be appended all the same, also after it


async def test_appends_that_follow_one_another_keep_their_order(log: KafkaLog) -> None:
    """Also where one is larger than a request may be."""
    for n in range(5):
        await log.append([(0, b"%d-%03d" % (n, k) + b"x" * 20_000) for k in range(100)])
    found = [value[:5] for value in await values_of(log, 0)]
    assert found == [b"%d-%03d" % (n, k) for n in range(5) for k in range(100)]


async def test_appends_that_are_under_way_together_keep_the_order_they_were_called_in(log: KafkaLog) -> None:
    large = [(0, b"%03d" % n + b"x" * 20_000) for n in range(100)]
    await asyncio.gather(log.append(large), log.append([(0, b"100")]), log.append([(0, b"101")]))
    assert [value[:3] for value in await values_of(log, 0)] == [b"%03d" % n for n in range(102)]


async def test_a_record_larger_than_a_batch_goes_by_itself(log: KafkaLog) -> None:
    await log.append([(0, b"before"), (0, b"x" * 3_000_000), (0, b"after")])
    assert [len(value) for value in await values_of(log, 0)] == [6, 3_000_000, 5]


async def test_a_read_that_is_cancelled_leaves_the_log_usable(log: KafkaLog) -> None:
    """Also at the next place, and where other lanes are asked for."""
    for n in range(20):
        reading = asyncio.create_task(log.read({0: 2 * n, 1: 0}, limit=9, wait_ms=5_000))
        await asyncio.sleep(0.002 * n)
        reading.cancel()
        await log.append([(0, b"%d" % n), (0, b"more")])
        assert len((await log.read({0: 2 * n}, limit=9, wait_ms=5_000))[0]) > 0
    assert (await values_of(log, 0))[::2] == [b"%d" % n for n in range(20)]


async def test_many_readers_of_one_log_disturb_nobody(log: KafkaLog) -> None:
    await log.append([(n % LANES, b"%d" % n) for n in range(400)])

    async def drained(lane: int, limit: int) -> int:
        place = 0
        while place < 100:
            found = await log.read({lane: place}, limit=limit, wait_ms=1_000)
            assert [entry.value for entry in found[lane]] == [
                b"%d" % (LANES * n + lane) for n in range(place, place + len(found[lane]))
            ]
            place += len(found[lane])
            assert (await log.bounds([lane]))[lane] == Bounds(0, 100)
            assert await log.append_time(lane, 99)
        return place

    assert set(await asyncio.gather(*(drained(n % LANES, 7 + n) for n in range(8)))) == {100}


async def test_a_record_that_is_no_text_is_kept(log: KafkaLog) -> None:
    poison = [b"\xff\x00 poison", b"", b'{"props":' + b"[" * 50_000]
    await log.append([(0, value) for value in poison])
    assert await values_of(log, 0) == poison


async def test_any_kafka_tool_can_read_a_record(kafka: Broker, topic: str, log: KafkaLog) -> None:
    """One record an event, its key the site and whom it is about, its kind a header."""
    records = [event("visitor-1", "page-one", 0, 0), Delta(source=1, after=0, upto=2), Tick()]
    await log.append([(2, encode_record(record)) for record in records])
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

    async def another() -> str:
        try:
            log = await KafkaLog.open(f"{kafka.url}/{topic}", LANES)
        except (LogUnavailable, LogMismatch):  # it is still going
            return ""
        found = await log.identity()
        await log.close()
        return found if found != before else ""

    after = await until(another, "the topic is made anew")
    assert after.partition("/")[0] == before.partition("/")[0]


async def test_a_topic_that_is_made_anew_while_it_is_used_is_noticed(
    kafka: Broker, topic: str, admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch, log: KafkaLog
) -> None:
    """Nothing of another topic is taken for what was asked for, and nothing is appended to it."""
    monkeypatch.setattr("wakeline.log.kafka.CHECKED_EVERY_S", 0.0)
    await log.append([(0, b"1")])
    await admin.delete_topics([topic])

    async def is_made() -> bool:
        return not (await admin.create_topics([NewTopic(topic, LANES, 1)])).topic_errors[0][1]

    async def is_noticed() -> bool:
        try:
            await log.read({0: 0}, limit=9, wait_ms=0)
        except LogUnavailable:  # brokers hear of it one by one
            return False
        except LogGap:
            return True
        return False

    await until(is_made, "the topic is recreated")
    await until(is_noticed, "a gap is noticed")
    with pytest.raises(LogUnavailable, match="was recreated"):
        await log.append([(0, b"2")])


async def test_offsets_without_a_record_are_a_gap(kafka: Broker, topic: str, log: KafkaLog) -> None:
    """As a transaction of somebody else leaves them. They are not skipped in silence."""
    servers = f"127.0.0.1:{kafka.port}"
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id=topic) as other, other.transaction():
        await other.send_and_wait(topic, b"1", partition=0)
    async with asyncio.timeout(20):
        while (await log.bounds([0]))[0].end < 2:  # noqa: ASYNC110  its end is marked later
            await asyncio.sleep(0.05)
    await log.append([(0, b"2")])
    for place in (0, 1):
        with pytest.raises(LogGap, match="place 1 holds no record"):
            await log.read({0: place}, limit=9, wait_ms=0)
    assert [entry.value for entry in (await log.read({0: 2}, limit=9, wait_ms=0))[0]] == [b"2"]


REFUSED: dict[str, tuple[int, dict[str, str], str]] = {
    "another number of partitions": (LANES + 1, {}, "has 5 partitions, the deployment 4 lanes"),
    "times of the producer": (LANES, {"message.timestamp.type": "CreateTime"}, "message.timestamp.type=LogAppendTime"),
    "compaction": (LANES, {"cleanup.policy": "compact"}, "cleanup.policy=delete"),
    "a leader that may lack what was acknowledged": (
        LANES,
        {"unclean.leader.election.enable": "true"},
        "unclean.leader.election.enable=false",
    ),
    "a size that is kept": (LANES, {"retention.bytes": "1000000"}, "retention.bytes=-1"),
    "a retention of a day": (LANES, {"retention.ms": "86400000"}, "24 hours, it needs 192"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_topic_that_cannot_keep_the_promises_is_refused_with_the_mend(
    kafka: Broker, topic: str, admin: AIOKafkaAdminClient, name: str
) -> None:
    partitions, config, said = REFUSED[name]
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"} | config
    await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])
    with pytest.raises(LogMismatch, match=re.escape(said)):
        await KafkaLog.open(f"{kafka.url}/{topic}", LANES)


async def test_a_topic_that_somebody_made_as_it_must_be_is_taken(
    topic: str, admin: AIOKafkaAdminClient, log: KafkaLog
) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(30 * 86_400_000)}
    await admin.create_topics([NewTopic(topic, LANES, 1, topic_configs=config)])
    assert set((await log.bounds(range(LANES))).values()) == {Bounds(0, 0)}


async def test_a_topic_that_more_brokers_must_hold_waits_for_them(kafka: Broker, topic: str) -> None:
    with pytest.raises(LogUnavailable, match="factor of 3 cannot be reached because only 1"):
        await KafkaLog.open(f"{kafka.url}/{topic}?replication_factor=3", LANES)


# ---- the address --------------------------------------------------------------------------------------


SECURED = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required"
    ' username="broker" password="brokers" user_broker="brokers" user_wake="topsecret";',
}


async def test_a_broker_that_asks_who_comes(tmp_path: Path, topic: str) -> None:
    broker = Broker(tmp_path / "kafka", SECURED)
    broker.start()
    try:
        url = f"{broker.url}/{topic}?security_protocol=SASL_PLAINTEXT&sasl_mechanism=PLAIN&sasl_plain_username=wake"
        log = await KafkaLog.open(f"{url}&sasl_plain_password=topsecret", LANES)
        await log.append([(0, b"1")])
        assert await values_of(log, 0) == [b"1"]
        assert await log.append_time(0, 0)
        await log.trim(0, upto=1)
        await log.close()
        with pytest.raises(LogUnavailable, match="Authentication failed") as refused:
            await KafkaLog.open(f"{url}&sasl_plain_password=wrongsecret", LANES)
        assert "wrongsecret" not in str(refused.value)
    finally:
        broker.kill()


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


SECRET = "sasl_plain_username=wake&sasl_plain_password=topsecret"
MISTAKES = {
    "an option that is not known": (f"kafka://one:9092?acks=0&{SECRET}", "acks; known: security_protocol"),
    "no number": ("kafka://one:9092?replication_factor=many", "replication_factor .* a number"),
    "no copies": ("kafka://one:9092?replication_factor=0", "replication_factor .* a number"),
    "a user before the host": ("kafka://wake:topsecret@one:9092", "sasl_plain_username=.*, not @"),
    "no host": ("kafka:///topic", "names no broker"),
    "a topic that none can be called": ("kafka://one:9092/a/b", "a/b is not a valid topic name"),
    "a protocol that is not known": (f"kafka://one:9092?security_protocol=TLS&{SECRET}", "TLS: one of PLAINTEXT, SSL"),
    "a mechanism that is not known": (
        f"kafka://one:9092?security_protocol=SASL_SSL&sasl_mechanism=GSSAPI&{SECRET}",
        "GSSAPI: one of PLAIN",
    ),
    "a user without a password": (
        "kafka://one:9092?security_protocol=SASL_SSL&sasl_plain_username=wake",
        "needs sasl_plain_username and sasl_plain_password",
    ),
    "a password that would not be used": (f"kafka://one:9092?{SECRET}", "set security_protocol=SASL_SSL too"),
    "a certificate that would not be used": ("kafka://one:9092?ssl_cafile=ca.pem", "set security_protocol=SSL too"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_an_address_is_said_without_secrets(name: str) -> None:
    url, said = MISTAKES[name]
    with pytest.raises(LogMismatch, match=said) as error:
        kafka_address(url)
    assert "topsecret" not in str(error.value)


async def test_what_waits_there_to_be_folded_counts_for_the_memory(log: KafkaLog, own_server: Any) -> None:
    """The collector's memory check queries a log on Kafka like Redis Streams."""
    await log.append([(0, encode_record(Tick())), (1, encode_record(Tick()))])
    asking = Asking(own_server.url, log=lambda: (log, 2), counted_bytes=0)
    use = await asking()
    async with connect(own_server.url) as redis:
        most = (await redis.info("memory"))["maxmemory"]
    assert use is not None
    assert use.counted == use.now  # it waits for room there
    assert use.profiles - use.now == pytest.approx(2 * PROFILE_BYTES / most)
    await asking.close()
