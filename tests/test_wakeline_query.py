"""The history asked in SQL: its numbers are the processor's, and a question reaches nothing else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from msgspec.structs import replace as changed

from archiver.archiving import Archiver
from processor.rules import duplicates, sessions
from processor.rules.consent import FOR_GOOD
from processor.sites import SiteFacts
from processor.state import SESSION_GAP_MS
from tests.archive_stand import Ours
from tests.sealed import as_they_happened, seal
from tests.timeline import DAY, MINUTE, SECOND, SITE, START, Timeline, a_week_of_visits, event
from wakeline.history import History
from wakeline.keys import date as bucket
from wakeline.query import Question, ask, clocks, events, views
from wakeline.record import Event
from wakeline.settings import Site

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = "from events where bot is null"
COUNTERS = {
    "page_views": f"count(*) as amount {PEOPLE} and type = 'page_view' and not continued",
    "sessions": "count(*) as amount from sessions where not continued",
    "bounces": "count_if(bounce) as amount from sessions",
    "engaged_ms": f"sum(engaged_ms) as amount {PEOPLE}",
    "events": f"count(*) as amount {PEOPLE} and type not in ('page_view', 'engagement', 'ping', 'consent', 'identify')",
    "bot_events": "count(*) as amount from events where bot is not null",
}
LISTS = {
    "top pages": f"path, count(*) as amount {PEOPLE} and type = 'page_view' and not continued",
    "top engaged_ms": f"path, sum(engaged_ms) as amount {PEOPLE}",
    "top sources": "source, count(*) as amount from sessions where not continued",
    "top campaigns": "campaign, count(*) as amount from sessions where not continued and campaign is not null",
    "top entries": "entry, count(*) as amount from sessions where entry is not null",
    "top exits": "exit, count(*) as amount from sessions where exit is not null",
    "top bots": "bot, count(*) as amount from events where bot is not null",
}


@asynccontextmanager
async def timeline(server: Any, site: Site = SITE) -> AsyncIterator[Timeline]:
    made = Timeline(server.url, sites=[site])
    await made.redis.flushall()
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def answer(history: History, sql: str, **fields: Any) -> list[tuple[Any, ...]]:
    zones = fields.pop("zones", {})
    with ask(history, Question(sql, **fields), zones=zones) as found:
        rows = list(found.rows())
        assert len(rows) == found.count
        return rows


def one(history: History, sql: str, **fields: Any) -> Any:
    ((value,),) = answer(history, sql, **fields)
    return value


# ---- the processor's numbers -----------------------------------------------------------------------


def trouble(events: Iterable[Event], rng: random.Random) -> list[tuple[int, Event]]:
    """The events, each with its append time, as networks and people deliver them: late, twice, in any order.

    Whole visits are kept offline for hours; copies come at any time within a week; bots and withdrawals are among
    them; some come so late that nobody can tell a copy any more.
    """
    came: list[tuple[int, Event]] = []
    offline: dict[str, int] = {}
    for one in events:
        visit = f"{one.visitor}/{one.page.rpartition('-')[0]}"
        delay = offline.setdefault(visit, rng.choice([0, 0, 0, 5 * MINUTE, rng.randrange(6 * DAY)]))
        if rng.random() < 0.04:
            one = changed(one, bot="Googlebot")
        if rng.random() < 0.02:
            came.append((one.time + 8 * DAY + rng.randrange(1, DAY), changed(one, n=one.n + 100)))
        at = one.time + rng.randrange(1, 3 * SECOND)
        if delay:  # all of it at once, in any order
            at = START + _visit_end(events, visit) + delay + rng.randrange(MINUTE)
        came.append((at, one))
        while rng.random() < 0.15:
            copy = changed(one, time=one.time + rng.choice([0, 0, -20, 30]), path="/copied")
            came.append((min(at + rng.randrange(1, 5 * DAY), copy.time + 7 * DAY), copy))
        if rng.random() < 0.04 and one.type == "page_view" and not one.bot:
            came += [(at + 1, each) for each in _goes_on(one, rng)]
    return sorted(came, key=lambda each: each[0])


def _visit_end(events: Iterable[Event], visit: str) -> int:
    return max(one.time for one in events if f"{one.visitor}/{one.page.rpartition('-')[0]}" == visit) - START


def _goes_on(view: Event, rng: random.Random) -> list[Event]:
    """The visitor allows more or less: the page goes on under another id, but after "off"."""
    if view.is_anonymous:
        level, visitor = "full", f"visitor-of-{view.page}"
    else:
        level, visitor = rng.choice([("off", ""), ("anonymous", f"~anonymous-{view.page}")])
    consent = changed(view, type="consent", n=50, time=view.time + 5, level=level, interests=[])
    if not visitor:
        return [consent]
    page = f"{view.page}-on"
    return [
        consent,
        changed(view, visitor=visitor, page=page, n=0, time=view.time + 6, continued=True),
        event(
            visitor, page, 1, view.time - START + 900, "engagement", path=view.path, engaged_ms=rng.randrange(20_000)
        ),
    ]


@pytest.mark.parametrize("seed", range(16))
async def test_the_numbers_are_the_processors(redis_server: Any, tmp_path: Path, seed: int) -> None:
    """The same log, folded live and asked from its archive: every counter, every list, day by day."""
    rng = random.Random(seed)
    site = replace(SITE, time_zone=rng.choice([ZoneInfo("UTC"), BERLIN, ZoneInfo("Asia/Kathmandu")]))
    async with timeline(redis_server, site) as made:
        await agree(made, tmp_path, site, rng)


async def agree(made: Timeline, folder: Path, site: Site, rng: random.Random) -> None:
    for at, each in trouble(a_week_of_visits(rng, visitors=12), rng):
        await made.append(each, at=at - START)
        if rng.random() < 0.05:
            await made.run(batch=rng.randint(1, 50))
    await made.pass_time(DAY)
    history = History(str(folder))
    archiver = Archiver(made.log, history, made.redis, lanes=4, seal_s=600, lease=Ours(), wait_ms=0)
    await archiver.open()
    while await archiver.step():
        if rng.random() < 0.3:
            await archiver.seal_all()
    await archiver.seal_all()
    history.refresh()

    asked = " union all ".join(
        [
            f"select '{name}' as name, day::varchar as day, '' as value, {sql} group by all"
            for name, sql in COUNTERS.items()
        ]
        + [f"select '{name}', day::varchar, {sql} group by all" for name, sql in LISTS.items()]
    )
    counted = {tuple(row): amount for *row, amount in answer(history, asked, zones={"shop": site.time_zone}) if amount}
    days = sorted({day for _, day, _ in counted})
    assert len(days) > 2
    live = {
        (name, day, ""): amount for day in days for name, amount in (await made.day(day)).items() if name in COUNTERS
    }
    for day in days:
        for name in LISTS:
            found = await made.top(name.removeprefix("top "), bucket(day))
            live |= {(name, day, value): amount for value, amount in found.items() if amount}
    assert counted == live
    totals = await made.totals()
    assert {name: totals[name] for name in COUNTERS if name in totals} == {
        name: total for name in COUNTERS if (total := sum(live.get((name, day, ""), 0) for day in days))
    }
    assert one(history, "select sum(page_views) from sessions") == totals["page_views"]
    assert totals["sessions"] > 10


async def test_a_visit_that_was_counted_before_it_was_whole(redis_server: Any, tmp_path: Path) -> None:
    """Where the two differ: the processor had to count the visit, the history knows the rest of it."""
    came = [
        (0, event("visitor-1", "page-one", 0, 0)),
        (2 * 60 * MINUTE, event("visitor-1", "page-two", 0, 5 * MINUTE, path="/late")),
    ]
    async with timeline(redis_server) as made:
        for at, each in came:
            await made.append(each, at=at)
        await made.pass_time(DAY)
        totals = await made.totals()
    assert (totals["sessions"], totals["bounces"], totals["page_views"]) == (1, 1, 2)
    history = seal(tmp_path, [(START + at, each) for at, each in came])
    assert answer(history, "select page_views, bounce, exit from sessions") == [(2, False, "/late")]
    assert one(history, "select count(*) from events") == 2


def test_limits_are_the_processors() -> None:
    assert (events.KEPT_MS, events.SESSION_GAP_MS) == (duplicates.KEPT_MS, SESSION_GAP_MS)
    assert views.ENGAGED_MS == sessions.ENGAGED_MS
    assert "infinity" in "".join(events.SETTLE)
    assert FOR_GOOD > START


BOUNDARIES: dict[str, tuple[list[int], int]] = {
    "one event": ([0], 1),
    "29 minutes and 59.999 seconds": ([0, 30 * MINUTE - 1], 1),
    "more than 30 minutes": ([0, 30 * MINUTE + 1], 2),
    "many at one moment, twice": ([0, 0, 0, 31 * MINUTE, 31 * MINUTE, 31 * MINUTE], 2),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_visits_end_after_half_an_hour(tmp_path: Path, name: str) -> None:
    times, wanted = BOUNDARIES[name]
    came = as_they_happened(event("visitor-1", f"page-{number}", 0, at) for number, at in enumerate(times))
    history = seal(tmp_path, came)
    assert one(history, "select count(*) from sessions") == wanted
    assert one(history, "select sum(page_views) from sessions") == len(times)


def test_a_page_that_is_only_open_holds_no_visit_together(tmp_path: Path) -> None:
    came = [event("visitor-1", "page", n, n * 20 * MINUTE, type) for n, type in enumerate(["page_view", "ping", "add"])]
    assert answer(seal(tmp_path, as_they_happened(came)), "select session, count(*) from events group by all") == [
        (datetime(2027, 1, 15, 8), 1),
        (None, 1),
        (datetime(2027, 1, 15, 8, 40), 1),
    ]


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca")


@pytest.mark.parametrize("name", ZONES)
def test_wall_clocks(name: str) -> None:
    """At every quarter of an hour of two years, changes of the clock included, SQL has the day of the processor."""
    zone = ZoneInfo(name)
    facts = SiteFacts(Site(key="shop", time_zone=zone))
    stretches = list(clocks.offsets(zone, START, START + 730 * DAY))
    for ms in range(START - 20 * MINUTE, START + 730 * DAY, 15 * MINUTE):
        offset = next(offset for end, offset in stretches if ms < end)
        if ms >= START:
            local = datetime.fromtimestamp((ms + offset) / 1000, ZoneInfo("UTC"))
            assert local.replace(tzinfo=None) == datetime.fromtimestamp(ms / 1000, zone).replace(tzinfo=None)
    sql = clocks.ahead({"shop": zone, "it's": ZoneInfo("UTC")}, START, START + 730 * DAY)
    found = duckdb.execute(
        f"SELECT at_ms, epoch_ms(at_ms + {sql})::DATE::VARCHAR FROM (SELECT 'shop' AS site, at_ms "
        f"FROM range({START}, {START + 730 * DAY}, {7 * 60 * MINUTE}) AS times(at_ms))"
    ).fetchall()
    assert all(day == facts.day(ms) for ms, day in found)
    assert len(found) > 2_000
