"""State on a Redis Cluster whose nodes die: writes in progress, waiting lanes, and records that are folded again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError

from benchmarks.waiting import until
from processor.store import LaneLost, StoreUnavailable
from tests.cluster import RedisCluster
from tests.played import PATIENCE_S, another_node, equal, outcome, play, truth
from tests.timeline import Timeline, a_week_of_visits, timeline
from wakeline.redis.connect import connect
from wakeline.redis.failures import AWAY


async def test_a_node_dies_under_many_calls_and_comes_back(own_cluster: RedisCluster) -> None:
    """Each call under way ends well or with an error that is waited for, and never runs twice."""
    client = connect(own_cluster.url)
    count = client.register_script("return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)")
    went_well: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    stop = asyncio.Event()

    async def call(lane: int, worker: int) -> None:
        while not stop.is_set():
            try:
                await count(keys=[f"{{{lane}}}:runs"], args=[worker])
                went_well[lane] += 1
            except AWAY:
                failed[lane] += 1
                await asyncio.sleep(0.05)

    async def read() -> list[Any]:
        async with client.pipeline(transaction=False) as pipe:
            for lane in range(16):
                pipe.hvals(f"{{{lane}}}:runs")
            return await pipe.execute()

    try:
        calling = [asyncio.create_task(call(lane, worker)) for lane in range(16) for worker in range(10)]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_cluster.nodes[1].kill)
        with pytest.raises(AWAY):
            await read()
        await asyncio.sleep(2)  # the others notice, and answer CLUSTERDOWN
        await asyncio.to_thread(own_cluster.nodes[1].start)
        await asyncio.to_thread(own_cluster.until_ok)
        before = went_well.copy()
        await until(lambda: all(went_well[lane] > before[lane] for lane in range(16)))
        stop.set()
        await asyncio.gather(*calling)
        runs = [sum(map(int, each)) for each in await read()]
    finally:
        stop.set()
        await client.aclose()
    assert any(failed.values())
    for lane, ran in enumerate(runs):
        assert went_well[lane] <= ran <= went_well[lane] + failed[lane]


async def _places(client: Redis, made: Timeline) -> list[int]:
    async with client.pipeline(transaction=False) as pipe:
        for lane in range(4):
            pipe.hget(made.store.keys.lane(lane), "offset")
        return [int(place or 0) for place in await pipe.execute()]


async def test_a_primary_is_killed_and_its_replica_takes_over(own_cluster: RedisCluster, redis_server: Any) -> None:
    """The lane waits, and continues with the replica; so do readers that use pipelines."""
    events = a_week_of_visits(random.Random(9), visitors=9)
    expected = await truth(redis_server, events)
    with another_node(own_cluster) as replica:
        async with timeline(own_cluster) as made:
            lane = made.lane("visitor-0")
            primary = own_cluster.owner(made.store.keys.lane(lane))
            own_cluster.add(replica, replica_of=primary)
            half = len(events) // 2
            await play(made, events[:half])
            assert int(primary.ask("WAIT", 1, 5_000)) == 1
            reader = connect(own_cluster.url)
            assert any(await _places(reader, made))
            await asyncio.to_thread(primary.kill)
            with pytest.raises(StoreUnavailable):
                await made.store.next_due(lane)
            await asyncio.wait_for(play(made, events[half:]), PATIENCE_S)
            assert own_cluster.owner(made.store.keys.lane(lane)) is replica
            with pytest.raises(ConnectionError):
                await _places(reader, made)
            assert await _places(reader, made) == [worker.place.offset for worker in made.workers]
            await reader.aclose()
            equal(await outcome(made), expected)


async def test_what_no_replica_had_is_folded_again(own_cluster: RedisCluster, redis_server: Any) -> None:
    """A lane is rolled back with its place: the writer detects it by the revision, and continues from there after a
    restart.
    """
    events = a_week_of_visits(random.Random(10), visitors=9)
    expected = await truth(redis_server, events)
    third = len(events) // 3
    with another_node(own_cluster) as replica:
        async with timeline(own_cluster) as made:
            lane = made.lane("visitor-0")
            key = made.store.keys.lane(lane)
            primary = own_cluster.owner(key)
            own_cluster.add(replica, replica_of=primary)
            await play(made, events[:third])
            assert int(primary.ask("WAIT", 1, 5_000)) == 1
            replica.ask("CONFIG SET", "masterauth", "wrong")  # it does not come back to its primary
            primary.ask("CLIENT KILL", "TYPE", "replica")
            await play(made, events[third : 2 * third])
            lost = made.workers[lane].place.offset
            await asyncio.to_thread(primary.kill)
            with pytest.raises(LaneLost):
                await asyncio.wait_for(play(made, events[2 * third :]), PATIENCE_S)
            assert own_cluster.owner(key) is replica
            assert int(await made.redis.hget(key, "offset") or 0) < lost
            await made.start()
            await play(made, events[2 * third :])
            await made.append(*events[2 * third :])  # those that were not appended for the error; the others again
            found = await outcome(made)
            for verdict in ("applied", "duplicate"):
                found[2][verdict] = expected[2][verdict]
            equal(found, expected)
