"""`wakeline check` of a log on Kafka: judging given facts, and gathering them from a real cluster."""

from __future__ import annotations

import time
from typing import Any

import pytest

from benchmarks.broker import Broker, running_broker
from benchmarks.machine import free_port
from ops.check.finding import Finding, Level
from ops.check.kafka import Facts, check_kafka, judge
from wakeline.log import Entry
from wakeline.log.kafka import KafkaLog
from wakeline.log.kafka_address import kafka_address
from wakeline.log.kafka_metadata import Partition, TopicMetadata
from wakeline.log.kafka_topic import MADE
from wakeline.settings import Settings

LANES = 2
WHOLE = Partition(leader=1, replicas=(1, 2, 3), in_sync=(1, 2, 3))
SAFE = MADE | {"min.insync.replicas": "2"}


def topic(*partitions: Partition) -> TopicMetadata:
    return TopicMetadata("cluster/topic", dict(enumerate(partitions)), 3)


def problems(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


def test_three_copies_of_which_two_are_written_have_nothing_to_mend() -> None:
    facts = Facts(topic=topic(WHOLE, WHOLE), config=SAFE)
    assert not problems(list(judge(facts, kafka_address("kafka://one:9092"), lanes=LANES)))


ONE = Partition(leader=1, replicas=(1,), in_sync=(1,))
JUDGED: dict[str, tuple[TopicMetadata, dict[str, str], Level, str, str]] = {
    "one copy": (topic(ONE, ONE), {"min.insync.replicas": "1"}, Level.WARN, "not a power failure", "run 3 brokers"),
    "three copies of which one is written": (
        topic(WHOLE, WHOLE),
        {"min.insync.replicas": "1"},
        Level.WARN,
        "survive a crash of the process, not a power failure",
        "--add-config min.insync.replicas=2",
    ),
    "two copies that both have to be written": (
        topic(*[Partition(leader=1, replicas=(1, 2), in_sync=(1, 2))] * 2),
        {},
        Level.WARN,
        "while one broker is down, no events are accepted",
        "run 3 brokers",
    ),
    "fewer copies than have to be written": (
        topic(ONE, ONE),
        {},
        Level.FAIL,
        "no events can be accepted",
        "replicas=1",
    ),
    "a copy that lags": (
        topic(WHOLE, Partition(leader=1, replicas=(1, 2, 3), in_sync=(1, 3))),
        {},
        Level.WARN,
        "1 partitions of wakeline lack an in-sync replica",
        "start the broker",
    ),
    "a partition that nobody leads": (
        topic(WHOLE, Partition(leader=None, replicas=(1, 2, 3), in_sync=())),
        {},
        Level.FAIL,
        "are stopped",
        "start its brokers",
    ),
    "more partitions than lanes": (topic(WHOLE, WHOLE, WHOLE), {}, Level.FAIL, "has 3 partitions", "another topic"),
    "times of the producer": (
        topic(WHOLE, WHOLE),
        {"message.timestamp.type": "CreateTime"},
        Level.FAIL,
        "but needs LogAppendTime",
        "--add-config message.timestamp.type=LogAppendTime",
    ),
    "a leader that may lack what was acknowledged": (
        topic(WHOLE, WHOLE),
        {"unclean.leader.election.enable": "true"},
        Level.FAIL,
        "unclean.leader.election.enable=true",
        "unclean.leader.election.enable=false",
    ),
    "a size that is kept": (topic(WHOLE, WHOLE), {"retention.bytes": "1000"}, Level.FAIL, "no more than 1000", "-1"),
}


@pytest.mark.parametrize("name", JUDGED)
def test_a_cluster_that_breaks_a_promise_is_said_with_the_mend(name: str) -> None:
    found, config, level, said, fix = JUDGED[name]
    (problem,) = problems(
        list(judge(Facts(topic=found, config=SAFE | config), kafka_address("kafka://one:9092"), lanes=LANES))
    )
    assert problem.level is level
    assert said in problem.what
    assert fix in problem.fix


def test_of_a_topic_that_is_not_made_yet_it_is_said_how_it_would_be() -> None:
    facts = Facts(topic=None, config={"default.replication.factor": "1", "min.insync.replicas": "1"})
    (lacking,) = problems(list(judge(facts, kafka_address("kafka://one:9092"), lanes=LANES)))
    assert "1 replica of each partition" in lacking.what
    assert "replication_factor=3" in lacking.fix
    assert not problems(list(judge(facts, kafka_address("kafka://one:9092?replication_factor=3"), lanes=LANES)))


async def test_a_real_cluster_of_one_broker(kafka: Broker, topic: str) -> None:
    """Nothing but its one copy is wrong; and looking makes no topic."""
    settings = Settings(log=f"{kafka.url}/{topic}", lanes=LANES)
    for _ in range(2):
        findings = await check_kafka(settings)
        assert f"no topic {topic} yet" in findings[1].what
    log = await KafkaLog.open(settings.log, LANES)
    await log.close()
    findings = await check_kafka(settings)
    assert "is suitable" in findings[1].what
    assert ["not a power failure" in finding.what for finding in problems(findings)] == [True]


NOW = time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("time", "received", "said"),
    [
        pytest.param(NOW + 7_200_000, NOW, "ahead of this machine's clock", id="the log's is ahead"),
        pytest.param(NOW - 30_000, NOW, "received 30 s after its append time", id="the log's is behind"),
        pytest.param(NOW - 3_600_000, NOW - 3_601_000, "", id="an hour ago"),
    ],
)
def test_the_clock_of_the_log_is_judged_by_its_newest_record(time: int, received: int, said: str) -> None:
    newest = Entry(7, time, b'{"kind":"event","received":%d}' % received)
    facts = Facts(topic=topic(WHOLE, WHOLE), config=SAFE, newest=newest)
    found = problems(list(judge(facts, kafka_address("kafka://one:9092"), lanes=LANES)))
    assert [said in finding.what for finding in found] == [True] * bool(said)


async def test_the_newest_record_of_a_real_cluster(kafka: Broker, topic: str) -> None:
    settings = Settings(log=f"{kafka.url}/{topic}", lanes=LANES)
    log = await KafkaLog.open(settings.log, LANES)
    await log.append([(1, b'{"received":1}'), (1, b'{"received":9000000000000}')])
    await log.close()
    (_, behind) = problems(await check_kafka(settings))[::-1]
    assert "the log's clock is behind" in behind.what


async def test_a_broker_that_makes_topics_of_itself_makes_none_of_ours(tmp_path: Any, topic: str) -> None:
    """Kafka's default: naming a topic creates it, with one partition and producer timestamps."""
    with running_broker(tmp_path / "kafka", auto_create_topics_enable="true") as broker:
        settings = Settings(log=f"{broker.url}/{topic}", lanes=LANES)
        assert "no topic" in (await check_kafka(settings))[1].what
        log = await KafkaLog.open(settings.log, LANES)
        assert set(await log.bounds(range(LANES))) == {0, 1}
        await log.close()


async def test_a_cluster_that_is_away_is_said_with_what_to_do() -> None:
    port = free_port()
    (finding,) = await check_kafka(Settings(log=f"kafka://127.0.0.1:{port}"))
    assert finding.level is Level.FAIL
    assert f"127.0.0.1:{port} cannot be used" in finding.what
    assert "Connect call failed" in finding.what


async def test_an_address_that_will_not_do_is_said() -> None:
    (finding,) = await check_kafka(Settings(log="kafka://one:9092?acks=0"))
    assert "acks" in finding.what
