"""The lanes of a process: a stall ends the process, and lanes are released in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from types import SimpleNamespace
from typing import Any

import pytest

from processor import lanes as module
from processor.lanes import Lanes, Stalled
from processor.outbox import Outbox
from processor.store import LaneLost
from wakeline.log import Entry, LogGap, LogUnavailable
from wakeline.log.memory import MemoryLog

LANES = 4


class Worker:
    """Applies at once, or blocks until `may_go_on` is set."""

    def __init__(self, lane: int) -> None:
        self.lane = lane
        self.place = SimpleNamespace(offset=0, step=0)
        self.opened = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.was_cancelled = False
        self.may_be_checked = asyncio.Event()
        self.may_be_checked.set()
        self.checks = 0
        self.was_lost = False

    async def open(self) -> int:
        self.opened += 1
        return self.place.offset

    async def apply(self, entries: list[Entry]) -> None:
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.place.offset = entries[-1].offset + 1

    async def tick(self, now: int) -> bool:
        return False

    async def check(self) -> None:
        self.checks += 1
        await self.may_be_checked.wait()
        if self.was_lost:
            raise LaneLost("by an older backup")


class Given:
    """Ownership as the test gives it."""

    def __init__(self) -> None:
        self.shares: asyncio.Queue[Set[int]] = asyncio.Queue()
        self.places: dict[int, int] = {}

    async def run(self, take: Any, leave: Any) -> None:
        while True:
            share = await self.shares.get()
            await leave()
            await take(share)

    async def commit(self, places: dict[int, int]) -> None:
        self.places = places

    async def close(self) -> None:
        pass


class Stand:
    def __init__(self) -> None:
        self.log = MemoryLog(LANES)
        self.given = Given()
        self.cleared: list[dict[int, list[bytes]]] = []
        self.outbox = Outbox(SimpleNamespace(sent=self._clear), self.log)  # type: ignore[arg-type]
        self.workers = [Worker(lane) for lane in range(LANES)]
        self.assigned: asyncio.Queue[Set[int]] = asyncio.Queue()
        self.lanes = Lanes(
            LANES,
            ownership=self.given,  # type: ignore[arg-type]
            log=self.log,
            make=lambda lane: (SimpleNamespace(seconds={}, timed=0), self.workers[lane]),  # type: ignore[arg-type,return-value]
            outbox=self.outbox,
            **KEEPS,
        )
        self.running = asyncio.ensure_future(self.lanes.run(self.assigned.put))

    async def _clear(self, sent: dict[int, list[bytes]]) -> None:
        self.cleared.append(sent)

    async def owns(self, *lanes: int) -> None:
        self.given.shares.put_nowait(frozenset(lanes))
        assert await asyncio.wait_for(self.assigned.get(), 10) == frozenset(lanes)

    async def submit(self, lane: int, count: int) -> None:
        """Append so many records, and hand them over."""
        end = (await self.log.bounds([lane]))[lane].end
        await self.log.append([(lane, b"{}")] * count)
        entries = (await self.log.read({lane: end}, limit=count, wait_ms=0))[lane]
        await self.lanes.submit(lane, entries, generation=self.lanes.generation)


async def no_history() -> None:
    return None


KEEPS: dict[str, Any] = {"keep_records": 0, "keep_ms": 0, "archive_ends": no_history}


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    for name, seconds in {"WATCH_S": 0.02, "STALL_S": 0.2, "LEAVE_S": 0.2, "TELL_S": 0.02}.items():
        monkeypatch.setattr(module, name, seconds)
    stand = Stand()
    yield stand
    stand.running.cancel()
    await stand.lanes.close()
    if stand.lanes.failed.done():
        stand.lanes.failed.exception()  # the test has seen it


async def failure(made: Stand) -> BaseException | None:
    done, _ = await asyncio.wait([made.lanes.failed], timeout=2.0)
    return made.lanes.failed.exception() if done else None


async def test_records_that_wait_while_nothing_is_applied_end_the_process(made: Stand) -> None:
    await made.owns(0, 1)
    await made.log.append([(1, b"{}")])
    assert isinstance(await failure(made), Stalled)


async def test_what_waits_in_the_lanes_of_others_is_no_stall(made: Stand) -> None:
    await made.owns(0, 1)
    await made.log.append([(2, b"{}")])
    await made.owns()
    await made.log.append([(1, b"{}")])
    assert await failure(made) is None


async def test_a_process_that_ends_takes_no_lane_from_another_one_any_more(made: Stand) -> None:
    await made.owns(0)
    made.lanes.fail(LaneLost("by the one that has it now"))
    made.given.shares.put_nowait(frozenset({0, 1}))
    await asyncio.sleep(0.1)
    assert made.given.shares.empty()
    assert [worker.opened for worker in made.workers] == [1, 0, 0, 0]
    assert made.lanes.places() == {}


async def test_an_idle_lane_that_is_not_as_it_was_left_ends_the_process(made: Stand) -> None:
    """It is reopened then, at the current place."""
    await made.owns(0, 1)
    made.workers[1].was_lost = True
    assert isinstance(await failure(made), LaneLost)


async def test_a_lane_that_another_one_got_while_it_was_compared_is_not_lost(made: Stand) -> None:
    await made.owns(0, 1)
    made.workers[1].may_be_checked.clear()
    made.workers[1].was_lost = True
    async with asyncio.timeout(10):
        while not made.workers[1].checks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await made.owns(0)
    made.workers[1].may_be_checked.set()
    await asyncio.sleep(0.1)
    assert not made.lanes.failed.done()


async def test_a_log_that_is_away_is_no_stall(made: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_away(lanes: Any) -> Any:
        raise LogUnavailable("away")

    await made.owns(0)
    await made.log.append([(0, b"{}")])
    monkeypatch.setattr(made.log, "bounds", is_away)
    assert await failure(made) is None


async def test_a_log_that_ends_before_a_place_is_a_gap(made: Stand) -> None:
    await made.owns(0)
    made.workers[0].place.offset = 5
    assert isinstance(await failure(made), LogGap)


async def test_what_is_applied_while_the_log_says_where_it_ends_is_no_gap(
    made: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.owns(0)
    asked, bounds = 0, made.log.bounds

    async def slowly(lanes: Any) -> Any:
        nonlocal asked
        asked += 1
        found = await bounds(lanes)
        await made.log.append([(0, b"{}")])
        made.workers[0].place.offset += 1
        return found

    monkeypatch.setattr(made.log, "bounds", slowly)
    await asyncio.sleep(0.2)
    assert asked > 1
    assert not made.lanes.failed.done()


async def test_what_is_being_written_is_finished_before_a_lane_is_let_go(made: Stand) -> None:
    await made.owns(0, 1)
    made.workers[0].may_go_on.clear()
    await made.submit(0, 2)
    made.given.shares.put_nowait(frozenset({1}))
    await asyncio.sleep(0.05)
    assert made.assigned.empty()
    made.workers[0].may_go_on.set()
    await asyncio.wait_for(made.assigned.get(), 10)
    assert (made.workers[0].place.offset, made.workers[0].was_cancelled) == (2, False)


async def test_what_lanes_owe_is_sent_before_they_are_let_go(made: Stand) -> None:
    await made.owns(0, 1)
    await made.outbox.put(0, [(b"1-1", 1, b"{}")])
    await made.owns(2)
    assert made.cleared == [{0: [b"1-1"]}]
    assert (await made.log.bounds([1]))[1].end == 1


async def test_what_cannot_be_sent_is_left_to_the_next_owner(made: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(records: object) -> dict[int, int]:
        raise LogUnavailable("away, as the test wants it")

    monkeypatch.setattr(made.log, "append", away)
    monkeypatch.setattr(module, "LEAVE_S", 0.1)
    await made.owns(0, 1)
    await made.outbox.put(0, [(b"1-1", 1, b"{}")])
    await made.owns(2)
    assert made.cleared == []


async def test_what_hangs_is_given_up_so_that_the_others_need_not_wait(made: Stand) -> None:
    await made.owns(0, 1)
    made.workers[0].may_go_on.clear()
    await made.submit(0, 2)
    await made.owns(1)
    assert made.workers[0].was_cancelled
    assert not made.lanes.failed.done()


async def test_what_waits_behind_that_is_given_up_too(made: Stand) -> None:
    await made.owns(0, 1)
    made.workers[0].may_go_on.clear()
    for _ in range(3):
        await made.submit(0, 2)
    await made.owns(1)
    made.workers[0].may_go_on.set()
    await asyncio.sleep(0.05)
    assert made.workers[0].place.offset == 0


async def test_what_comes_while_a_lane_is_busy_is_applied_together(
    made: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane that is slow for a moment would else take one call for each read of that time."""
    monkeypatch.setattr("processor.lanes.MOST_AT_ONCE", 5)
    await made.owns(0)
    worker, sizes = made.workers[0], []
    apply = worker.apply

    async def note(entries: list[Entry]) -> None:
        sizes.append(len(entries))
        await apply(entries)

    monkeypatch.setattr(worker, "apply", note)
    worker.may_go_on.clear()
    await made.submit(0, 2)
    await asyncio.sleep(0.01)
    for _ in range(4):
        await made.submit(0, 2)
    worker.may_go_on.set()
    async with asyncio.timeout(10):
        while worker.place.offset < 10:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert sizes == [2, 5, 3]


