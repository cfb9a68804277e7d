"""What lanes owe each other is sent in groups, in order, and whatever is away is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from processor.outbox import MOST_OWED, Outbox
from processor.store import Owed, StoreUnavailable
from wakeline.log import LogUnavailable
from wakeline.log.memory import MemoryLog

LANES = 4


class Cleared:
    """Notes what is removed from the outboxes in Redis."""

    def __init__(self) -> None:
        self.ids: dict[int, list[bytes]] = {}
        self.is_away = False

    async def sent(self, sent: Mapping[int, list[bytes]]) -> None:
        if self.is_away:
            raise StoreUnavailable("away, as the test wants it")
        for lane, ids in sent.items():
            self.ids.setdefault(lane, []).extend(ids)


class Log(MemoryLog):
    """Notes the size of each append; closed while `gate` is."""

    def __init__(self) -> None:
        super().__init__(LANES)
        self.groups: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_away = False

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        await self.gate.wait()
        if self.is_away:
            raise LogUnavailable("away, as the test wants it")
        self.groups.append(len(records))
        return await super().append(records)

    async def values(self, lane: int) -> list[bytes]:
        found = await self.read({lane: 0}, limit=10_000, wait_ms=0)
        return [entry.value for entry in found.get(lane, ())]


class Stand:
    def __init__(self) -> None:
        self.log, self.redis = Log(), Cleared()
        self.outbox = Outbox(self.redis, self.log)  # type: ignore[arg-type]
        self.running = asyncio.create_task(self.outbox.run())


@pytest.fixture
async def stand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr("processor.outbox.PAUSE_S", 0.01)
    made = Stand()
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)


def owed(lane: int, *numbers: int, target: int = 3) -> list[Owed]:
    return [(b"%d-%d" % (lane, number), target, b"%d of %d" % (number, lane)) for number in numbers]


async def soon(task: Any) -> None:
    await asyncio.wait_for(task, 10)


async def test_what_comes_during_an_append_is_one_append(stand: Stand) -> None:
    stand.log.gate.clear()
    await stand.outbox.put(0, owed(0, 1))
    await asyncio.sleep(0.05)  # it is being appended
    for number in range(2, 7):
        await stand.outbox.put(number % 2, owed(number % 2, number))
    stand.log.gate.set()
    await soon(stand.outbox.empty())
    assert stand.log.groups == [1, 5]
    assert stand.redis.ids == {0: [b"0-1", b"0-2", b"0-4", b"0-6"], 1: [b"1-3", b"1-5"]}


async def test_each_lanes_records_stay_in_order_while_the_log_is_away(stand: Stand) -> None:
    stand.log.is_away = True
    for number in range(50):
        await stand.outbox.put(1, owed(1, number))
    await asyncio.sleep(0.05)
    assert await stand.log.values(3) == []
    assert stand.redis.ids == {}  # nothing leaves Redis before it is in the log
    stand.log.is_away = False
    await soon(stand.outbox.empty())
    assert await stand.log.values(3) == [b"%d of 1" % number for number in range(50)]


async def test_what_cannot_be_cleared_is_cleared_later_and_not_sent_twice(stand: Stand) -> None:
    stand.redis.is_away = True
    await stand.outbox.put(2, owed(2, 1))
    await asyncio.sleep(0.15)
    assert await stand.log.values(3) == [b"1 of 2"]
    emptied = asyncio.create_task(stand.outbox.empty())
    await asyncio.sleep(0.05)
    assert not emptied.done()
    stand.redis.is_away = False
    await soon(emptied)
    assert stand.redis.ids == {2: [b"2-1"]}
    assert await stand.log.values(3) == [b"1 of 2"]


async def test_a_lane_that_is_too_far_ahead_waits_and_others_do_not(stand: Stand) -> None:
    stand.log.gate.clear()
    ahead = asyncio.create_task(stand.outbox.put(0, owed(0, *range(MOST_OWED + 1))))
    await soon(stand.outbox.put(1, owed(1, 1)))
    await asyncio.sleep(0.05)
    assert not ahead.done()
    stand.log.gate.set()
    await soon(ahead)
    await soon(stand.outbox.empty())
    assert len(await stand.log.values(3)) == MOST_OWED + 2


async def test_a_lane_that_is_opened_again_sends_only_what_redis_has(stand: Stand) -> None:
    """Its former records are read from Redis by whoever opens it; one that is being appended may come twice."""
    stand.log.gate.clear()
    await stand.outbox.put(0, owed(0, 1))
    await asyncio.sleep(0.05)
    await stand.outbox.put(0, owed(0, 2))
    stand.outbox.forget(0)
    await stand.outbox.put(0, owed(0, 7))
    stand.log.gate.set()
    await soon(stand.outbox.empty())
    assert await stand.log.values(3) == [b"1 of 0", b"7 of 0"]
    assert stand.redis.ids == {0: [b"0-7"]}


async def test_a_bug_ends_the_run(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(records: object) -> dict[int, int]:
        raise ZeroDivisionError

    monkeypatch.setattr(stand.log, "append", broken)
    await stand.outbox.put(0, owed(0, 1))
    with pytest.raises(ExceptionGroup) as raised:
        await soon(stand.running)
    assert raised.group_contains(ZeroDivisionError)
