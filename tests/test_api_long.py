"""Weeks, months and long spans, from the days that Redis keeps; and targets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from api import long_metrics
from api.exposition import top_values
from api.long import LATE_AGAIN_S, READ_AGAIN_S, Long, LongReader, cut, first_of, wanted
from api.numbers import AWAY, Numbers, SiteNumbers
from api.periods import By, period_reader, periods
from wakeline import keys
from wakeline.numbers import MONTHS, WEEKS
from wakeline.redis.connect import connect
from wakeline.settings import Every, Least, Site, TargetRule

LANES = 3
KEYS = keys.Keys()
TODAY = date(2026, 12, 1)  # a Tuesday
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
DAY = timedelta(days=1)


class Stand:
    """A reader over a real server, at a time of the test's own."""

    def __init__(self, redis: Redis, *sites: Site) -> None:
        self.redis = redis
        self.now = NOON
        self.sites = {site.key: site for site in sites or (Site(key="shop", currency="EUR"),)}
        self.long = LongReader(self.sites, partial(period_reader, redis), away=AWAY, now=lambda: self.now, rest=0.0)

    async def count(self, day: date, *, lane: int = 0, **counts: int) -> None:
        for field, amount in counts.items():
            await self.redis.hincrby(KEYS.day(lane, "shop", day.isoformat()), field.replace("_of_", ":"), amount)

    async def see(self, day: date, lane: int = 0, **pages: int) -> None:
        await self.redis.zadd(KEYS.top(lane, "shop", "pages", keys.date(day.isoformat())), dict(pages))

    def shown(self, today: dict[str, int] | None = None) -> dict[tuple[str, ...], float]:
        """(metric without the prefix, labels but the site) -> value."""
        day = datetime.fromtimestamp(self.now, UTC).date().isoformat()
        numbers = Numbers({key: SiteNumbers(day=today or {}, currency="EUR", today=day) for key in self.sites})
        found = long_metrics.families(self.sites, self.long.sites, numbers, partial(top_values, top=3), self.now)
        return {
            (sample.name.removeprefix("wakeline_"), *list(sample.labels.values())[1:]): sample.value
            for family in found
            for sample in family.samples
        }


@pytest.fixture
async def redis(redis_server: Any) -> AsyncIterator[Redis]:
    async with connect(redis_server.url) as client:
        await client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})
        yield client


@pytest.fixture
def made(redis: Redis) -> Stand:
    return Stand(redis)


async def test_weeks_and_months_are_the_sums_of_their_days_in_all_lanes_and_of_today(made: Stand) -> None:
    for lane in range(LANES):
        for back in range(40):
            await made.count(TODAY - back * DAY, lane=lane, visits=1, revenue_of_EUR=250, revenue_back_of_EUR=50)
    await made.long.refresh()
    shown = made.shown({"visits": 5, "revenue:EUR": 1_000})
    assert shown["visits_period", "week", "2026-W49"] == LANES + 5  # Monday, and today
    assert shown["visits_period", "week", "2026-W48"] == LANES * 7
    assert shown["visits_period", "month", "2026-12"] == 5
    assert shown["visits_period", "month", "2026-11"] == LANES * 30
    assert shown["visits_period", "month", "2026-10"] == LANES * 9
    assert shown["revenue_net_period", "month", "2026-11", "EUR"] == LANES * 30 * 2
    assert shown["revenue_net_period", "month", "2026-12", "EUR"] == 10
    months = {name for metric, by, name in (one for one in shown if one[0] == "visits_period") if by == "month"}
    weeks = {name for metric, by, name in (one for one in shown if one[0] == "visits_period") if by == "week"}
    assert (len(weeks), len(months)) == (WEEKS, MONTHS)
    assert min(months) == "2024-12"


async def test_lists_of_spans_have_the_days_that_are_over_and_lose_nothing(made: Stand) -> None:
    for back in (0, 1, 28, 29, 300, 365, 366, 730, 731):
        await made.see(TODAY - back * DAY, lane=back % LANES, home=10, lamps=back)
    await made.see(TODAY - DAY, lane=2, a=3, b=2, c=1)
    await made.long.refresh()
    shown = made.shown()
    assert shown["page_views_span", "28d", "home"] == 20
    assert shown["page_views_span", "28d", "lamps"] == 29
    assert shown["page_views_span", "28d", "a"] == 3
    assert shown["page_views_span", "28d", keys.OTHER] == 3
    assert shown["page_views_span", "365d", "home"] == 50
    assert shown["page_views_span", "730d", "lamps"] == 1 + 28 + 29 + 300 + 365 + 366 + 730


async def test_a_list_is_cut_but_its_sum_is_right() -> None:
    other = keys.OTHER.encode()
    assert cut({b"a": 3.0, b"b": 2.0, b"c": 1.0, other: 5.0}, 2) == {b"a": 3.0, b"b": 2.0, other: 6.0}
    assert cut({b"a": 3.0}, 2) == {b"a": 3.0}


async def test_late_events_are_seen_after_ten_minutes_and_imports_after_a_day(made: Stand) -> None:
    await made.long.refresh()
    await made.count(TODAY - DAY, visits=1)
    await made.count(date(2026, 3, 1), visits=7)
    await made.long.refresh()
    assert made.shown()["visits_period", "week", "2026-W49"] == 0
    made.long.sites["shop"].read_late -= LATE_AGAIN_S + 1
    await made.long.refresh()
    shown = made.shown()
    assert (shown["visits_period", "week", "2026-W49"], shown["visits_period", "month", "2026-11"]) == (1, 1)
    assert shown["visits_period", "month", "2026-03"] == 0
    made.long.sites["shop"].read_whole -= READ_AGAIN_S + 1
    await made.long.refresh()
    assert made.shown()["visits_period", "month", "2026-03"] == 7


