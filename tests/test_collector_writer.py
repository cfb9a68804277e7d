"""Group commit: one write at a time holds all that waited; nothing is stranded, nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from collector import writer as writer_module
from collector.metrics import Metrics
from collector.writer import MAX_GROUP, GroupCommit
from tests.collector_stand import LANES, FaultyLog
from wakeline.lanes import DeploymentMismatch
from wakeline.log import Log

RECORD = b'{"n":1}'


class Opening:
    """Opens the log, unless the test keeps it shut."""

    def __init__(self) -> None:
        self.log = FaultyLog(LANES)
        self.attempts = 0

    async def __call__(self) -> tuple[Log, int]:
        self.attempts += 1
        await self.log.identity()
        return self.log, LANES


async def turns(count: int) -> None:
    """Let the loop go round: whatever waits for nothing else is done then."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(opening: Opening) -> AsyncIterator[GroupCommit]:
    commit = GroupCommit(opening, Metrics())
    task = asyncio.create_task(commit.run())
    await turns(5)
    yield commit
    assert not task.done(), "the writer must never end by itself"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def opening() -> Opening:
    return Opening()


@pytest.fixture
async def commit(opening: Opening) -> AsyncIterator[GroupCommit]:
    async with running(opening) as made:
        yield made


def submit(commit: GroupCommit, count: int = 1) -> asyncio.Future[bool]:
    return commit.submit([(n % LANES, RECORD) for n in range(count)], count * len(RECORD))


async def until(commit: GroupCommit, *, is_open: bool) -> None:
    async with asyncio.timeout(5):
        while commit.is_open is not is_open:  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.005)


async def test_all_that_waits_is_written_by_one_append(commit: GroupCommit, opening: Opening) -> None:
    """The first goes alone, at once; the 99 that come while it is under way go together."""
    opening.log.gate.clear()
    first = submit(commit)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [submit(commit) for _ in range(99)]
    opening.log.gate.set()
    assert await asyncio.wait_for(asyncio.gather(first, *others), 5) == [True] * 100
    assert opening.log.groups == [1, 99]


async def test_what_comes_while_a_write_is_under_way_needs_no_later_request_to_push_it(
    commit: GroupCommit, opening: Opening
) -> None:
    """64 requests, each arriving at another moment of the writes of those before it; then silence."""
    waiting = []
    for _ in range(64):
        waiting.append(submit(commit))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True] * 64
    assert sum(opening.log.groups) == 64


async def test_no_answer_comes_before_its_own_write_is_done(commit: GroupCommit, opening: Opening) -> None:
    opening.log.gate.clear()
    first = submit(commit)
    await asyncio.sleep(0.01)
    second = submit(commit)
    await asyncio.sleep(0.01)
    assert not first.done()
    assert not second.done()
    opening.log.gate.set()
    assert await asyncio.gather(first, second) == [True, True]
    assert opening.log.groups == [1, 1]


async def test_a_group_is_bounded_and_requests_are_never_cut(commit: GroupCommit, opening: Opening) -> None:
    opening.log.gate.clear()
    waiting = [submit(commit, 1)]
    await asyncio.sleep(0.01)
    waiting += [submit(commit, 50) for _ in range(45)]
    opening.log.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert opening.log.groups == [1, 1_000, 1_000, 250]
    assert max(opening.log.groups) <= MAX_GROUP


async def test_no_log_is_told_at_once(opening: Opening) -> None:
    opening.log.is_away = True
    async with running(opening) as commit:
        done = submit(commit)
        assert done.done()
        assert not done.result()


async def test_a_write_that_fails_fails_all_that_waits_and_the_writer_comes_back(
    commit: GroupCommit, opening: Opening
) -> None:
    opening.log.gate.clear()
    first = submit(commit)
    await asyncio.sleep(0.01)
    second = submit(commit)
    opening.log.is_away = True
    opening.log.gate.set()
    assert await asyncio.wait_for(asyncio.gather(first, second), 5) == [False, False]
    assert not await submit(commit)
    opening.log.is_away = False
    await until(commit, is_open=True)
    assert await submit(commit)


async def test_an_outage_may_last_and_is_asked_about_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch, opening: Opening
) -> None:
    monkeypatch.setattr(writer_module, "FIRST_REST_S", 0.0001)
    monkeypatch.setattr(writer_module, "LONGEST_REST_S", 0.01)
    opening.log.is_away = True
    async with running(opening) as commit:
        async with asyncio.timeout(10):
            while opening.attempts < 100:
                await asyncio.sleep(0.001)
                assert not await submit(commit)
        opening.log.is_away = False
        await until(commit, is_open=True)
        assert await submit(commit)


async def test_a_bug_in_an_append_costs_its_group_and_no_more(
    commit: GroupCommit, opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    opening.log.fault = ZeroDivisionError("a bug")
    assert not await submit(commit)
    assert "ZeroDivisionError" in caplog.text
    await until(commit, is_open=True)
    assert await submit(commit)


async def test_a_deployment_that_does_not_fit_ends_the_writer() -> None:
    async def mismatched() -> tuple[Log, int]:
        raise DeploymentMismatch("lanes is 8 in the settings")

    with pytest.raises(DeploymentMismatch):
        await GroupCommit(mismatched, Metrics()).run()


async def test_a_write_that_hangs_is_not_waited_for_beyond_the_deadline(
    monkeypatch: pytest.MonkeyPatch, commit: GroupCommit, opening: Opening
) -> None:
    """What waits behind it is told too. When it succeeds after all, nothing is counted twice."""
    monkeypatch.setattr(writer_module, "DEADLINE_S", 0.05)
    monkeypatch.setattr(writer_module, "CHECK_S", 0.01)
    opening.log.gate.clear()
    first = submit(commit)
    await asyncio.sleep(0.01)
    second = submit(commit)
    assert await asyncio.wait_for(asyncio.gather(first, second), 5) == [False, False]
    opening.log.gate.set()
    assert await asyncio.wait_for(submit(commit), 5)
    metrics = commit._metrics
    assert (metrics.accepted, metrics.unavailable, metrics.waiting, metrics.waiting_bytes) == (1, 2, 0, 0)


@pytest.mark.parametrize(
    ("limit", "value"),
    [pytest.param("MAX_EVENTS", 10, id="by number"), pytest.param("MAX_BYTES", 10 * len(RECORD), id="by size")],
)
async def test_the_queue_is_bounded(
    monkeypatch: pytest.MonkeyPatch, commit: GroupCommit, opening: Opening, limit: str, value: int
) -> None:
    monkeypatch.setattr(writer_module, limit, value)
    opening.log.gate.clear()
    waiting = [submit(commit) for _ in range(13)]
    assert [done.done() for done in waiting] == [False] * 10 + [True] * 3
    opening.log.gate.set()
    assert await asyncio.gather(*waiting) == [True] * 10 + [False] * 3


async def test_a_request_that_was_given_up_neither_stops_nor_unbalances_anything(
    commit: GroupCommit, opening: Opening
) -> None:
    opening.log.gate.clear()
    given_up, other = submit(commit), submit(commit)
    await asyncio.sleep(0.01)
    given_up.cancel()
    opening.log.gate.set()
    assert await other
    assert (commit._metrics.accepted, commit._metrics.waiting) == (2, 0)


async def test_readiness_asks_the_log_itself(commit: GroupCommit, opening: Opening) -> None:
    assert await commit.answers(1)
    opening.log.is_away = True
    assert not await commit.answers(1)


async def test_a_closed_log_is_not_ready(opening: Opening) -> None:
    assert not await GroupCommit(opening, Metrics()).answers(1)
