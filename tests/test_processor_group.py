"""Processors in one consumer group on a real Kafka: the ownership of lanes, and the committed offsets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from benchmarks.broker import Broker
from benchmarks.waiting import until
from processor.group import Group
from wakeline.log import LogGap
from wakeline.log.kafka import KafkaLog
from wakeline.log.kafka_address import kafka_address

LANES = 4
BEGINS = [100, 0, 0, 0]


class Member:
    """A processor that takes whatever it is given."""

    def __init__(self, url: str, name: str) -> None:
        self.group = Group(kafka_address(url), name=name, begins=BEGINS)
        self.owned: Set[int] = frozenset()
        self.taken: list[Set[int]] = []
        self.running: asyncio.Future[None] = asyncio.ensure_future(self.group.run(self.take, self.leave))

    async def take(self, lanes: Set[int]) -> None:
        self.owned = lanes
        self.taken.append(lanes)

    async def leave(self) -> None:
        self.owned = frozenset()

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])
        await self.group.close()


@pytest.fixture
async def url(kafka: Broker, topic: str) -> AsyncIterator[str]:
    url = f"{kafka.url}/{topic}"
    log = await KafkaLog.open(url, LANES)
    yield url
    await log.close()


@asynccontextmanager
async def members(url: str, *names: str) -> AsyncIterator[list[Member]]:
    found = [Member(url, name) for name in names]
    try:
        yield found
    finally:
        for member in found:
            await member.close()


def shares(*found: Member) -> list[int]:
    """How many lanes each owns; none has two owners."""
    assert sum(len(member.owned) for member in found) == len(frozenset[int]().union(*(m.owned for m in found)))
    return [len(member.owned) for member in found]


async def test_lanes_are_shared_and_fall_to_who_is_left(url: str) -> None:
    async with members(url, "one") as (one,):
        await until(lambda: shares(one) == [LANES])
        async with members(url, "two") as (two,):
            await until(lambda: shares(one, two) == [LANES // 2] * 2)
        await until(lambda: shares(one) == [LANES])


async def test_who_is_restarted_has_its_lanes_again_and_moves_nobody_elses(url: str) -> None:
    async with members(url, "one", "two") as (one, two):
        await until(lambda: shares(one, two) == [LANES // 2] * 2)
        mine, moves = two.owned, len(one.taken)
        await two.close()
        again = Member(url, "two")
        await until(lambda: again.owned)
        assert (again.owned, len(one.taken)) == (mine, moves)
        await again.close()


async def test_the_group_is_told_the_places_by_the_logs_own_offsets(url: str, topic: str) -> None:
    """So that its lag is right for any tool: a log that was not the deployment's first begins at another place."""
    async with members(url, "one") as (one,):
        await until(lambda: one.owned)
        await one.group.commit({0: 107, 1: 3, 2: 0})
        consumer = one.group._consumer
        assert consumer is not None
        committed = [await consumer.committed(TopicPartition(topic, lane)) for lane in range(LANES)]
        assert committed == [7, 3, 0, None]


async def test_a_lane_that_cannot_be_opened_ends_the_membership(url: str) -> None:
    class Refuses(Member):
        async def take(self, lanes: Set[int]) -> None:
            raise LogGap("lane 2 stands at 5")

    one = Refuses(url, "one")
    with pytest.raises(LogGap, match="stands at 5"):
        async with asyncio.timeout(40):
            await one.running
    await one.group.close()


async def test_waiting_for_a_broker_that_is_away(own_kafka: Broker, topic: str) -> None:
    url = f"{own_kafka.url}/{topic}"
    await (await KafkaLog.open(url, LANES)).close()
    own_kafka.kill()
    async with members(url, "one") as (one,):
        await asyncio.sleep(1.0)
        assert not one.running.done()
        own_kafka.start()
        await until(lambda: shares(one) == [LANES])
