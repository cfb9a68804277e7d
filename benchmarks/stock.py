"""A stock Faust agent, as its documentation writes one: the same fold, written by a redis-py pipeline.

    python -m benchmarks.stock each|take KAFKA_PORT TOPIC REDIS_URL DEPLOYMENT_JSON

It is let off some of what the processor does: it starts on an empty Redis and keeps everyone in memory, so it
never loads; it never closes a session; it folds all partitions as one lane, so it writes fewer counters.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from typing import Any

import faust
import msgspec
import uvloop
from redis.asyncio import Redis

from benchmarks.visitors import SITE
from processor.fold import Fold, LaneMemory
from processor.sites import SiteFacts
from processor.state import Loaded
from processor.writes import Command, Place, commands
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry
from wakeline.record import Event

TAKEN, WITHIN_S = 2_000, 0.2
NOTHING = Loaded(None, {}, 0)


class Book:
    """Folds and writes what it is given; its place is that of lane 0."""

    def __init__(self, redis_url: str, deployment: Deployment) -> None:
        self._redis = Redis.from_url(redis_url)
        self._fold = Fold(0, sites={SITE.key: SiteFacts(SITE)}, deployment=deployment, key_space=Keys())
        self._memory = LaneMemory()
        self._offset = 0

    async def apply(self, values: Sequence[bytes]) -> None:
        memory = self._memory
        entries = [Entry(self._offset + index, 0, value) for index, value in enumerate(values)]
        self._offset += len(entries)
        items = self._fold.decode(entries)
        for item in items:
            assert isinstance(item.record, Event)
            item.time = item.record.received
        memory.remember({who: NOTHING for item in items for who in item.who if who not in memory.people})
        for key in self._fold.top_lists(items):
            memory.tops.loaded.setdefault(key, {})
        changes = self._fold.fold(items, memory)
        await self._write(commands(changes, self._fold, memory, Place("kafka", self._offset, items[-1].time)))

    async def _write(self, writes: Sequence[Command]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for command in writes:
            pipe.execute_command(*command)
        await pipe.execute()


def make_app(how: str, kafka: int, topic_name: str, book: Book, partitions: int) -> faust.App:
    app = faust.App(
        f"stock-{secrets.token_hex(4)}",
        broker=f"kafka://127.0.0.1:{kafka}",
        store="memory://",
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        stream_buffer_maxsize=16_384,
        broker_max_poll_records=5_000,
    )
    topic = app.topic(topic_name, value_serializer="raw", key_serializer="raw")

    async def each(stream: Any) -> None:
        async for value in stream:
            await book.apply([value])

    async def take(stream: Any) -> None:
        async for values in stream.take(TAKEN, within=WITHIN_S):
            await book.apply(values)

    app.agent(topic)({"each": each, "take": take}[how])
    return app


async def serve(how: str, kafka: int, topic: str, redis_url: str, deployment: Deployment) -> None:
    app = make_app(how, kafka, topic, Book(redis_url, deployment), deployment.lanes)
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asked_how, asked_kafka, asked_topic, asked_redis, asked_deployment = sys.argv[1:]
    chosen = msgspec.json.decode(asked_deployment, type=Deployment)
    uvloop.run(serve(asked_how, int(asked_kafka), asked_topic, asked_redis, chosen))
