"""Weeks, months and long spans, from the days that Redis keeps; and targets."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from redis.asyncio import Redis

from api import long_metrics
from api.exposition import top_values
from api.long import LATE_AGAIN_S, READ_AGAIN_S, Long, LongReader, cut, first_of, wanted
from api.numbers import AWAY, Numbers, SiteNumbers
from api.periods import By, Period, PeriodReader, period_reader, periods
from ops.cli import main
from wakeline import keys
from wakeline.numbers import DAYS, LONG, LONG_TOPS, MONTHS, WEEKS, Count, Top
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
        zone = self.sites["shop"].time_zone
        day = datetime.fromtimestamp(self.now, zone).date().isoformat()
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
    assert shown["visits_period", "day", "2026-12-01"] == 5
    assert shown["visits_period", "day", "2026-11-30"] == LANES
    days, weeks, months = (sorted(one[2] for one in shown if one[:2] == ("visits_period", by)) for by in By)
    assert (len(days), len(weeks), len(months)) == (DAYS, WEEKS, MONTHS)
    assert (days[0], weeks[0], months[0]) == ("2026-11-25", "2026-W42", "2025-01")


async def test_of_days_and_weeks_less_is_shown_than_of_months(made: Stand) -> None:
    await made.long.refresh()
    shown = made.shown()
    for by, whose in LONG.items():
        metrics = {one[0] for one in shown if one[1] == by}
        wanted_ones = {
            f"{each.metric}_period" if isinstance(each, Count) else f"{each.name}_net_period" for each in whose
        }
        assert metrics == wanted_ones


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago"])
async def test_the_numbers_are_those_of_the_report(redis: Redis, redis_server: Any, tmp_path: Path, zone: str) -> None:
    stand = Stand(redis, Site(key="shop", currency="EUR", time_zone=ZoneInfo(zone)))
    stand.now = time.time()
    today, seeded = datetime.fromtimestamp(stand.now, ZoneInfo(zone)).date(), random.Random(0)
    fields = ("visits", "page_views", "new_visitors", "orders", "revenue:EUR", "revenue_back:EUR", "margin:EUR")
    counted: dict[Any, Any]
    async with redis.pipeline(transaction=False) as pipe:
        for back in range(790):
            counted = {field: seeded.randrange(10_000) for field in fields} if back % 7 else {}
            name = KEYS.day(back % LANES, "shop", (today - back * DAY).isoformat())
            pipe.hset(name, mapping=counted or {"visits": 3})
        await pipe.execute()
    await stand.long.refresh()
    shown = stand.shown({"visits": 3})

    config = tmp_path / "wakeline.toml"
    site = f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\ncurrency = "EUR"\ntime_zone = "{zone}"\n'
    config.write_text(site)
    compared = 0
    for by, asked in LONG.items():
        first = date.fromisoformat(min(one.days[0] for kind, one in wanted(today) if kind == by))
        words = (
            "report",
            "--from",
            str(first),
            "--by",
            by,
            "--csv",
            "--config",
            str(config),
            "--redis",
            redis_server.url,
        )
        said = await asyncio.to_thread(CliRunner().invoke, main, words)
        assert said.exit_code == 0, said.output
        for row in csv.DictReader(io.StringIO(said.stdout)):
            for number in asked:
                if isinstance(number, Count):
                    found, wanted_one = shown[f"{number.metric}_period", by, row["period"]], row[number.metric]
                else:
                    found = shown[f"{number.name}_net_period", by, row["period"], "EUR"]
                    wanted_one = row.get(f"{number.name} EUR") or "0"
                assert found == pytest.approx(float(wanted_one)), (by, row["period"], number.name)
                compared += 1
    assert compared == sum(len(asked) * {"day": DAYS, "week": WEEKS, "month": MONTHS}[by] for by, asked in LONG.items())


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


class Watched(PeriodReader):
    """Notes what is read of whom. The first 40 calls for lists take `takes` seconds."""

    read: list[tuple[str, str]]
    stand: Stand
    takes: float

    async def numbers(self, site: str, period: Period) -> dict[str, int]:
        self.read.append((site, "sums"))
        return await super().numbers(site, period)

    async def values(self, site: str, period: Period, top: Top) -> dict[str, float]:
        self.read.append((site, top.name))
        if self.stand.now < NOON + self.takes:
            self.stand.now += self.takes / 40  # calls of a list: about 25, each has 31 days at most
        return await super().values(site, period, top)


def watched(stand: Stand, *, takes: float) -> list[tuple[str, str]]:
    read: list[tuple[str, str]] = []

    async def reader() -> PeriodReader:
        made = Watched(stand.redis, KEYS, lanes=LANES)
        made.read, made.stand, made.takes = read, stand, takes
        return made

    stand.long = LongReader(stand.sites, reader, away=AWAY, now=lambda: stand.now, rest=0.0)
    return read


def in_turn(read: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [one for one, _ in groupby(read)]


async def test_lists_do_not_keep_the_sums_of_other_sites_waiting(redis: Redis) -> None:
    stand = Stand(redis, Site(key="shop"), Site(key="other"))
    read = watched(stand, takes=0)
    await stand.long.refresh()
    lists = [(site, top.name) for site in stand.sites for top in LONG_TOPS]
    assert in_turn(read) == [("shop", "sums"), ("other", "sums"), *lists]
    read.clear()
    await stand.long.refresh()
    assert read == []


async def test_a_day_that_ends_while_lists_are_read_is_seen_after_one_of_them(redis: Redis) -> None:
    stand = Stand(redis, Site(key="shop"), Site(key="other"))
    read = watched(stand, takes=50_000)  # the day ends in the second list
    await stand.see(TODAY, home=5)
    await stand.see(TODAY - DAY, home=2)
    await stand.long.refresh()
    assert in_turn(read)[2:6] == [("shop", "pages"), ("shop", "sources"), ("shop", "sums"), ("other", "sums")]
    assert stand.long.sites["shop"].today > TODAY
    assert stand.shown()["page_views_span", "28d", "home"] == 7


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
    assert [by for by, _ in wanted(day)].count(By.DAY) == DAYS


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


@pytest.mark.parametrize(
    ("began", "judged"),
    [
        pytest.param(0, set(), id="today"),
        pytest.param(1, set(), id="yesterday"),
        pytest.param(2, {"Visits"}, id="within last week: the last day was whole"),
        pytest.param(8, {"Visits"}, id="on its first day"),
        pytest.param(9, {"Visits", "Bounces"}, id="the week before: last week was whole"),
        pytest.param(30, {"Visits", "Bounces"}, id="on the first day of last month"),
        pytest.param(31, {"Visits", "Bounces", "Revenue"}, id="the month before"),
        pytest.param(600, {"Visits", "Bounces", "Revenue"}, id="long ago"),
    ],
)
async def test_the_period_in_which_a_site_began_is_not_judged(aimed: Stand, began: int, judged: set[str]) -> None:
    for back in {0, 1, 2, 5, began} - set(range(began + 1, 6)):
        await aimed.count(TODAY - back * DAY, visits=1, sessions=1, bounces=1)
    await aimed.long.refresh()
    shown = aimed.shown()
    assert {labels[1] for labels in shown if labels[0] == "target_missed"} == judged
    if began:
        assert shown["target_last", "Visits", "day", ""] == 1


async def test_of_a_share_of_nothing_nothing_is_said(aimed: Stand) -> None:
    await aimed.count(TODAY - 9 * DAY, visits=1)
    await aimed.long.refresh()
    shown = aimed.shown()
    assert ("target_goal", "Bounces", "week", "") in shown
    assert ("target_actual", "Bounces", "week", "") not in shown
    assert ("target_missed", "Bounces", "week", "") not in shown
    assert shown["target_missed", "Visits", "day", ""] == 1
