"""Memory and disk for a million events: in the log on either engine, and in the state derived from them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from benchmarks.broker import running_broker
from benchmarks.figures import Figure, Run
from benchmarks.machine import memory_mb
from benchmarks.services import SmallPath, deployment_at, laned_events
from wakeline.log import Log
from wakeline.log.kafka import KafkaLog
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import encode_record

EVENTS = 100_000
VISITORS = 10_000
GROUP = 50  # records in one append: a collector under load
MILLION = 1_000_000
HUNDRED_THOUSAND = 100_000

FIGURES = (
    Figure("sizing_record_bytes", "a record of the log, as JSON"),
    Figure("sizing_streams_memory_mb", "memory of the log on Redis Streams, a million events"),
    Figure("sizing_streams_disk_mb", "append-only file of the same, before a rewrite shrinks it"),
    Figure("sizing_kafka_disk_mb", "disk of the log on Kafka, one replica, a million events"),
    Figure("sizing_state_memory_mb", "memory of profiles and counters: 100,000 visitors of the stand, their customers"),
    Figure("sizing_broker_rss_mb", "resident memory of the broker, with 256 MB of Java heap"),
)


def measure(run: Run) -> dict[str, float]:
    count = EVENTS // (10 if run.quick else 1)
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    laned = laned_events(count, VISITORS * count // EVENTS, deployment, end=now)
    records = [(lane, encode_record(event)) for lane, event in laned]
    scale = MILLION / count / 1e6  # to megabytes for a million
    found = {"sizing_record_bytes": sum(len(record) for _, record in records) / count}
    with running_broker(run.folder / "kafka") as broker:
        asyncio.run(_append_to_kafka(f"{broker.url}/events", records, deployment.lanes))
        assert broker.process is not None
        found["sizing_broker_rss_mb"] = memory_mb(broker.process.pid)[0]
        logs = (broker.folder / "kafka-logs").glob("events-*/*.log")
        found["sizing_kafka_disk_mb"] = sum(file.stat().st_size for file in logs) * scale
    with SmallPath(run.folder) as path:
        path.start("server")
        client = path.client()
        empty = int(client.info("memory")["used_memory"])
        asyncio.run(_append(RedisStreamsLog(path.config.settings.redis, deployment.lanes), records))
        full = int(client.info("memory")["used_memory"])
        found["sizing_streams_memory_mb"] = (full - empty) * scale
        found["sizing_streams_disk_mb"] = _size(path.config.settings.data / "redis") * scale
    stand = run.stand()
    found["sizing_state_memory_mb"] = (stand.memory - stand.memory_before) / stand.persons * HUNDRED_THOUSAND / 1e6
    return found


async def _append_to_kafka(url: str, records: Sequence[tuple[int, bytes]], lanes: int) -> None:
    await _append(await KafkaLog.open(url, lanes), records)


async def _append(log: Log, records: Sequence[tuple[int, bytes]]) -> None:
    rest = iter(records)
    while group := list(islice(rest, GROUP)):
        await log.append(group)
    await log.close()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.aof"))
