"""Kafka: gathers facts about the topic from the cluster, then judges them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct

from ops.check.clock import judge_log_time
from ops.check.finding import Finding, fail, ok, warn
from wakeline.log import Entry, LogMismatch
from wakeline.log.kafka_address import KafkaAddress, kafka_address
from wakeline.log.kafka_cluster import Cluster
from wakeline.log.kafka_metadata import TopicMetadata
from wakeline.log.kafka_topic import (
    SAFE_IN_SYNC,
    SAFE_REPLICAS,
    broker_config,
    fix_by,
    mismatches,
    replicas_and_in_sync,
    topic_config,
)
from wakeline.settings import Settings

PATIENCE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A cluster's facts."""

    topic: TopicMetadata | None  # None: it does not exist yet
    config: Mapping[str, str]  # the topic's, or the broker's defaults for a new one
    newest: Entry | None = None  # of the last records of the partitions


async def gather(address: KafkaAddress) -> Facts:
    """Ask the cluster, without creating anything. Raises KafkaError, OSError, TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        cluster = Cluster(address)
        try:
            await cluster.start()
            topic = await cluster.metadata()
            broker = cluster.any_broker()
            newest = await _newest(cluster, topic) if topic else None
        finally:
            await cluster.close()
        config = await (topic_config(address) if topic else broker_config(address, broker))
        return Facts(topic=topic, config=config, newest=newest)


async def _newest(cluster: Cluster, topic: TopicMetadata) -> Entry | None:
    led = [lane for lane, partition in topic.partitions.items() if partition.leader is not None]
    bounds = await cluster.bounds(led)
    found: list[Entry] = []
    for node, lanes in (await cluster.leaders(led)).items():
        places = {lane: bounds[lane].end - 1 for lane in lanes if bounds[lane].end > bounds[lane].first}
        if places:
            fetched = await cluster.fetch(node, places, limit=1, wait_ms=0)
            found += [entries[0] for entries in fetched.entries.values()]
    return max(found, key=lambda entry: entry.time, default=None)


async def check_kafka(settings: Settings) -> list[Finding]:
    """Findings on the log named in the settings, which is on Kafka."""
    try:
        address = kafka_address(settings.log)
    except LogMismatch as error:
        return [fail(str(error), "see `log` in docs/settings.md")]
    try:
        facts = await gather(address)
    except (KafkaError, OSError, TimeoutError) as error:
        return [
            fail(
                f"Kafka at {address.servers} cannot be used: {error or type(error).__name__}",
                "are its brokers running, and are host, port, user and certificates in log correct?",
            )
        ]
    except NotImplementedError:
        return [fail(f"Kafka at {address.servers} is too old: its topics have no ids", "use 2.8 or newer")]
    return [ok(f"Kafka at {address.servers} answers"), *judge(facts, address, lanes=settings.lanes)]


def judge(facts: Facts, address: KafkaAddress, *, lanes: int) -> Iterator[Finding]:
    """Checks whether a cluster with these facts meets Wakeline's requirements."""
    if facts.topic is None:
        yield ok(f"no topic {address.topic} yet: the first start creates it, with {lanes} partitions")
    else:
        wrong = [fail(what, fix) for what, fix in mismatches(address.topic, facts.topic, facts.config, lanes)]
        yield from wrong or [ok(f"the topic {address.topic} is suitable: {lanes} partitions, broker timestamps")]
        yield from _partitions(facts.topic, address)
    if facts.newest is not None:
        yield from judge_log_time(
            appended=facts.newest.time, received=_received(facts.newest.value), now=time.time() * 1000
        )
    yield _replication(facts, address)


class _Received(Struct):
    received: int = 0


_read_received = msgspec.json.Decoder(_Received).decode


def _received(value: bytes) -> int:
    try:
        return _read_received(value).received
    except (msgspec.MsgspecError, ValueError):
        return 0


def _partitions(topic: TopicMetadata, address: KafkaAddress) -> Iterator[Finding]:
    partitions = topic.partitions.values()
    if away := sum(partition.leader is None for partition in partitions):
        yield fail(f"{away} partitions of {address.topic} have no leader: their lanes are stopped", "start its brokers")
    elif lacking := sum(len(partition.in_sync) < len(partition.replicas) for partition in partitions):
        yield warn(
            f"{lacking} partitions of {address.topic} lack an in-sync replica",
            "start the broker that is down, or give it time to catch up",
        )


def _replication(facts: Facts, address: KafkaAddress) -> Finding:
    replicas, in_sync = replicas_and_in_sync(facts.topic, facts.config, address)
    said = f"{replicas} {'replica' if replicas == 1 else 'replicas'} of each partition, min.insync.replicas {in_sync}"
    if in_sync > replicas:
        return fail(f"{said}: no events can be accepted", fix_by(address.topic, "min.insync.replicas", str(replicas)))
    if replicas >= SAFE_REPLICAS and in_sync >= SAFE_IN_SYNC:
        return ok(f"{said}: an event is on {in_sync} brokers before it is acknowledged")
    if replicas < SAFE_REPLICAS:
        fix = (
            f"run {SAFE_REPLICAS} brokers, and raise the topic's replication with kafka-reassign-partitions.sh"
            if facts.topic
            else f"run {SAFE_REPLICAS} brokers, and add replication_factor={SAFE_REPLICAS} to the options of log's URL"
        )
    else:
        fix = fix_by(address.topic, "min.insync.replicas", str(SAFE_IN_SYNC))
    if in_sync >= SAFE_IN_SYNC:
        return warn(f"{said}: while one broker is down, no events are accepted", fix)
    return warn(f"{said}: acknowledged events survive a crash of the process, not a power failure", fix)
