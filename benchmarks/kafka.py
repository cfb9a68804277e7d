"""Creates topics on a real Kafka and fills them with records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

BATCH_BYTES = 900_000  # below the broker's largest message
APPENDED = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}

Records = Sequence[tuple[int, int, bytes]]  # partition, time in ms, record


async def make_topic(port: int, topic: str, *, partitions: int) -> None:
    """Configured as by Wakeline: with broker timestamps."""
    async with _admin(port) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=APPENDED)])


async def fill_topic(port: int, topic: str, records: Records, *, partitions: int) -> None:
    """Create a topic with records at their own times, in order; later records get broker timestamps."""
    async with _admin(port) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={"retention.ms": "-1"})])
        await append_to(port, topic, records, partitions=partitions)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, APPENDED)])


async def append_to(port: int, topic: str, records: Records, *, partitions: int) -> None:
    """As fast as one producer can, partition by partition."""
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", max_batch_size=BATCH_BYTES)
    await producer.start()
    try:
        for partition in range(partitions):
            await _fill(
                producer, topic, partition, [(time, value) for lane, time, value in records if lane == partition]
            )
    finally:
        await producer.stop()


@asynccontextmanager
async def _admin(port: int) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _fill(producer: AIOKafkaProducer, topic: str, partition: int, records: list[tuple[int, bytes]]) -> None:
    batch = producer.create_batch()
    for time, value in records:
        if batch.append(key=None, value=value, timestamp=time) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=time)
    await (await producer.send_batch(batch, topic, partition=partition))