async def test_batches_that_wait_for_their_turn_are_left_to_the_next_owner(made: Stand) -> None:
    await made.owns(0, 1)
    made.workers[0].may_go_on.clear()
    for _ in range(3):
        await made.submit(0, 2)
        await asyncio.sleep(0.01)  # the first one has begun
    made.given.shares.put_nowait(frozenset({1}))
    await asyncio.sleep(0.05)
    made.workers[0].may_go_on.set()
    await asyncio.wait_for(made.assigned.get(), 10)
    assert (made.workers[0].place.offset, made.workers[0].was_cancelled) == (2, False)


async def test_a_batch_that_was_read_before_its_lane_was_let_go_is_not_applied(made: Stand) -> None:
    await made.owns(0, 1)
    before = made.lanes.generation
    await made.owns(1)
    await made.owns(0, 1)
    await made.lanes.submit(0, [Entry(3, 0, b"{}")], generation=before)
    await made.submit(1, 1)
    await asyncio.sleep(0.05)
    assert [worker.place.offset for worker in made.workers] == [0, 1, 0, 0]
    assert made.workers[0].opened == 2


async def test_ownership_is_told_the_places_of_what_is_owned(made: Stand) -> None:
    await made.owns(1, 2)
    await made.submit(2, 3)
    async with asyncio.timeout(10):
        while made.given.places != {1: 0, 2: 3}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