async def test_a_replay_is_seen_at_once(made: Stand) -> None:
    await made.count(TODAY - DAY, visits=1)
    await made.long.refresh()
    await made.redis.hset(keys.DEPLOYMENT, "version", keys.VERSION + 1)
    await made.redis.hset(keys.Keys(keys.VERSION + 1).day(0, "shop", (TODAY - DAY).isoformat()), "visits", 9)
    await made.long.refresh()
    assert made.shown()["visits_period", "month", "2026-11"] == 9


async def test_when_a_day_ends_it_is_over_and_nothing_is_shown_in_between(made: Stand) -> None:
    await made.count(TODAY, visits=4)
    await made.long.refresh()
    assert made.shown({"visits": 4})["visits_period", "week", "2026-W49"] == 4
    made.now += 43_200
    assert made.shown({"visits": 1}) == {}  # yesterday is in neither
    await made.long.refresh()
    assert made.shown({"visits": 1})["visits_period", "week", "2026-W49"] == 5


async def test_an_empty_server_and_one_that_is_away_are_waited_for(made: Stand) -> None:
    await made.redis.delete(keys.DEPLOYMENT)
    running = asyncio.create_task(made.long.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    assert made.shown() == {}
    running.cancel()


async def test_what_cannot_be_read_does_not_end_it(made: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await made.redis.hset(keys.DEPLOYMENT, "lanes", "many")
    with caplog.at_level(logging.ERROR):
        running = asyncio.create_task(made.long.run())
        await asyncio.sleep(0.1)
    assert not running.done()
    assert "weeks and months cannot be read" in caplog.text
    running.cancel()


def test_the_present_period_and_the_one_before() -> None:
    long = Long(date(2027, 1, 1))
    long.sums = {
        (By.DAY, "2026-12-31"): {"visits": 1},
        (By.WEEK, "2026-W53"): {"visits": 2},
        (By.WEEK, "2026-W52"): {"visits": 3},
        (By.MONTH, "2027-01"): {"visits": 4},
        (By.MONTH, "2026-12"): {"visits": 5},
    }
    assert [long.now(by).get("visits") for by in By] == [None, 2, 4]
    assert [long.before(by).get("visits") for by in By] == [1, 3, 5]


@pytest.mark.parametrize("back", range(400))
def test_each_period_begins_where_the_one_before_ended(back: int) -> None:
    day = TODAY - back * DAY
    for by in By:
        first = first_of(day, by)
        assert periods(first, day, by, today=TODAY)[-1].name == periods(day, day, by, today=TODAY)[0].name
        before = periods(first - DAY, first - DAY, by, today=TODAY)[0].name
        assert before != periods(first, first, by, today=TODAY)[0].name
    assert [by for by, _ in wanted(day)].count(By.MONTH) == MONTHS
    assert [by for by, _ in wanted(day)].count(By.WEEK) == WEEKS


# ---- targets -------------------------------------------------------------------------------------

REVENUE = TargetRule(name="Revenue", number="revenue", every=Every.MONTH, goal=1_000, owner="shop")
BOUNCES = TargetRule(name="Bounces", number="bounce_rate", every=Every.WEEK, goal=0.4, at=Least.MOST)
VISITS = TargetRule(name="Visits", number="visits", every=Every.DAY, goal=10)


@pytest.fixture
def aimed(redis: Redis) -> Stand:
    return Stand(redis, Site(key="shop", currency="EUR", targets=(REVENUE, BOUNCES, VISITS)))


async def test_targets_against_what_is(aimed: Stand) -> None:
    for back in range(1, 40):
        day = TODAY - back * DAY
        await aimed.count(day, visits=9, sessions=10, bounces=5, revenue_of_EUR=4_000, revenue_back_of_EUR=500)
    await aimed.long.refresh()
    shown = aimed.shown({"visits": 3, "sessions": 10, "bounces": 1, "revenue:EUR": 700})
    revenue, bounces, visits = ("Revenue", "month", "shop"), ("Bounces", "week", ""), ("Visits", "day", "")
    assert shown["target_goal", *revenue] == 1_000
    assert shown["target_actual", *revenue] == 7
    assert shown["target_expected", *revenue] == pytest.approx(1_000 * 0.5 / 31)
    assert shown["target_last", *revenue] == 30 * 35
    assert shown["target_missed", *revenue] == 0
    assert shown["target_actual", *bounces] == 6 / 20
    assert shown["target_expected", *bounces] == 0.4  # a share does not grow
    assert (shown["target_last", *bounces], shown["target_missed", *bounces]) == (0.5, 1)
    assert (shown["target_expected", *visits], shown["target_last", *visits]) == (5, 9)
    assert shown["target_missed", *visits] == 1


async def test_who_has_just_begun_missed_nothing(aimed: Stand) -> None:
    await aimed.long.refresh()
    assert {labels[0] for labels in aimed.shown() if labels[0].startswith("target")} == {
        "target_goal",
        "target_expected",
        "target_actual",
    }


async def test_of_a_share_of_nothing_nothing_is_said(aimed: Stand) -> None:
    await aimed.count(TODAY - 9 * DAY, visits=1)
    await aimed.long.refresh()
    shown = aimed.shown()
    assert ("target_goal", "Bounces", "week", "") in shown
    assert ("target_actual", "Bounces", "week", "") not in shown
    assert ("target_missed", "Bounces", "week", "") not in shown
    assert shown["target_missed", "Visits", "day", ""] == 1
