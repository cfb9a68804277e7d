"""Group commit: one write at a time takes all waiting records; none is lost, and none waits for ever."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.waiting import until
from collector import spool_folder
from collector import waiting as waiting_module
from collector import writer as writer_module
from collector.metrics import Metrics
from collector.spool import Spool
from collector.spool_folder import Trouble
from collector.writer import MAX_GROUP, GroupCommit
from tests.collector_stand import LANES, FaultyLog
from tests.timeline import MINUTE, START, Timeline, event
from wakeline.lanes import DeploymentMismatch, lane_of
from wakeline.log import Log, LogUnavailable
from wakeline.log.memory import MemoryLog
from wakeline.record import encode_record

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


async def until_it(commit: GroupCommit, *, is_open: bool) -> None:
    await until(lambda: commit.is_open is is_open)


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
    await until_it(commit, is_open=True)
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
        await until_it(commit, is_open=True)
        assert await submit(commit)


async def test_a_bug_in_an_append_costs_its_group_and_no_more(
    commit: GroupCommit, opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    opening.log.fault = ZeroDivisionError("a bug")
    assert not await submit(commit)
    assert "ZeroDivisionError" in caplog.text
    await until_it(commit, is_open=True)
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
    monkeypatch.setattr(waiting_module, "DEADLINE_S", 0.05)
    monkeypatch.setattr(waiting_module, "CHECK_S", 0.01)
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
    monkeypatch.setattr(waiting_module, limit, value)
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


# ---- with a spool --------------------------------------------------------------------------------


class Spooling:
    """A writer with a spool in `root`, which can be restarted with its leftovers."""

    def __init__(self, opening: Opening, root: Path, *, limit: int = 10_000_000) -> None:
        self.opening = opening
        self.metrics = Metrics()
        self.spool = Spool(root, 0, workers=1, limit=limit, metrics=self.metrics)
        self.commit = GroupCommit(opening, self.metrics, spool=self.spool, lanes=self.spool.known_lanes(LANES))
        self.task = asyncio.create_task(self.commit.run())

    async def stop(self) -> None:
        assert not self.task.done(), "the writer must never end by itself"
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def submit(self, name: str, n: int = 0) -> asyncio.Future[bool]:
        """One record of the sender `name`, in that sender's lane."""
        value = f'{{"sender":"{name}","n":{n}}}'.encode()
        return self.commit.submit([(lane_of("demo", name, LANES), value)], len(value))

    async def until_open(self) -> None:
        await until_it(self.commit, is_open=True)

    async def stored(self) -> dict[str, list[int]]:
        """sender -> its numbers in the log, each where it came first."""
        found: dict[str, list[int]] = {}
        entries = await MemoryLog.read(self.opening.log, dict.fromkeys(range(LANES), 0), limit=10**6, wait_ms=0)
        for lane in sorted(entries):
            for entry in entries[lane]:
                said = json.loads(entry.value)
                numbers = found.setdefault(said["sender"], [])
                if said["n"] not in numbers:
                    numbers.append(said["n"])
        return found

    def balances(self) -> bool:
        metrics = self.metrics
        metrics.received = metrics.accepted + metrics.unavailable  # all that was submitted and answered
        return (metrics.waiting, metrics.waiting_bytes, metrics.ledger_difference) == (0, 0, 0)


@pytest.fixture
async def spooling(opening: Opening, tmp_path: Path) -> AsyncIterator[Spooling]:
    """Has been open once."""
    made = Spooling(opening, tmp_path / "data" / "spool")
    await made.until_open()
    yield made
    await made.stop()


async def test_an_outage_is_answered_from_the_spool_and_drained_in_order(spooling: Spooling, opening: Opening) -> None:
    opening.log.is_away = True
    for n in range(30):
        assert await spooling.submit("a", n)
    assert not spooling.commit.is_open
    assert (spooling.metrics.spooled, spooling.metrics.spool_records) == (30, 30)
    opening.log.is_away = False
    await spooling.until_open()
    assert spooling.metrics.spool_records == 0
    assert await spooling.submit("a", 30)
    assert await spooling.stored() == {"a": list(range(31))}
    assert (spooling.metrics.accepted, spooling.metrics.drained) == (31, 30)
    assert spooling.balances()


async def test_the_append_that_fails_is_answered_from_the_spool_too(spooling: Spooling, opening: Opening) -> None:
    opening.log.gate.clear()
    first = spooling.submit("a", 0)
    await asyncio.sleep(0.01)
    second = spooling.submit("a", 1)
    opening.log.is_away = True
    opening.log.gate.set()
    assert await asyncio.wait_for(asyncio.gather(first, second), 5) == [True, True]
    assert await spooling.stored() == {}


