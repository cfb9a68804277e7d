"""A week of visits, played on a store, and its result, which is the same for every kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.machine import find_free_ports
from tests.cluster import ClusterNode, RedisCluster
from tests.timeline import MINUTE, Timeline, timeline
from wakeline.record import Event

DAYS = [f"2027-01-{day}" for day in range(14, 23)]
IDS = [*(f"visitor-{number}" for number in range(6)), "@customer0", "@customer1"]
PATIENCE_S = 30


async def play(made: Timeline, events: list[Event], *, pause_s: float = 0.0) -> None:
    """Append and fold them one by one."""
    for one in events:
        await made.append(one)
        await made.run()
        await asyncio.sleep(pause_s)


async def outcome(made: Timeline) -> tuple[dict[str, Any], dict[Any, float], dict[str, int]]:
    """All numbers, once every session has ended. Every lane's ledger must balance."""
    await made.run()
    for _ in range(3):
        await made.pass_time(31 * MINUTE)
    return await made.numbers(IDS, DAYS), await made.scores(IDS), await made.ledger()


async def truth(server: Any, events: list[Event]) -> tuple[dict[str, Any], dict[Any, float], dict[str, int]]:
    async with timeline(server) as made:
        await play(made, events)
        return await outcome(made)


def equal(found: tuple[Any, Any, Any], expected: tuple[Any, Any, Any]) -> None:
    """Equal except for rounding of scores; the number of ticks may differ."""
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1])
    assert {name: n for name, n in found[2].items() if name != "derived"} == {
        name: n for name, n in expected[2].items() if name != "derived"
    }


@contextmanager
def another_node(cluster: RedisCluster) -> Iterator[ClusterNode]:
    port, bus_port = find_free_ports(2)
    node = ClusterNode(port, bus_port, cluster.nodes[0].folder.parent / str(port))
    try:
        yield node
    finally:
        node.kill()
