"""State on a real Redis Cluster: each event counts once, also while slots move, and other commands work with it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.machine import free_port
from benchmarks.waiting import wait_until
from ops.check.finding import Finding, Level
from ops.check.server import check_server
from ops.cli import main
from tests.cluster import RedisCluster
from tests.played import IDS, PATIENCE_S, another_node, equal, outcome, play, truth
from tests.timeline import a_week_of_visits, timeline
from wakeline.keys import DEPLOYMENT
from wakeline.lanes import Deployment, open_deployment
from wakeline.profiles import AsyncProfiles, Profile, Profiles
from wakeline.redis.connect import connect
from wakeline.settings import Settings


@pytest.mark.parametrize("seed", range(3))
async def test_each_event_is_counted_once_as_on_one_server(
    seed: int, redis_cluster: RedisCluster, redis_server: Any
) -> None:
    """With a restart in between: what was loaded from the cluster is what was written."""
    events = a_week_of_visits(random.Random(seed))
    expected = await truth(redis_server, events)
    async with timeline(redis_cluster) as made:
        await play(made, events[: len(events) // 2])
        await made.start()
        await play(made, events[len(events) // 2 :])
        await made.append(*events[::3])  # sent again
        found = await outcome(made)
        owners = {redis_cluster.owner(made.store.keys.lane(lane)).port for lane in range(4)}
    assert len(owners) > 1
    found[2]["duplicate"] = expected[2]["duplicate"]
    found[2]["applied"] = expected[2]["applied"]
    equal(found, expected)


@pytest.mark.parametrize("to", ["a node with slots", "a node without"])
async def test_a_slot_moves_while_its_lane_is_written(to: str, own_cluster: RedisCluster, redis_server: Any) -> None:
    """Key by key: the lane waits while its keys are in two places, is never torn, and continues on the new node."""
    events = a_week_of_visits(random.Random(7), visitors=9)
    expected = await truth(redis_server, events)
    with another_node(own_cluster) as empty:
        if to == "a node without":
            own_cluster.add(empty)
        async with timeline(own_cluster) as made:
            playing = asyncio.create_task(play(made, events, pause_s=0.005))
            lane = made.store.keys.lane(made.lane("visitor-0"))
            source = own_cluster.owner(lane)
            target = empty if to == "a node without" else next(one for one in own_cluster.nodes if one is not source)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(own_cluster.begin_to_move, lane, target)
            await asyncio.to_thread(own_cluster.move_all_keys, lane, source, target, pause_s=0.05)
            await asyncio.to_thread(own_cluster.end_move, lane, source, target)
            assert not playing.done()
            await asyncio.wait_for(playing, PATIENCE_S)
            assert own_cluster.owner(lane) is target
            equal(await outcome(made), expected)


async def test_what_is_asked_of_a_slot_on_its_way_is_answered(own_cluster: RedisCluster) -> None:
    """Keys that are all over there are found there, over many connections at once; redis-py alone loses its way."""
    with another_node(own_cluster) as target:
        own_cluster.add(target)
        client = connect(own_cluster.url)
        try:
            await asyncio.gather(*(client.set(f"{{1}}:{n}", n) for n in range(20)))
            source = own_cluster.owner("{1}")
            own_cluster.begin_to_move("{1}", target)
            own_cluster.move_all_keys("{1}", source, target)
            both = client.register_script("return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}")
            found = await asyncio.gather(*(both(keys=[f"{{1}}:{n}", "{1}:0"]) for n in range(20)))
            assert found == [[str(n).encode(), b"0"] for n in range(20)]
            async with client.pipeline(transaction=False) as pipe:
                for n in range(20):
                    pipe.get(f"{{1}}:{n}")
                assert await pipe.execute() == [str(n).encode() for n in range(20)]
        finally:
            await client.aclose()


async def test_all_keys_are_found_by_scanning(redis_cluster: RedisCluster) -> None:
    """Also where each node is asked many times: what a replay removes is found so."""
    async with connect(redis_cluster.url) as client:
        wanted = {f"{{{n % 16}}}:{n}" for n in range(900)}
        await asyncio.gather(*(client.set(key, b"") for key in wanted))
        assert {key.decode() async for key in client.scan_iter("{*}:*", count=10)} == wanted


async def test_a_slot_moves_at_one_stroke(own_cluster: RedisCluster, redis_server: Any) -> None:
    """Valkey 9 and newer: the lane does not wait for it."""
    if own_cluster.nodes[0].ask("COMMAND INFO", "cluster|migrateslots") in (False, [], [None], {}):
        pytest.skip("this server moves slots key by key")
    events = a_week_of_visits(random.Random(8))
    expected = await truth(redis_server, events)
    async with timeline(own_cluster) as made:
        playing = asyncio.create_task(play(made, events, pause_s=0.005))
        lane = made.store.keys.lane(made.lane("visitor-0"))
        source, slot = own_cluster.owner(lane), own_cluster.slot(lane)
        target = next(one for one in own_cluster.nodes if one is not source)
        assert source.ask("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id) == "OK"
        await asyncio.to_thread(wait_until, lambda: own_cluster.owner(lane) is target)
        await asyncio.wait_for(playing, PATIENCE_S)
        equal(await outcome(made), expected)


# ---- what stands around it ------------------------------------------------------------------------


def wrong(findings: list[Finding]) -> list[str]:
    return [f"{finding.level} {finding.what}" for finding in findings if finding.level is not Level.OK]


async def test_a_cluster_is_checked_node_by_node(own_cluster: RedisCluster) -> None:
    settings = Settings(redis=own_cluster.url, log="kafka://k:9092")
    findings = await check_server(settings, "it")
    assert wrong(findings) == []
    assert "3 primaries, 3 without a replica" in findings[1].what
    assert any("each of 3 nodes: every write is on disk" in finding.what for finding in findings)

    one, two, three = own_cluster.nodes
    one.ask("CONFIG SET", "appendonly", "no")
    two.ask("CONFIG SET", "maxmemory", "500mb")
    two.ask("CONFIG SET", "maxmemory-policy", "allkeys-lru")
    assert wrong(await check_server(settings, "it")) == [
        f"✗ node 127.0.0.1:{two.port}: maxmemory-policy allkeys-lru deletes profiles and the log when memory runs "
        "short",
        f"✗ node 127.0.0.1:{one.port}: appendonly is off: all numbers are lost when the server stops, until a replay",
    ]

    three.kill()
    await asyncio.to_thread(wait_until, lambda: one.ask("CLUSTER INFO")["cluster_state"] == "fail")
    said = wrong(await check_server(settings, "it"))
    assert "5462 of 16384 slots have no node" in said[0]
    assert f"node 127.0.0.1:{three.port} cannot be reached" in said[1]

    for node in (one, two):
        node.kill()
    (finding,) = await check_server(settings, "it")
    assert "cannot be used" in finding.what


async def test_a_server_of_another_kind_is_no_cluster(redis_server: Any) -> None:
    settings = Settings(redis=redis_server.url.replace("redis://", "redis+cluster://"), log="kafka://k:9092")
    (finding,) = await check_server(settings, "it")
    assert "cluster support disabled" in finding.what


async def test_a_deployment_is_opened_once_by_many(redis_cluster: RedisCluster) -> None:
    settings = Settings(redis=redis_cluster.url, log="kafka://k:9092")

    async def open_it() -> Deployment:
        async with connect(redis_cluster.url) as client:
            return await open_deployment(client, settings)

    assert len(set(await asyncio.gather(*(open_it() for _ in range(5))))) == 1
    assert "the data was built as configured" in (await check_server(settings, "it"))[-1].what


async def test_profiles_are_read_from_a_cluster(redis_cluster: RedisCluster, redis_server: Any) -> None:
    """By both readers, the same as on one server."""
    events = a_week_of_visits(random.Random(3))
    found = []
    for server in (redis_server, redis_cluster):
        url = server.url
        async with timeline(server) as made:
            await play(made, events)
            deployment = made.deployment
            values = {"lanes": deployment.lanes, "decay_zero": deployment.decay_zero, "half_life": deployment.half_life}
            await made.redis.hset(DEPLOYMENT, mapping=values)
        async with AsyncProfiles(url) as reader:
            found.append([await reader.read("shop", id, now=events[-1].time) for id in IDS])
        assert found[-1] == await asyncio.to_thread(_read_blocking, url, events[-1].time)
    assert found[0] == found[1]
    assert sum(profile is not None for profile in found[0]) >= 4


def _read_blocking(url: str, now: int) -> list[Profile | None]:
    with Profiles(url) as reader:
        return [reader.read("shop", id, now=now) for id in IDS]


def test_a_command_says_that_the_cluster_is_away() -> None:
    flags = ["--redis", f"redis+cluster://u:hunter2@127.0.0.1:{free_port()}"]
    result = CliRunner().invoke(main, ["profile", "v" * 22, *flags], env={"WAKELINE_LOG": "kafka://k:9092"})
    assert result.exit_code == 1
    assert "cannot use the Redis server redis+cluster://u:***@127.0.0.1" in result.output
    assert "hunter2" not in result.output