async def test_an_append_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, spooling: Spooling, opening: Opening
) -> None:
    """It may be in the log all the same; then the log holds it twice, and the processor drops one."""
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.05)
    opening.log.gate.clear()
    assert await asyncio.wait_for(asyncio.gather(*(spooling.submit("a", n) for n in range(5))), 5) == [True] * 5
    assert spooling.metrics.spooled == 5
    assert await spooling.commit.answers(1)
    opening.log.gate.set()
    await spooling.until_open()
    assert await spooling.stored() == {"a": [0, 1, 2, 3, 4]}


async def test_while_it_is_drained_events_go_behind_what_is_spooled(
    monkeypatch: pytest.MonkeyPatch, spooling: Spooling, opening: Opening
) -> None:
    """And wait for none of it; also where the log goes away again in the middle, within a group or between two."""
    monkeypatch.setattr(writer_module, "PATIENCE_S", 60.0)
    opening.log.is_away = True
    await asyncio.gather(*(spooling.submit("a", n) for n in range(3 * MAX_GROUP)))
    opening.log.groups.clear()
    opening.log.gate.clear()
    opening.log.is_away = False
    await until(lambda: opening.log.groups == [MAX_GROUP])
    assert await asyncio.wait_for(spooling.submit("a", 3 * MAX_GROUP), 5)
    opening.log.is_away = True  # the append that is under way fails
    opening.log.gate.set()
    assert await spooling.submit("a", 3 * MAX_GROUP + 1)
    assert not spooling.commit.is_open
    opening.log.groups.clear()
    opening.log.is_away = False
    await until(lambda: len(opening.log.groups) >= 1)
    opening.log.fault = LogUnavailable("after the first group")
    await spooling.until_open()
    assert await spooling.submit("a", 3 * MAX_GROUP + 2)
    assert await spooling.stored() == {"a": list(range(3 * MAX_GROUP + 3))}
    assert spooling.balances()


async def test_it_is_drained_under_a_load_that_never_pauses(spooling: Spooling, opening: Opening) -> None:
    """The spool is never found empty between two requests; the last of it is drained while they wait."""
    opening.log.is_away = True
    is_over = False
    sent = Counter[str]()

    async def sender(name: str) -> None:
        while not is_over:
            assert await spooling.submit(name, sent[name])
            sent[name] += 1

    senders = [asyncio.create_task(sender(f"sender-{n}")) for n in range(20)]
    await until(lambda: spooling.metrics.spooled > 2_000)
    opening.log.is_away = False
    await spooling.until_open()
    accepted = spooling.metrics.accepted
    await until(lambda: spooling.metrics.accepted > accepted + 200)
    is_over = True
    await asyncio.gather(*senders)
    await spooling.until_open()
    assert await spooling.stored() == {name: list(range(count)) for name, count in sent.items()}


async def test_a_log_that_does_not_take_the_rest_of_the_spool_in_time_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, spooling: Spooling, opening: Opening
) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.05)
    opening.log.is_away = True
    assert await spooling.submit("a", 0)
    opening.log.gate.clear()
    opening.log.is_away = False
    for n in range(1, 20):
        assert await asyncio.wait_for(spooling.submit("a", n), 2)
        await asyncio.sleep(0.01)
    opening.log.gate.set()
    await spooling.until_open()
    assert await spooling.stored() == {"a": list(range(20))}


async def test_a_full_spool_refuses_and_takes_again_once_drained(opening: Opening, tmp_path: Path) -> None:
    spooling = Spooling(opening, tmp_path / "spool", limit=1_000)
    await spooling.until_open()
    opening.log.is_away = True
    answers = [await spooling.submit("a", n) for n in range(60)]
    taken = answers.count(True)
    assert 10 < taken < 60
    assert answers == [True] * taken + [False] * (60 - taken)
    assert spooling.metrics.spool_errors[Trouble.FULL] == 60 - taken
    assert not await spooling.commit.answers(1)
    opening.log.is_away = False
    await spooling.until_open()
    opening.log.is_away = True
    assert await spooling.submit("a", 100)
    assert await spooling.stored() == {"a": list(range(taken))}
    assert spooling.balances()
    await spooling.stop()


async def test_a_writer_that_has_ended_refuses_at_once(opening: Opening, tmp_path: Path) -> None:
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    await spooling.until_open()
    await spooling.stop()
    done = spooling.submit("a", 0)
    assert done.done()
    assert not done.result()


