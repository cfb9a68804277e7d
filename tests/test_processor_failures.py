"""Failures in a lane: bad records, rules that raise, logs that do not match, leases that end."""

from __future__ import annotations

import asyncio
from collections.abc import Set

import pytest

from crm import rules
from processor.lease import Lease
from processor.ownership import OwnershipLost
from processor.replay import replay
from processor.retention import archive_ends, trim
from processor.store import LaneTorn
from tests.timeline import DAY, MINUTE, START, Timeline, event
from wakeline.history.identity import publish
from wakeline.keys import LEASE, Keys
from wakeline.log import Entry, LogGap
from wakeline.log.memory import MemoryLog
from wakeline.record import Event
from wakeline.settings import Settings

V = "visitor-1"
LANE_0 = "visitor-4"  # a visitor of lane 0, where the timeline puts bytes


async def dead_letters(made: Timeline) -> list[tuple[str, str]]:
    """(reason, error) of all lanes."""
    found = []
    for lane in range(4):
        for _, fields in await made.redis.xrange(made.store.keys.dead(lane)):
            found.append((fields[b"reason"].decode(), fields[b"error"].decode()))
    return found


PING = b"""{"kind":"event","site":"%s","visitor":"%s","type":"ping","page":"page-one","n":0,
"time":1,"received":1,"host":"h","path":"/"}"""

POISON: dict[str, bytes] = {
    "no JSON": b"\xff\xfe not json",
    "empty": b"",
    "an unknown kind": b'{"kind":"mystery"}',
    "a wrong type": b'{"kind":"event","site":7}',
    "nothing but a kind": b'{"kind":"event"}',
    "too deep": b'{"kind":"event","props":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "a site that is not configured": PING % (b"another", b"visitor-1"),
    "an event of a customer": PING % (b"shop", b"@x"),
}


@pytest.mark.parametrize("name", POISON)
async def test_a_poison_record_is_set_aside_and_the_lane_goes_on(made: Timeline, name: str) -> None:
    """In the dead-letter stream with its reason, in the same write as the place."""
    before, after = event(LANE_0, "page-one", 0, 0), event(LANE_0, "page-two", 0, 1)
    assert made.lane(LANE_0) == 0
    await made.append(before, POISON[name], after)
    await made.run()
    (letter,) = await dead_letters(made)
    assert letter[0].startswith(("malformed", "unknown_site"))
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["dead"]) == (2, 1)
    assert (await made.totals())["page_views"] == 2


