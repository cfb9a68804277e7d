"""The collector limits connections, in total and per address, and always accepts a new one."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_network
from pathlib import Path

import pytest

from collector import connections as module
from collector.connections import MOST, MOST_OF_ONE, RESERVED, Connections, Full, room
from tests.collector_stand import Stand, stand

ONE, ANOTHER = 1, 2
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Connection:
    turn = 0
    is_working = False
    counted_as: int | None = None
    is_open = True

    def give_way(self) -> None:
        self.is_open = False


class Door:
    """At most eight connections, two of one address."""

    def __init__(self) -> None:
        self.made_room: Counter[Full] = Counter()
        self.held = Connections(8, made_room=lambda full: self.made_room.update([full]))

    def opened(self, of: int | None = None) -> Connection:
        connection = Connection()
        self.held.opened(connection, counted_as=of)
        return connection


@pytest.fixture
def door() -> Door:
    return Door()


def test_when_all_are_taken_the_one_that_was_quiet_for_longest_makes_room(door: Door) -> None:
    first, second, *others = [door.opened() for _ in range(8)]
    door.held.works(first)
    door.held.waits(first)  # it has just been answered
    new = door.opened()
    assert not second.is_open
    assert all(one.is_open for one in (first, new, *others))
    assert len(door.held) == 8
    assert door.made_room == {Full.ALL: 1}


def test_one_that_is_being_answered_goes_last(door: Door) -> None:
    working, waiting = [door.opened() for _ in range(4)], [door.opened() for _ in range(4)]
    for one in working:
        door.held.works(one)
    new = [door.opened() for _ in range(4)]
    assert all(one.is_open for one in (*working, *new))
    assert not any(one.is_open for one in waiting)
    for one in new:
        door.held.works(one)
    assert door.opened().is_open  # a new one gets in also where all are busy
    assert [one.is_open for one in working] == [False, True, True, True]


def test_one_address_makes_room_among_its_own(door: Door) -> None:
    others = [door.opened() for _ in range(6)]
    mine = [door.opened(ONE) for _ in range(2)]
    door.held.works(mine[0])
    new = door.opened(ONE)
    assert [one.is_open for one in (*mine, new)] == [True, False, True]
    theirs = door.opened(ANOTHER)  # there is no more room in all
    assert [one.is_open for one in others] == [False, *[True] * 5]
    assert theirs.is_open
    assert door.made_room == {Full.ONE_ADDRESS: 1, Full.ALL: 1}


def test_what_is_closed_leaves_nothing_behind(door: Door) -> None:
    for _ in range(1_000):
        opened = [door.opened(ONE), door.opened(ANOTHER), door.opened()]
        door.held.works(opened[0])
        for one in opened:
            door.held.closed(one)
            door.held.closed(one)
            door.held.waits(one)  # its answer comes too late
    assert not len(door.held)
    assert not door.held._of
    assert not door.made_room


@pytest.mark.parametrize(
    ("files", "connections"), [(64, 32), (256, 128), (1_024, 1_024 - RESERVED), (20_000, MOST), (1 << 20, MOST)]
)
def test_open_files_are_left_for_everything_else(files: int, connections: int) -> None:
    assert room(files) == connections


def test_behind_one_address_may_be_an_office() -> None:
    assert Connections(MOST).most_of_one == MOST_OF_ONE
    assert Connections(32).most_of_one == 8


async def idle(collector: Stand, number: int, local: str = "127.0.0.1") -> list[asyncio.StreamReader]:
    """Connections that have had an answer, and say nothing more."""
    found = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", collector.port, local_addr=(local, 0))
        collector.held.append(writer)
        writer.write(GET)
        await reader.readuntil(b"alive\n")
        found.append(reader)
    return found


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(5):
            return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_an_idle_connection_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    async with stand(tmp_path) as collector:
        first, *others = await idle(collector, 10)
        (new,) = await idle(collector, 1)
        assert await is_closed(first)
        assert not any(reader.at_eof() for reader in (*others, new))
        shown = collector.metrics()
        assert (shown["connections"], shown["connections_limit"]) == (10, 10)
        assert shown['connections_closed_total{full="all"}'] == 1


async def test_a_private_address_and_a_proxy_have_no_cap_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.0/8 stands for the public here: half of it is a proxy, which many visitors are behind."""
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    async with stand(tmp_path) as collector:
        await idle(collector, 10)
        assert collector.metrics()['connections_closed_total{full="one_address"}'] == 0
    monkeypatch.setattr("collector.addresses.UNLIMITED", {4: [], 6: []})
    async with stand(tmp_path, settings={"trusted_proxies": (ip_network("127.0.0.1/32"),)}) as collector:
        await idle(collector, 10)
        assert collector.metrics()['connections_closed_total{full="one_address"}'] == 0
        first, *_ = await idle(collector, 4, local="127.0.0.2")
        assert await is_closed(first)
        assert collector.metrics()['connections_closed_total{full="one_address"}'] == 1
