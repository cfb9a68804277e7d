"""A stock Faust agent, as in Faust's documentation: the same fold, with redis-py pipelines.

    python -m benchmarks.stock each|take KAFKA_PORT TOPIC REDIS_URL DEPLOYMENT_JSON

It does the same work: its partitions are the lanes, it loads unknown people, closes the sessions that are due, sends
deltas to customers' lanes through the topic, and writes the same keys with the same values, including the places. Two
things are easier for it: it keeps all people in memory, and it sends deltas at once, without an outbox and without
waiting for the broker.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import traceback
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import faust
import msgspec
import uvloop
from redis.asyncio import Redis

from benchmarks.visitors import SITE
from crm.sites import SiteFacts
from processor.batch import Item, Who, batch_of
from processor.changes import Changes
from processor.deadlines import whose
from processor.firing import DUE_AT_ONCE
from processor.fold import Fold
from processor.loaded import Loaded
from processor.memory import LaneMemory
from processor.writes import Place, commands
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Entry

TAKEN, WITHIN_S = 2_000, 0.2


class Lane:
    """The agent's state of one partition."""

    def __init__(self, number: int, deployment: Deployment, key_space: Keys) -> None:
        self.fold = Fold(number, sites={SITE.key: SiteFacts(SITE)}, deployment=deployment, key_space=key_space)
        self.memory = LaneMemory()
        self.offset = 0
        self.clock = 0
        self.next_due: float | None = None
        self.step = 0
        self.batch = batch_of([])
        self.left: Sequence[Item] = ()  # rest of the batch


class Book:
    """Folds messages and writes the result, with the place of each partition, to the processor's keys."""

    def __init__(self, redis_url: str, deployment: Deployment) -> None:
        self.topic: Any = None  # that it reads, and sends deltas to
        self._redis = Redis.from_url(redis_url)
        self._keys = Keys()
        self._lanes = [Lane(number, deployment, self._keys) for number in range(deployment.lanes)]

    async def apply(self, messages: Sequence[Any]) -> None:
        """Messages of any partitions, in order within each. Two round trips, for any number of partitions."""
        taken: defaultdict[int, list[Entry]] = defaultdict(list)
        for message in messages:
            taken[message.partition].append(Entry(message.offset, round(message.timestamp * 1000), message.value))
        lanes = [self._lanes[number] for number in taken]
        for lane in lanes:
            lane.batch = lane.fold.decode(taken[lane.fold.lane])
            first, last = lane.batch.items[0], lane.batch.items[-1]
            assert first.offset == lane.offset, "records of the topic are missing"
            lane.clock, lane.left = last.time, lane.batch.items
        await self._load([(lane, lane.batch.people, lane.fold.top_lists(lane.batch)) for lane in lanes])
        while lanes:
            await self._fill_deadlines(lanes)
            folded = [(lane, lane.fold.fold(lane.left, lane.memory, step=lane.step)) for lane in lanes]
            for lane, changes in folded:
                lane.offset, lane.step = lane.offset + changes.folded, changes.step
                lane.left = lane.left[changes.folded :]
            await self._write(folded)
            lanes = [lane for lane in lanes if lane.left]

    async def _fill_deadlines(self, lanes: list[Lane]) -> None:
        waiting = [lane for lane in lanes if lane.next_due is not None and lane.next_due <= lane.clock]
        for lane in lanes:
            lane.memory.deadlines.fill([], horizon=lane.clock, is_all=True)
        if not waiting:
            return
        pipe = self._redis.pipeline(transaction=False)
        for lane in waiting:
            key = self._keys.due(lane.fold.lane)
            pipe.zrangebyscore(key, "-inf", lane.clock, start=0, num=DUE_AT_ONCE, withscores=True)
        found = await pipe.execute()
        for lane, members in zip(waiting, found, strict=True):
            due = [(int(at), name.decode(), whose(name.decode())) for name, at in members]
            lane.memory.deadlines.fill(due, horizon=lane.clock, is_all=len(due) < DUE_AT_ONCE)
            await self._load([(lane, {who for _, _, who in due}, set())])

    async def _load(self, wanted: Sequence[tuple[Lane, set[Who], set[str]]]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        asked: list[tuple[Lane, list[Who], list[str]]] = []
        for lane, who, lists in wanted:
            people = [one for one in who if one not in lane.memory.people]
            unknown = [key for key in lists if key not in lane.memory.tops.loaded]
            asked.append((lane, people, unknown))
            for one in people:
                pipe.get(self._keys.state(lane.fold.lane, *one))
                pipe.zrange(self._keys.interests(lane.fold.lane, *one), 0, -1, withscores=True)
                pipe.get(keys.tombstone(lane.fold.lane, *one))
                pipe.zscore(self._keys.due(lane.fold.lane), "/".join(one))
            for key in unknown:
                pipe.zrange(key, 0, -1, withscores=True)
        replies = iter(await pipe.execute())
        for lane, people, unknown in asked:
            lane.memory.remember(
                {
                    one: Loaded(
                        next(replies), _scores(next(replies)), int(next(replies) or 0), int(float(next(replies) or 0))
                    )
                    for one in people
                }
            )
            for key in unknown:
                lane.memory.tops.loaded[key] = {name: round(score) for name, score in _scores(next(replies)).items()}

    async def _write(self, folded: Sequence[tuple[Lane, Changes]]) -> None:
        pipe = self._redis.pipeline(transaction=True)
        told: list[tuple[int, bytes]] = []  # lane, record
        for lane, changes in folded:
            outbox = self._keys.outbox(lane.fold.lane)
            place = Place("kafka", lane.offset, lane.clock, lane.step)
            for command in commands(changes, lane.fold, lane.memory, place):
                if command[1] == outbox:
                    told.append((int(command[4]), command[6].encode()))
                elif command[0] == "SAID":  # what only the store's script knows, in Redis' words
                    pipe.set(command[1], command[2])
                else:
                    pipe.execute_command(*command)
        for lane, _ in folded:
            pipe.zrange(self._keys.due(lane.fold.lane), 0, 0, withscores=True)
        replies = await pipe.execute()
        for (lane, _), first in zip(folded, replies[-len(folded) :], strict=True):
            lane.next_due = first[0][1] if first else None
        for target, record in told:
            await self.topic.send(partition=target, value=record)


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
    topic = book.topic = app.topic(topic_name, value_serializer="raw", key_serializer="raw")

    async def apply(messages: Sequence[Any]) -> None:
        try:
            await book.apply(messages)
        except Exception:  # Faust would go on without the agent, and without a word
            traceback.print_exc()
            os._exit(1)

    async def each(stream: Any) -> None:
        async for event in stream.events():
            await apply([event.message])

    async def take(stream: Any) -> None:
        async for events in stream.take_events(TAKEN, within=WITHIN_S):
            await apply([event.message for event in events])

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