async def test_a_rule_that_raises_ends_the_process_twice_then_the_record_is_set_aside(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours count once; the traceback is kept; the lane continues."""

    def raises(one: Event, visitor: object, changes: object) -> None:
        if one.path == "/bug":
            raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(rules, "RULES", (*rules.RULES, ("buggy", raises, rules.ALL)))
    await made.start()
    await made.append(
        event(LANE_0, "page-one", 0, 0), event(V, "page-bug", 0, 1, path="/bug"), event(V, "page-two", 0, 2)
    )
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await made.run()
        await made.start()
    await made.run()
    await made.append(event(V, "page-three", 0, 3))
    await made.run()
    ((reason, error),) = await dead_letters(made)
    assert reason == "bug"
    assert "a mistake of ours" in error
    assert "Traceback" in error
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["dead"]) == (3, 1)
    assert (await made.totals())["page_views"] == 3
    assert (await made.profile(V))["page_views"] == "2"


async def test_a_torn_lane_is_never_applied_again(made: Timeline) -> None:
    await made.append(event(V, "page-one", 0, 0))
    await made.redis.hset(made.store.keys.lane(made.lane(V)), "torn", 1)
    with pytest.raises(LaneTorn):
        await made.run()
    with pytest.raises(LaneTorn):
        await made.start()
    assert await made.totals() == {}


GAPS = {
    "the log starts after the place": (2, 0, "2 records are missing"),
    "the log ends before the place": (0, 5, "2 records are missing"),
}


@pytest.mark.parametrize("name", GAPS)
async def test_a_place_that_the_log_does_not_reach_stops_loudly(made: Timeline, name: str) -> None:
    """With the size of the gap, and without a write."""
    trimmed, place, message = GAPS[name]
    lane = made.lane(V)
    await made.append(*(event(V, f"page-{n}00", 0, n) for n in range(3)))
    if trimmed:
        await made.log.trim(lane, upto=trimmed)
    if place:
        await made.redis.hset(made.store.keys.lane(lane), "offset", place)
    with pytest.raises(LogGap, match=message):
        await made.start()


async def test_another_log_is_not_mistaken_for_this_one(made: Timeline) -> None:
    await made.append(event(V, "page-one", 0, 0))
    await made.run()
    made.log = MemoryLog(4)
    with pytest.raises(LogGap, match="of log"):
        await made.start()


async def test_a_replay_says_what_the_log_no_longer_has(made: Timeline) -> None:
    await made.append(event(V, "page-one", 0, 0), event(V, "page-two", 0, 1))
    await made.run()
    await made.log.trim(made.lane(V), upto=1)
    with pytest.raises(LogGap, match="1 records are missing"):
        await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2))


TRIMS = {
    # place, end of the history, max_records, oldest (minutes after START), kept first, waiting for the history
    "by number": (10, 10, 4, 0, 6, 0),
    "by age": (10, 10, 100, 7, 7, 0),
    "the stricter of the two": (10, 10, 4, 8, 8, 0),
    "never past the place": (3, 10, 0, 100, 3, 0),
    "nothing to do": (10, 10, 100, 0, 0, 0),
    "everything": (10, 10, 0, 100, 10, 0),
    "never past the history": (10, 4, 0, 100, 4, 6),
    "the place is before the history's end": (3, 4, 0, 100, 3, 0),
    "no archiver has run yet": (10, 0, 4, 0, 0, 6),
    "no history is kept": (10, None, 4, 0, 6, 0),
}


@pytest.mark.parametrize("name", TRIMS)
async def test_trimming(name: str) -> None:
    place, end, most, oldest, first, waiting = TRIMS[name]
    now = [START]
    log = MemoryLog(1, clock=lambda: now[0])
    for n in range(10):
        now[0] = START + n * MINUTE
        await log.append([(0, b"%d" % n)])
    ends = None if end is None else {0: end} if end else {}
    done = await trim(log, 0, place=place, ends=ends, max_records=most, oldest=START + oldest * MINUTE)
    assert done == (first, waiting)
    assert (await log.bounds([0]))[0] == (first, 10)


HISTORIES = {
    # archive, which log was archived, what trimming is told
    "of this log": ("", "this", {0: 7, 1: 3}),
    "none has run": ("", None, {}),
    "of another log": ("", "another", {}),
    "none is kept": ("off", "this", None),
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_trimming_asks_how_far_the_history_of_this_log_reaches(name: str, made: Timeline) -> None:
    archive, which, told = HISTORIES[name]
    log = MemoryLog(2)
    if which:
        await publish(made.redis, await log.identity() if which == "this" else which, {0: 7, 1: 3})
    assert await archive_ends(Settings(archive=archive), made.redis, log)() == told


async def test_one_process_owns_the_lanes(made: Timeline) -> None:
    """A second waits; it has them when the first lets go, or no longer renews."""
    first, second = (Lease(made.redis, token=token, lanes=4) for token in ("first", "second"))
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await second.close()  # not its own: nothing happens
    assert await made.redis.get(LEASE) == b"first"
    await first.close()
    await asyncio.wait_for(waiting, 5)
    assert await made.redis.get(LEASE) == b"second"
    assert 0 < await made.redis.pttl(LEASE) <= 5_000


async def test_who_loses_the_lease_is_told(made: Timeline) -> None:
    lease = Lease(made.redis, token="first", lanes=4)
    taken: asyncio.Queue[Set[int]] = asyncio.Queue()
    owning = asyncio.create_task(lease.run(taken.put, lambda: asyncio.sleep(0)))
    assert await asyncio.wait_for(taken.get(), 5) == {0, 1, 2, 3}
    await made.redis.set(LEASE, "another")
    with pytest.raises(OwnershipLost):
        await asyncio.wait_for(owning, 5)


async def test_nothing_ticks_without_a_deadline(made: Timeline) -> None:
    """An idle lane appends one tick when its session is due, and none before or after."""
    await made.append(event(V, "page-one", 0, 0))
    await made.run()
    for _ in range(3):
        await made.pass_time(5 * MINUTE)
    assert (await made.ledger())["derived"] == 0
    for _ in range(3):
        await made.pass_time(DAY)
    assert (await made.ledger())["derived"] == 1


async def test_the_clock_of_a_lane_never_goes_back(made: Timeline) -> None:
    """Another broker's clock may be behind: its records count at the latest time before."""
    worker = made.workers[0]
    values = [PING.replace(b'"n":0', b'"n":%d' % n) % (b"shop", LANE_0.encode()) for n in range(3)]
    times = [START + MINUTE, START, START + 2 * MINUTE]
    await worker.apply([Entry(n, time, value) for n, (time, value) in enumerate(zip(times, values, strict=True))][:2])
    assert worker.place.clock == START + MINUTE
    await worker.apply([Entry(2, times[2], values[2])])
    assert worker.place.clock == START + 2 * MINUTE
    await worker.apply([Entry(3, START, b"no JSON")])
    assert worker.place.clock == START + 2 * MINUTE
