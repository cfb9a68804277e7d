"""The topic of a log on Kafka: created if missing, otherwise checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from wakeline.definitions import LATE_MS
from wakeline.log import LogMismatch
from wakeline.log.kafka_address import BROKERS_OWN, KafkaAddress
from wakeline.log.kafka_cluster import REQUEST_MS, Cluster
from wakeline.log.kafka_metadata import TopicMetadata

NEEDED = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "unclean.leader.election.enable": "false",  # otherwise acknowledged records are lost with a broker
}
MADE = NEEDED | {
    # Wakeline deletes records itself, once every reader has passed them
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": "134217728",  # records are deleted in whole segments
    "max.message.bytes": "4194304",
}
SAFE_REPLICAS, SAFE_IN_SYNC = 3, 2  # a record is on two machines when acknowledged, and one broker may be down
POLL_S = 0.1


async def open_topic(cluster: Cluster, address: KafkaAddress, lanes: int) -> TopicMetadata:
    """Create the topic, or check it. Raises LogMismatch, with the fix; KafkaError if the cluster cannot be reached."""
    try:
        topic = await cluster.metadata()
    except NotImplementedError as error:
        raise LogMismatch(f"the Kafka at {address.servers} is too old: 2.8 or newer is needed") from error
    if topic is None:
        await _make(address, lanes)
    while topic is None or any(partition.leader is None for partition in topic.partitions.values()):
        await asyncio.sleep(POLL_S)  # brokers learn of it one by one
        topic = await cluster.metadata()
    for what, fix in mismatches(address.topic, topic, await topic_config(address), lanes):
        raise LogMismatch(f"{what}; {fix}")
    await _leaders_answer(cluster, lanes)
    return topic


async def _leaders_answer(cluster: Cluster, lanes: int) -> None:
    """Wait for the leaders: metadata names a broker as a leader before the broker knows it."""
    while True:
        try:
            await cluster.bounds(range(lanes))
            return
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(POLL_S)


def mismatches(name: str, topic: TopicMetadata, config: Mapping[str, str], lanes: int) -> Iterator[tuple[str, str]]:
    """(problem, fix) for each unsuitable property of a topic."""
    if len(topic.partitions) != lanes:
        yield (
            f"the topic {name} has {len(topic.partitions)} partitions, the deployment {lanes} lanes",
            "name another topic, which will be created as needed",
        )
    for setting, needed in NEEDED.items():
        if config.get(setting, needed) != needed:
            yield f"the topic {name} has {setting}={config[setting]}, but needs {needed}", fix_by(name, setting, needed)
    retention = int(config["retention.ms"])
    if 0 <= retention < LATE_MS:
        yield (
            f"the topic {name} keeps records for {retention / 3_600_000:g} hours, it needs "
            f"{LATE_MS // 3_600_000} or more",
            fix_by(name, "retention.ms", "-1"),
        )
    if (size := int(config["retention.bytes"])) >= 0:
        yield (
            f"the topic {name} keeps no more than {size} bytes of a partition, read or not",
            fix_by(name, "retention.bytes", "-1"),
        )


def replicas_and_in_sync(
    topic: TopicMetadata | None, config: Mapping[str, str], address: KafkaAddress
) -> tuple[int, int]:
    """Number of replicas of a partition, and how many must be in sync; for a missing topic: what it would get."""
    if topic is not None:
        replicas = min(len(partition.replicas) for partition in topic.partitions.values())
        return replicas, int(config["min.insync.replicas"])
    replicas = address.replication_factor
    if replicas == BROKERS_OWN:
        replicas = int(config["default.replication.factor"])
    return replicas, int((dict(config) | _in_sync(address))["min.insync.replicas"])


def _in_sync(address: KafkaAddress) -> dict[str, str]:
    """With three replicas, one may be down; otherwise the broker's setting applies."""
    return {"min.insync.replicas": str(SAFE_IN_SYNC)} if address.replication_factor >= SAFE_REPLICAS else {}


async def topic_config(address: KafkaAddress) -> dict[str, str]:
    """Setting -> value, of the topic. Raises KafkaError."""
    return await _config(address, ConfigResource(ConfigResourceType.TOPIC, address.topic))


async def broker_config(address: KafkaAddress, broker: int) -> dict[str, str]:
    """Setting -> value, of a broker: the defaults for new topics."""
    return await _config(address, ConfigResource(ConfigResourceType.BROKER, str(broker)))


async def _config(address: KafkaAddress, resource: ConfigResource) -> dict[str, str]:
    async with _admin(address) as admin:
        (answer,) = await admin.describe_configs([resource])
    ((code, said, _, _, entries),) = answer.resources
    if code:
        raise for_code(code)(said)
    return {name: value for name, value, *_ in entries}


async def _make(address: KafkaAddress, lanes: int) -> None:
    wanted = NewTopic(address.topic, lanes, 1, topic_configs=MADE | _in_sync(address))
    wanted.replication_factor = address.replication_factor  # it takes no BROKERS_OWN
    async with _admin(address) as admin:
        answer = await admin.create_topics([wanted], timeout_ms=REQUEST_MS)
    ((_, code, *rest),) = answer.topic_errors
    error = for_code(code)
    if error in (NoError, TopicAlreadyExistsError):  # another process may have been first
        return
    said = f"the topic {address.topic} cannot be created: {rest[0] or error.__name__}"
    if error.retriable or error is InvalidReplicationFactorError:  # more brokers may join
        raise KafkaError(said)
    raise LogMismatch(said)


@asynccontextmanager
async def _admin(address: KafkaAddress) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_MS, **address.client)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def fix_by(topic: str, setting: str, value: str) -> str:
    """The command that changes a setting of the topic."""
    return (
        "set it with kafka-configs.sh --bootstrap-server ... --alter --entity-type topics "
        f"--entity-name {topic} --add-config {setting}={value}"
    )
