"""A stock Faust agent, as its documentation writes one: the same fold, read and written by redis-py pipelines.

    python -m benchmarks.stock each|take KAFKA_PORT TOPIC REDIS_URL DEPLOYMENT_JSON

It does the same work: it loads whom it does not know, closes the sessions that are due, and writes the same
commands. It is let off the lanes: it folds all partitions as one, so it writes fewer counters and larger batches.
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
from processor.changes import Changes
from processor.fold import Fold, LaneMemory, Who
from processor.sites import SiteFacts
from processor.state import Loaded
from processor.worker import DUE_AT_ONCE
from processor.writes import Place, commands
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry
from wakeline.record import Event

TAKEN, WITHIN_S = 2_000, 0.2


class Book:
    """Folds and writes what it is given; its place is that of lane 0."""

    def __init__(self, redis_url: str, deployment: Deployment) -> None:
        self._redis = Redis.from_url(redis_url)
        self._keys = Keys()
        self._fold = Fold(0, sites={SITE.key: SiteFacts(SITE)}, deployment=deployment, key_space=self._keys)
        self._memory = LaneMemory()
        self._offset = 0
        self._next_due: float | None = None

    async def apply(self, values: Sequence[bytes]) -> None:
        entries = [Entry(self._offset + index, 0, value) for index, value in enumerate(values)]
        self._offset += len(entries)
        items = self._fold.decode(entries)
        for item in items:
            assert isinstance(item.record, Event)
            item.time = item.record.received
        await self._load({who for item in items for who in item.who}, self._fold.top_lists(items))
        now = items[-1].time
        await self._write(self._fold.fold(items, self._memory), now)
        while self._next_due is not None and self._next_due <= now:
            members: Any = await self._redis.zrangebyscore(self._keys.due(0), "-inf", now, start=0, num=DUE_AT_ONCE)
            due = [(site, id) for site, _, id in (member.decode().partition("/") for member in members)]
            await self._load(set(due), set())
            await self._write(self._fold.fold_due(due, now, self._memory), now)

    async def _load(self, who: set[Who], lists: set[str]) -> None:
        people = [one for one in who if one not in self._memory.people]
        unknown = [key for key in lists if key not in self._memory.tops.loaded]
        if not people and not unknown:
            return
        pipe = self._redis.pipeline(transaction=False)
        for one in people:
            pipe.get(self._keys.state(0, *one))
            pipe.zrange(self._keys.interests(0, *one), 0, -1, withscores=True)
            pipe.get(keys.tombstone(0, *one))
        for key in unknown:
            pipe.zrange(key, 0, -1, withscores=True)
        found = await pipe.execute()
        self._memory.remember(
            {
                one: Loaded(found[3 * index], _scores(found[3 * index + 1]), int(found[3 * index + 2] or 0))
                for index, one in enumerate(people)
            }
        )
        for key, members in zip(unknown, found[3 * len(people) :], strict=True):
            self._memory.tops.loaded[key] = {name: round(score) for name, score in _scores(members).items()}

    async def _write(self, changes: Changes, now: int) -> None:
        pipe = self._redis.pipeline(transaction=True)
        for command in commands(changes, self._fold, self._memory, Place("kafka", self._offset, now)):
            pipe.execute_command(*command)
        pipe.zrange(self._keys.due(0), 0, 0, withscores=True)
        first = (await pipe.execute())[-1]
        self._next_due = first[0][1] if first else None


def _scores(members: Sequence[tuple[bytes, float]]) -> dict[str, float]:
    return {name.decode(): score for name, score in members}


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
