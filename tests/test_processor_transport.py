"""Batches on their way from the log through Faust to the lanes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.waiting import until
from processor import transport
from processor.lanes import Assign
from processor.stream import POLLS_BUFFERED, ProcessorApp, make_app
from wakeline.log import Entry
from wakeline.log.memory import MemoryLog

LANES = 8


class CountedLog(MemoryLog):
    def __init__(self, lanes: int) -> None:
        super().__init__(lanes)
        self.reads = 0

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        self.reads += 1
        return await super().read(places, limit=limit, wait_ms=wait_ms)


class LanesStub:
    """Takes batches instead of folding them."""

    count = LANES

    def __init__(self) -> None:
        self.taken: defaultdict[int, list[int]] = defaultdict(list)
        self.failed: list[BaseException] = []
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.owned: frozenset[int] = frozenset()
        self.generation = 0
        self.shares: asyncio.Queue[frozenset[int]] = asyncio.Queue()
        self.shares.put_nowait(frozenset(range(LANES)))

    async def run(self, assign: Assign) -> None:
        """Owns each list in `shares` in turn."""
        while True:
            share = await self.shares.get()
            self.owned, self.generation = share, self.generation + 1
            await assign(share)

    def places(self) -> dict[int, int]:
        return {lane: len(self.taken[lane]) for lane in self.owned}

    def counts(self) -> dict[int, int]:
        return {lane: len(self.taken[lane]) for lane in range(LANES)}

    def fail(self, error: BaseException) -> None:
        self.failed.append(error)

    async def submit(self, lane: int, entries: list[Entry], *, generation: int) -> None:
        await self.has_room.wait()
        if generation != self.generation or lane not in self.owned:
            return
        self.taken[lane] += [entry.offset for entry in entries]


@asynccontextmanager
async def running(log: MemoryLog, lanes: Any) -> AsyncIterator[ProcessorApp]:
    app = make_app(log, lanes)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BATCH_RECORDS", 5)


async def test_every_record_comes_once_and_in_order_however_far_behind_its_lane_is() -> None:
    log, lanes = CountedLog(LANES), LanesStub()
    amounts = {lane: 1 + 13 * lane for lane in range(LANES)}
    await log.append([(lane, b"{}") for lane, amount in amounts.items() for _ in range(amount)])
    async with running(log, lanes):
        await until(lambda: sum(map(len, lanes.taken.values())) >= sum(amounts.values()))
        await log.append([(3, b"{}"), (6, b"{}")])
        await until(lambda: len(lanes.taken[6]) > amounts[6] and len(lanes.taken[3]) > amounts[3])
    amounts[3] += 1
    amounts[6] += 1
    assert {lane: list(range(amount)) for lane, amount in amounts.items()} == dict(lanes.taken)
    assert not lanes.failed


async def test_all_that_one_poll_finds_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust takes about 100 us for each."""
    made = []
    to_message = transport.Consumer._to_message

    def counted(self: transport.Consumer, tp: Any, record: transport.Read) -> Any:
        made.append(record)
        return to_message(self, tp, record)

    monkeypatch.setattr(transport.Consumer, "_to_message", counted)
    log, lanes = CountedLog(LANES), LanesStub()
    async with running(log, lanes):
        for number in (1, 2):  # at first every lane may be far behind
            made.clear()
            await log.append([(lane, b"{}") for lane in range(LANES)])
            await until(lambda number=number: sum(map(len, lanes.taken.values())) == number * LANES)
    assert [sorted(read.found) for read in made] == [list(range(LANES))]


async def test_a_record_does_not_wait_for_lanes_that_are_far_behind() -> None:
    log, lanes = CountedLog(LANES), LanesStub()
    async with running(log, lanes):
        await log.append([(lane, b"{}") for lane in range(LANES)])
        await until(lambda: len(lanes.taken) == LANES)
        await log.append([(lane, b"{}") for lane in range(LANES - 1) for _ in range(2_000)])
        await until(lambda: len(lanes.taken[0]) > 20)
        await log.append([(LANES - 1, b"{}")])
        await until(lambda: len(lanes.taken[LANES - 1]) == 2)
        assert len(lanes.taken[0]) < 1_000


async def test_reading_ahead_ends_where_nobody_takes_what_was_read() -> None:
    log, lanes = CountedLog(LANES), LanesStub()
    lanes.has_room.clear()
    await log.append([(lane, b"{}") for lane in range(LANES) for _ in range(1_000)])
    async with running(log, lanes):
        await until(lambda: log.reads > 1)
        await asyncio.sleep(0.3)
        assert log.reads <= POLLS_BUFFERED + 3
        lanes.has_room.set()
        await until(lambda: sum(map(len, lanes.taken.values())) == LANES * 1_000)
    assert all(taken == list(range(1_000)) for taken in lanes.taken.values())


async def test_nothing_of_a_batch_is_remembered_once_it_was_taken() -> None:
    """Faust keeps acked messages until its next commit, which never happens here: memory would grow without limit."""
    log, lanes = CountedLog(LANES), LanesStub()
    await log.append([(lane, b"{}") for lane in range(LANES) for _ in range(500)])
    async with running(log, lanes) as app:
        await until(lambda: sum(map(len, lanes.taken.values())) == LANES * 500)
        await asyncio.sleep(0)
        kept = {
            name: sum(map(len, found.values()))
            for name, found in vars(app.consumer).items()
            if name in ("_acked", "_acked_index", "_gap")
        }
    assert kept == {"_acked": 0, "_acked_index": 0, "_gap": 0}


async def test_lanes_that_come_go_and_come_back_are_read_on_from_their_places() -> None:
    """Nothing of a lane that is another's is handed over, and nothing twice, whatever was read ahead of the change."""
    log, lanes = CountedLog(LANES), LanesStub()
    shares = [frozenset(share) for share in ({0, 1, 2, 3}, set(), {2, 3, 4, 5}, {0, 1, 2, 3}, set(range(LANES)))]
    async with running(log, lanes):
        for number, share in enumerate(shares, start=1):
            before = lanes.counts()
            lanes.shares.put_nowait(share)
            await until(lambda share=share: lanes.owned == share and lanes.shares.empty())
            await log.append([(lane, b"{}") for lane in range(LANES) for _ in range(30)])
            wanted = {lane: 30 * number if lane in share else before[lane] for lane in range(LANES)}
            await until(lambda wanted=wanted: wanted == lanes.counts())
            await asyncio.sleep(0.05)
            assert wanted == lanes.counts()
    assert all(taken == list(range(30 * len(shares))) for taken in lanes.taken.values())
    assert not lanes.failed
