"""Kafka: what the cluster says of the topic, gathered in one go, then judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from wakeline.check.finding import Finding, fail, ok, warn
from wakeline.log import LogMismatch
from wakeline.log.kafka_address import KafkaAddress, kafka_address
from wakeline.log.kafka_cluster import Cluster
from wakeline.log.kafka_metadata import TopicMetadata
from wakeline.log.kafka_topic import (
    SAFE_IN_SYNC,
    SAFE_REPLICAS,
    broker_config,
    mend_by,
    mismatches,
    replicas_and_in_sync,
    topic_config,
)
from wakeline.settings import Settings

PATIENCE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a cluster says."""

    topic: TopicMetadata | None  # None: it is not there yet
    config: Mapping[str, str]  # the topic's, else what the broker gives to one that is made


async def gather(address: KafkaAddress) -> Facts:
    """Ask the cluster; nothing is made. Raises KafkaError, OSError, TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        cluster = Cluster(address)
        try:
            await cluster.start()
            topic = await cluster.metadata()
            broker = cluster.any_broker()
        finally:
            await cluster.close()
        return Facts(topic=topic, config=await (topic_config(address) if topic else broker_config(address, broker)))


async def check_kafka(settings: Settings) -> list[Finding]:
    """Of the log that the settings name, which is on Kafka."""
    try:
        address = kafka_address(settings.log)
    except LogMismatch as error:
        return [fail(str(error), "see log in the README's table of settings")]
    try:
        facts = await gather(address)
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            fail(
                f"Kafka at {address.servers} cannot be used: {error or type(error).__name__}",
                "are its brokers running, and do log's host, port, user and certificates fit?",
            )
        ]
    except NotImplementedError:
        return [fail(f"Kafka at {address.servers} is too old: topics have no ids there", "use 2.8 or newer")]
    return [ok(f"Kafka at {address.servers} answers"), *judge(facts, address, lanes=settings.lanes)]


def judge(facts: Facts, address: KafkaAddress, *, lanes: int) -> Iterator[Finding]:
    """Whether a cluster with these facts keeps our promises."""
    if facts.topic is None:
        yield ok(f"no topic {address.topic} yet: the first start makes it, with {lanes} partitions")
    else:
        wrong = [fail(what, mend) for what, mend in mismatches(address.topic, facts.topic, facts.config, lanes)]
        yield from wrong or [ok(f"the topic {address.topic} is as it must be: {lanes} partitions, the broker's times")]
        yield from _partitions(facts.topic, address)
    yield _replication(facts, address)


def _partitions(topic: TopicMetadata, address: KafkaAddress) -> Iterator[Finding]:
    partitions = topic.partitions.values()
    if away := sum(partition.leader is None for partition in partitions):
        yield fail(f"{away} partitions of {address.topic} have no leader: their lanes stand still", "start its brokers")
    elif lacking := sum(len(partition.in_sync) < len(partition.replicas) for partition in partitions):
        yield warn(
            f"{lacking} partitions of {address.topic} lack a copy that is in sync",
            "start the broker that is away, or give it time to catch up",
        )


def _replication(facts: Facts, address: KafkaAddress) -> Finding:
    replicas, in_sync = replicas_and_in_sync(facts.topic, facts.config, address)
    said = f"{replicas} {'copy' if replicas == 1 else 'copies'} of each partition, min.insync.replicas {in_sync}"
    if in_sync > replicas:
        return fail(f"{said}: no event can be taken", mend_by(address.topic, "min.insync.replicas", str(replicas)))
    if replicas >= SAFE_REPLICAS and in_sync >= SAFE_IN_SYNC:
        return ok(f"{said}: an event is on {in_sync} brokers before it is answered")
    if replicas < SAFE_REPLICAS:
        mend = (
            f"run {SAFE_REPLICAS} brokers, and raise the topic's replication by kafka-reassign-partitions.sh"
            if facts.topic
            else f"run {SAFE_REPLICAS} brokers, and add replication_factor={SAFE_REPLICAS} to the options of log's URL"
        )
    else:
        mend = mend_by(address.topic, "min.insync.replicas", str(SAFE_IN_SYNC))
    if in_sync >= SAFE_IN_SYNC:
        return warn(f"{said}: while one broker is away, no event is taken", mend)
    return warn(f"{said}: what is answered survives a process crash, not a power cut", mend)
