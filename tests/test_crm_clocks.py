"""Wrong clocks: live windows follow the collectors' clocks, deadlines the log's, which may be hours off."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from crm.presence.state import Presence
from processor.replay import Replay
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, event
from wakeline.durations import NEVER
from wakeline.keys import Keys, five_minutes, minute
from wakeline.record import Event

HOUR = 60 * MINUTE
V = "visitor-1"


async def marks(made: Timeline, what: str, keys: Keys | None = None) -> dict[str, int]:
    """visitor -> ms after START, of all lanes: `what` is present or seen."""
    found: dict[str, int] = {}
    for lane in range(4):
        key = getattr(keys or made.store.keys, what)(lane, "shop")
        for visitor, ms in await made.redis.zrange(key, 0, -1, withscores=True):
            found[visitor.decode()] = round(ms) - START
    return found


@pytest.mark.parametrize(
    "off", [2 * HOUR, 30 * HOUR, -2 * HOUR], ids=["two hours ahead", "30 hours ahead", "two hours behind"]
)
async def test_live_windows_are_right_while_the_logs_time_is_wrong(made: Timeline, off: int) -> None:
    """Also after a replay, whose clock is right."""
    for number in range(3):
        at = number * MINUTE
        made.now = START + at + off
        one = event(f"visitor-{number}", f"page-{number}", 0, at, path="/shoes/red")
        await made.append(one, at=at + off)
        await made.run()
    now = START + 2 * MINUTE
    wanted = [{"/shoes/red": 1} for _ in range(3)]
    fives = {five_minutes(START + number * MINUTE) for number in range(3)}
    second = Keys(2)
    parts: dict[str, Any] = {"sites": made.sites, "deployment": made.deployment, "crosses": True}
    remade = Replay(made.log, made.redis, key_space=second, clock=lambda: now, **parts)
    await remade.advance({lane: bounds.end for lane, bounds in (await made.log.bounds(range(4))).items()})
    for keys in (made.store.keys, second):
        assert [await made.top("pages", minute(START + n * MINUTE), keys) for n in range(3)] == wanted
        for what, value in (("pages", "/shoes/red"), ("sources", "direct")):
            assert sum([(await made.top(what, five, keys)).get(value, 0) for five in fives]) == 3, what
        assert await marks(made, "seen", keys) == {f"visitor-{n}": n * MINUTE for n in range(3)}
        assert await marks(made, "present", keys) == {f"visitor-{n}": n * MINUTE + 60 * SECOND for n in range(3)}


async def test_who_is_gone_for_long_is_removed_while_the_logs_time_is_ahead(made: Timeline) -> None:
    for at, visitor in ((0, V), (31 * MINUTE, "visitor-2")):
        for lane_mate in range(20):  # so that each lane gets one
            await made.append(event(f"{visitor}-{lane_mate}", "page-one", 0, at), at=at + 2 * HOUR)
        await made.run()
    assert set(await marks(made, "seen")) == {f"visitor-2-{number}" for number in range(20)}
    assert set(await marks(made, "present")) == {f"visitor-2-{number}" for number in range(20)}


async def test_many_open_pages_stay_open_while_the_logs_time_is_ahead(made: Timeline) -> None:
    """Closing one of many tabs does not make the visitor leave."""
    for tab in range(12):
        await made.append(event(V, f"page-{tab:02}", 0, tab), at=2 * HOUR)
    await made.append(event(V, "page-00", 1, SECOND, "engagement", leave=True), at=2 * HOUR)
    await made.run()
    assert await marks(made, "present") == {V: 11 + 60 * SECOND}


async def test_a_collector_whose_clock_is_far_ahead_removes_nobody(made: Timeline) -> None:
    await made.append(*(event(f"visitor-{number}", "page-one", 0, number) for number in range(20)))
    await made.run()
    ahead = [replace(event(f"wrong-{number}", "page-one", 0, 0), received=START + 9 * DAY) for number in range(20)]
    for one in ahead:
        await made.append(replace(one, time=START + 9 * DAY), at=SECOND)
    await made.run()
    assert {f"visitor-{number}" for number in range(20)} <= set(await marks(made, "seen"))
    assert {f"visitor-{number}" for number in range(20)} <= set(await marks(made, "present"))


async def test_what_waited_in_a_spool_counts_in_the_minutes_in_which_it_happened(made: Timeline) -> None:
    """It was young when it was received: an outage of some minutes leaves no hole in the live windows."""
    await made.append(event(V, "page-one", 0, 0, path="/a"), at=20 * MINUTE)
    await made.append(replace(event(V, "page-two", 0, MINUTE, path="/a"), received=START + 40 * MINUTE), at=40 * MINUTE)
    await made.run()
    assert await made.top("pages", minute(START)) == {"/a": 1}
    assert await made.top("pages", minute(START + MINUTE)) == {}, "it was a browser that kept it for too long"


@pytest.mark.parametrize(
    ("later", "appended", "wanted"),
    [
        pytest.param(39 * MINUTE, 0, {"/a": 1}, id="somebody may read its minute"),
        pytest.param(41 * MINUTE, 0, {}, id="past by both clocks"),
        pytest.param(41 * MINUTE, 2 * HOUR, {"/a": 1}, id="past by the collector's, the log's was ahead"),
    ],
)
async def test_a_replay_of_what_is_past_makes_no_minutes(
    made: Timeline, later: int, appended: int, wanted: dict[str, int]
) -> None:
    await made.append(event(V, "page-one", 0, 0, path="/a"), at=appended)
    second, lane = Keys(2), made.lane(V)
    parts: dict[str, Any] = {"sites": made.sites, "deployment": made.deployment, "key_space": second, "crosses": True}
    await Replay(made.log, made.redis, clock=lambda: START + later, **parts).advance({lane: 1})
    assert await made.top("pages", minute(START), second) == wanted


@pytest.mark.parametrize("seed", range(6))
async def test_however_the_log_is_cut_into_calls_the_marks_are_the_same(redis_server: Any, seed: int) -> None:
    """Collectors' clocks differ by half an hour, and the log's jumps: the keys are equal to the byte."""
    rng = random.Random(seed)
    found = []
    records = list(skewed(rng))
    for cut in (1, 1_000, 7, rng.randint(2, 40)):
        made = Timeline(redis_server.url, lanes=1)
        await made.redis.flushall()
        await made.start()
        for at, one in records:
            await made.append(one, at=at)
        await made.run(batch=cut)
        keys = made.store.keys
        names = keys.present(0, "shop"), keys.seen(0, "shop")
        found.append([await made.redis.zrange(name, 0, -1, withscores=True) for name in names])
        await made.close()
    assert found[0][1], "somebody is left"
    assert all(each == found[0] for each in found[1:])


def skewed(rng: random.Random) -> list[tuple[int, Event]]:
    found, at = [], 0
    for number in range(200):
        at += rng.randrange(90 * SECOND)
        received = at + rng.choice((0, 0, 15 * MINUTE, 30 * MINUTE))
        one = event(f"visitor-{rng.randrange(30)}", f"page-{number}", 0, received - rng.choice((0, 0, 29 * MINUTE)))
        found.append((at + (2 * HOUR if number > 100 else 0), replace(one, received=START + received)))
    return found


def test_marks_that_are_over_are_gone_and_the_others_stay() -> None:
    found = Presence()
    found.present |= {"a": 100, "b": 700}
    found.seen |= {"a": 50, "b": 500}
    found.expire(50)
    assert (found.present, found.seen, found.oldest) == ({"a": 100, "b": 700}, {"b": 500}, 100)
    found.expire(700)
    assert (found.present, found.seen, found.oldest) == ({"a": 0, "b": 0}, {}, NEVER)
