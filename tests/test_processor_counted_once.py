"""Each event is counted once: whatever the order, the batches, the restarts and the replays."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from processor.command import Command
from processor.replay import replay
from processor.store import LaneLost, Store, StoreUnavailable
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, close, event, timeline
from wakeline.keys import Keys
from wakeline.numbers import TOP_BACK, TOP_STEPS
from wakeline.record import Event

DAYS = [f"2027-01-1{day}" for day in range(4, 10)] + ["2027-01-20", "2027-01-21"]
IDS = [*(f"visitor-{number}" for number in range(6)), "@customer0", "@customer1"]


async def outcome(
    made: Timeline, events: list[Event], *, batch: int = 1_000
) -> tuple[dict[str, Any], dict[Any, float]]:
    """Append as they come, one arrival time each, run, and let every session end."""
    for one in events:
        await made.append(one)
    await made.run(batch=batch)
    await made.pass_time(DAY)
    return await made.numbers(IDS, DAYS), await made.scores(IDS)


def in_any_order(numbers: dict[Any, Any]) -> dict[Any, Any]:
    """Without steps: a page that comes late is put in its place only where that is known, see `crm.visits.steps`."""
    return {name: value for name, value in numbers.items() if name[1] not in (TOP_STEPS.name, TOP_BACK.name)}


@pytest.mark.parametrize("seed", range(12))
async def test_three_times_in_any_order_across_a_restart_is_once(redis_server: Any, seed: int) -> None:
    """The same events, each three times, shuffled as offline queues and retries shuffle them."""
    rng = random.Random(seed)
    events = a_week_of_visits(rng)
    late = max(one.time for one in events) - START
    async with timeline(redis_server) as made:
        await made.append(at=late)  # in both runs all arrives at the end, so that no session has closed before
        wanted, scores = await outcome(made, events)
        assert (await made.ledger())["applied"] == len(events)
    assert wanted["totals"]["page_views"] == sum(one.type == "page_view" for one in events)
    async with timeline(redis_server) as made:
        thrice = events * 3
        rng.shuffle(thrice)
        await made.append(at=late)
        half = len(thrice) // 2
        for one in thrice[:half]:
            await made.append(one)
        await made.run(batch=rng.randint(1, 50))
        await made.start()
        found, found_scores = await outcome(made, thrice[half:], batch=rng.randint(1, 50))
        ledger = await made.ledger()
    assert in_any_order(found) == in_any_order(wanted)
    close(found_scores, scores)
    assert (ledger["applied"], ledger["duplicate"]) == (len(events), 2 * len(events))


@pytest.mark.parametrize("seed", range(6))
async def test_a_replay_into_an_empty_version_gives_the_same(redis_server: Any, seed: int) -> None:
    """Other batch sizes, a crash in the middle: integers equal, scores within 1e-9, nothing appended."""
    rng = random.Random(seed)
    async with timeline(redis_server) as made:
        for one in a_week_of_visits(rng):
            await made.append(one)
            if rng.random() < 0.1:
                await made.run(batch=rng.randint(1, 20))
        await made.run()
        await made.pass_time(DAY)
        await made.pass_time(DAY)
        before = await made.log.bounds(range(4))
        into = Keys(2)
        facts: dict[str, Any] = {"sites": made.sites, "deployment": made.deployment, "key_space": into}
        with pytest.raises(ZeroDivisionError):
            await replay(made.log, made.redis, batch_records=3, progress=_crash_after(5), **facts)
        await replay(made.log, made.redis, batch_records=rng.randint(1, 40), **facts)
        assert await made.log.bounds(range(4)) == before
        assert await made.numbers(IDS, DAYS, into) == await made.numbers(IDS, DAYS)
        assert await made.ledger(into) == await made.ledger()
        close(await made.scores(IDS, into), await made.scores(IDS))


async def test_a_replay_counts_those_who_were_forgotten_since(redis_server: Any) -> None:
    """Tombstones outlive the version: a replay meets them first, makes no profile, and counts the site the same."""
    async with timeline(redis_server) as made:
        for visitor in ("visitor-0", "visitor-1", "visitor-2"):
            await made.append(
                event(visitor, f"page-{visitor}", 0, 0, path="/shoes/red"),
                event(visitor, f"page-{visitor}", 1, 1, "identify", customer="@customer0"),
                event(visitor, f"page-{visitor}", 2, 2, "identify", customer="@customer1"),
            )
            await made.run()
        await made.append(event("visitor-0", "page-visitor-0", 3, 1_000, "consent", level="off"))
        await made.run()
        await made.append(event("visitor-0", "page-of-another-tab", 0, 2_000))
        await made.append(event("visitor-2", "page-after", 0, 3_000, path="/shoes/blue"))
        await made.append(event("visitor-2", "page-after", 1, 3_001, "identify", customer="@customer1"))
        await made.append(event("visitor-2", "page-after", 2, 4_000, path="/shoes/green"))
        await made.run()
        await made.pass_time(DAY)
        assert (await made.totals())["withdrawals"] == 1
        assert (await made.totals())["identified"] == 3
        assert (await made.profile("@customer1"))["page_views"] == "1"  # what it told after it was named again
        into = Keys(2)
        await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into)
        assert await made.numbers(IDS, DAYS, into) == await made.numbers(IDS, DAYS)
        close(await made.scores(IDS, into), await made.scores(IDS))


@pytest.mark.parametrize("seed", range(20))
async def test_an_older_backup_is_brought_up_to_date_whatever_the_batches(
    redis_server: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis goes back, the log does not: deltas sent again in other portions, in part applied before, count once."""
    rng = random.Random(seed)
    monkeypatch.setattr("processor.deltas.SHARES_SIZE", rng.choice([1, 3, 4_000]))
    events = identified_early(a_week_of_visits(rng), rng)
    late = max(one.time for one in events) - START
    async with timeline(redis_server) as made:
        await made.append(at=late)
        wanted, scores = await outcome(made, events)
    async with timeline(redis_server) as made:
        await made.append(at=late)
        backups = [await made.backup()]
        for one in events:
            await made.append(one)
            if rng.random() < 0.2:
                await made.run_a_little(rng)
            if rng.random() < 0.1:
                backups.append(await made.backup())
            if rng.random() < 0.05:
                await made.restore(rng.choice(backups))
        await made.restore(rng.choice(backups))
        found, found_scores = await outcome(made, [], batch=rng.randint(1, 50))
    assert found == wanted
    close(found_scores, scores)