async def test_a_spool_that_cannot_be_written_refuses_and_the_log_is_used_all_the_same(
    opening: Opening, tmp_path: Path
) -> None:
    """A file is in place of its folder; once it is removed, spooling works."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").write_bytes(b"")
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    await spooling.until_open()
    assert await spooling.submit("a", 0)
    opening.log.is_away = True
    assert not await spooling.submit("a", 1)
    assert not await spooling.commit.answers(1)
    (tmp_path / "data" / "spool").unlink()
    assert await spooling.submit("a", 2)
    assert await spooling.commit.answers(1)
    opening.log.is_away = False
    await spooling.until_open()
    assert await spooling.stored() == {"a": [0, 2]}
    assert spooling.balances()
    await spooling.stop()


async def test_it_starts_while_the_log_is_away(opening: Opening, tmp_path: Path) -> None:
    """It spools if it knows the number of lanes from an earlier start; otherwise an event's lane is unknown."""
    opening.log.is_away = True
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    assert not await spooling.submit("a", 0)
    assert not await spooling.commit.answers(1)
    opening.log.is_away = False
    await spooling.until_open()
    await spooling.stop()
    opening.log.is_away = True
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    assert await spooling.submit("a", 1)
    assert await spooling.commit.answers(1)
    await spooling.stop()
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    await until(lambda: spooling.metrics.spool_records == 1)  # known before anything happens
    await spooling.stop()
    opening.log.is_away = False
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    assert await spooling.submit("a", 2)
    await spooling.until_open()
    assert await spooling.stored() == {"a": [1, 2]}
    await spooling.stop()


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_each_answer_holds_and_each_senders_order_too(
    monkeypatch: pytest.MonkeyPatch, opening: Opening, tmp_path: Path, seed: int
) -> None:
    """The log goes away, hangs, fails once, comes back; the process ends and starts again: in any order."""
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.03)
    monkeypatch.setattr(writer_module, "LONGEST_REST_S", 0.05)
    monkeypatch.setattr(writer_module, "MAX_GROUP", 50)
    monkeypatch.setattr(spool_folder, "SEGMENT_BYTES", 2_000)
    rng = random.Random(seed)
    log = opening.log
    spooling = Spooling(opening, tmp_path / "data" / "spool")
    await spooling.until_open()
    taken: dict[str, list[int]] = {}
    is_over = False

    async def sender(name: str) -> None:
        """One that is refused sends again, under the same number."""
        n = 0
        while not is_over:
            try:
                is_taken = await asyncio.wait_for(spooling.submit(name, n), 5)
            except asyncio.CancelledError:
                return
            if is_taken:
                taken.setdefault(name, []).append(n)
                n += 1
            await asyncio.sleep(0.005)

    senders = [asyncio.create_task(sender(f"sender-{n}")) for n in range(12)]
    for _ in range(25):
        match rng.randrange(6):
            case 0:
                log.is_away = True
            case 1:
                log.gate.clear()
            case 2:
                log.fault = LogUnavailable("once")
            case 3:
                await spooling.stop()
                spooling = Spooling(opening, tmp_path / "data" / "spool")
            case _:
                log.is_away = False
                log.gate.set()
        await asyncio.sleep(rng.uniform(0, 0.06))
    log.is_away = False
    log.gate.set()
    await spooling.until_open()
    is_over = True
    await asyncio.gather(*senders)
    await spooling.until_open()  # the last of them may have been spooled
    stored = await spooling.stored()
    assert {name: stored[name][: len(numbers)] for name, numbers in taken.items()} == taken
    assert spooling.metrics.spool_records == 0
    await spooling.stop()


async def test_what_is_drained_late_is_folded_by_its_own_time(redis_server: Any, tmp_path: Path) -> None:
    """A visit at noon that the log gets six hours later is one of noon's day, and stays apart from the evening's."""
    made = Timeline(redis_server.url, lanes=LANES)
    await made.start()
    away = True

    async def opening() -> tuple[Log, int]:
        if away:
            raise LogUnavailable("away, as the test wants it")
        return made.log, LANES

    metrics = Metrics()
    spool = Spool(tmp_path / "data" / "spool", 0, workers=1, limit=10**6, metrics=metrics)
    await spool.keep_lanes(LANES)
    commit = GroupCommit(opening, metrics, spool=spool, lanes=spool.known_lanes(LANES))
    task = asyncio.create_task(commit.run())
    late = 20 * 60 * MINUTE  # into the next day
    visits = [
        event("visitor", "page-one", 0, 0, path="/in"),
        event("visitor", "page-two", 0, 5 * MINUTE, path="/out"),
        event("visitor", "page-two", 1, 6 * MINUTE, "consent", level="off"),
        event("other", "page-six", 0, 6 * MINUTE),
    ]
    for each in visits:
        value = encode_record(each)
        assert await commit.submit([(made.lane(each.visitor), value)], len(value))
    made.now += late
    away = False
    await until_it(commit, is_open=True)
    evening = encode_record(event("other", "page-ten", 0, late))
    assert await commit.submit([(made.lane("other"), evening)], len(evening))
    await made.run()
    await made.pass_time(60 * MINUTE)
    days = [await made.day(datetime.fromtimestamp((START + at) / 1000, UTC).date().isoformat()) for at in (0, late)]
    assert [(day["page_views"], day["visits"]) for day in days] == [(3, 2), (1, 1)]
    assert (await made.totals())["sessions"] == 3
    assert await made.profile("visitor") == {}
    assert (await made.profile("other"))["visits"] == "2"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.close()
