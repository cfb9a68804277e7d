"""A real Apache Kafka, one node, for what stock Faust is measured on. Its jars come from Maven, once."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from benchmarks.machine import OTHERS, free_port
from benchmarks.services import READY_S, process

VERSION = "4.1.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeline" / f"kafka-{VERSION}"
JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>wakeline</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/kafka-logs
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
"""
BATCH_BYTES = 900_000  # below the broker's largest message


def jars() -> Path:
    """The folder of Kafka's jars; fetched if this machine does not have them. Raises CalledProcessError."""
    if not CACHE.is_dir():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        coming = CACHE.with_suffix(f".{os.getpid()}")
        coming.mkdir()
        (coming / "pom.xml").write_text(POM)
        copy = ("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={coming / 'lib'}")
        try:
            subprocess.run(copy, cwd=coming, check=True)
            coming.rename(CACHE)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
    return CACHE / "lib"


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """The port of a broker that lives as long as the context."""
    port, controller = free_port(), free_port()
    settings = folder / "kafka.properties"
    settings.write_text(PROPERTIES.format(port=port, controller=controller, folder=folder))
    java = (*JAVA, "-cp", f"{jars()}/*")
    make = (*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings))
    subprocess.run(make, check=True, capture_output=True)
    with process((*java, "kafka.Kafka", str(settings)), folder, name="kafka", cores=OTHERS):
        yield port


async def fill_topic(port: int, topic: str, records: Sequence[tuple[int, int, bytes]], *, partitions: int) -> None:
    """Make a topic of (partition, time in ms, record) and put them there, in order; waits for the broker to start."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is loud about a broker that is still starting
    async with asyncio.timeout(READY_S):
        producer = await _connected(port)
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
        for partition in range(partitions):
            await _fill(
                producer, topic, partition, [(time, value) for lane, time, value in records if lane == partition]
            )
    finally:
        await admin.close()
        await producer.stop()


async def _connected(port: int) -> AIOKafkaProducer:
    while True:
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", max_batch_size=BATCH_BYTES)
        try:
            await producer.start()
            return producer
        except KafkaError:
            await producer.stop()
            await asyncio.sleep(0.2)


async def _fill(producer: AIOKafkaProducer, topic: str, partition: int, records: list[tuple[int, bytes]]) -> None:
    batch = producer.create_batch()
    for time, value in records:
        if batch.append(key=None, value=value, timestamp=time) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=None, value=value, timestamp=time)
    await (await producer.send_batch(batch, topic, partition=partition))