def identified_early(events: list[Event], rng: random.Random) -> list[Event]:
    """Most visitors say who they are with their first event, so that nearly all that comes is handed on."""
    found, met = [], set[str]()
    for one in events:
        found.append(one)
        if one.visitor not in met and one.visitor[0] != "~" and rng.random() < 0.8:
            at, customer = one.time - START + 1, rng.choice(["@customer0", "@customer1"])
            found.append(event(one.visitor, f"{one.page}-login", 0, at, "identify", customer=customer))
        met.add(one.visitor)
    return found


def _crash_after(calls: int) -> Callable[[int], None]:
    left = [calls]

    def progress(_: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise ZeroDivisionError

    return progress


async def test_a_write_whose_reply_was_lost_happened_once(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store does not answer after the script ran: the worker asks again and reads its own stamp."""
    lost = []
    real = Store.write

    async def loses_every_second_reply(self: Store, lane: int, commands: list[Command], **more: Any) -> int | None:
        found = await real(self, lane, commands, **more)
        lost.append(lane)
        if len(lost) % 2:
            raise StoreUnavailable("the reply was lost")
        return found

    monkeypatch.setattr(Store, "write", loses_every_second_reply)
    async with timeline(redis_server) as made:
        for n in range(5):
            await made.append(event("visitor-1", "page-one", n, n * 1_000, "page_view" if n == 0 else "ping"))
            await made.run()
        assert (await made.ledger())["applied"] == 5
        assert (await made.totals())["page_views"] == 1
        assert len(lost) == 10


async def test_a_worker_that_lost_its_lane_writes_nothing(redis_server: Any) -> None:
    """Two believe that they own the lanes: the revision lets only one write."""
    async with timeline(redis_server) as made:
        await made.append(event("visitor-1", "page-one", 0, 0))
        stale = made.workers
        await made.start(writer="another")
        await made.run()
        totals = await made.totals()
        await made.append(event("visitor-1", "page-two", 0, MINUTE))
        lane = made.lane("visitor-1")
        entries = (await made.log.read({lane: 0}, limit=10, wait_ms=0))[lane]
        with pytest.raises(LaneLost):
            await stale[lane].apply(entries)
        assert await made.totals() == totals
        await made.run()
        assert (await made.totals())["page_views"] == 2


async def test_a_late_write_of_the_owner_before_changes_nothing(redis_server: Any) -> None:
    """A claim increments the revision: the previous owner's writes fail, the new one is undisturbed."""
    async with timeline(redis_server) as made:
        await made.append(event("visitor-1", "page-one", 0, 0))
        lane = made.lane("visitor-1")
        entries = (await made.log.read({lane: 0}, limit=10, wait_ms=0))[lane]
        former = made.workers[lane]
        await made.start(writer="another")
        with pytest.raises(LaneLost):
            await former.apply(entries)
        await made.run()
        assert (await made.totals())["page_views"] == 1
        assert (await made.ledger())["applied"] == 1


async def test_a_lane_without_records_finds_out_that_its_server_went_back(redis_server: Any) -> None:
    """Not while it is as it was left, nor while a replay holds it."""
    async with timeline(redis_server) as made:
        kept = await made.backup()
        await made.append(event("visitor-1", "page-one", 0, 0))
        await made.run()
        worker = made.workers[made.lane("visitor-1")]
        await worker.check()
        await made.redis.hset(made.store.keys.lane(worker.lane), "moved", "2 token")
        await made.redis.hincrby(made.store.keys.lane(worker.lane), "revision", 1)
        await worker.check()
        await made.restore(kept)  # a new owner's claim comes to the same revision by chance
        with pytest.raises(LaneLost):
            await worker.check()
        await made.append(event("visitor-1", "page-two", 0, 1))
        entries = (await made.log.read({worker.lane: 1}, limit=10, wait_ms=0))[worker.lane]
        with pytest.raises(LaneLost):
            await worker.apply(entries)


async def test_redelivered_records_are_skipped(redis_server: Any) -> None:
    """A batch that overlaps applied records is cut to the new ones."""
    async with timeline(redis_server) as made:
        await made.append(event("visitor-1", "page-one", 0, 0), event("visitor-1", "page-two", 0, 1))
        lane = made.lane("visitor-1")
        entries = (await made.log.read({lane: 0}, limit=10, wait_ms=0))[lane]
        await made.workers[lane].apply(entries[:1])
        await made.workers[lane].apply(entries)
        await made.workers[lane].apply(entries)
        assert (await made.totals())["page_views"] == 2
        assert (await made.ledger())["duplicate"] == 0


async def test_what_is_too_old_to_tell_is_refused(redis_server: Any) -> None:
    """Page instances are kept for eight days; an older event could have been counted before."""
    async with timeline(redis_server) as made:
        await made.append(event("visitor-1", "page-one", 0, 0), at=8 * DAY - 1)
        await made.append(event("visitor-1", "page-two", 0, 0), at=8 * DAY + 1)
        await made.run()
        assert (await made.ledger())["too_late"] == 1
        assert (await made.totals())["page_views"] == 1


async def test_one_visitor_keeps_a_bounded_state(redis_server: Any) -> None:
    """Page instances without room in the state have their own keys, and their repeated events are detected."""
    async with timeline(redis_server) as made:
        events = [event("visitor-1", f"page-{number:04d}", 0, number * 1_000) for number in range(1_000)]
        for start in range(0, 1_000, 100):
            await made.append(*events[start : start + 100])
            await made.run()
        size = await made.redis.strlen(made.store.keys.state(made.lane("visitor-1"), "shop", "visitor-1"))
        assert size < 20_000
        await made.append(*events)
        await made.run()
        assert (await made.totals())["page_views"] == 1_000
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["duplicate"], ledger["too_late"]) == (1_000, 1_000, 0)


async def test_more_interests_than_one_command_can_take_are_forgotten_in_parts(redis_server: Any) -> None:
    """A call of Lua takes no 8,000 arguments: a visitor that names ever new interests must not stop its lane."""
    async with timeline(redis_server) as made:
        for number in range(1_500):
            names = [f"interest {number} {more}" for more in range(8)]
            await made.append(event("visitor-1", f"page-{number:04d}", 0, number, interests=names))
        await made.run(batch=10_000)
        assert (await made.ledger())["applied"] == 1_500
        kept = await made.interests("visitor-1")
        assert 0 < len(kept) <= 64
        await made.append(event("visitor-1", "page-after", 0, 2_000))
        await made.run()
        assert await made.interests("visitor-1") == kept
