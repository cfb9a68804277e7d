"""Queries of the history in SQL: their numbers match the processor's, and they can read nothing else."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace as changed
from rich.console import Console

from archiver.archiving import Archiver
from crm.sites import SiteFacts
from ops.cli import main
from ops.cli.rows import show
from reports import (
    InvalidQuery,
    NoHistory,
    Query,
    ask,
    clocks,
    forgetting,
)
from reports.forgetting import FORGOTTEN
from reports.reading import needed, with_hints
from tests.archive_stand import Ours
from tests.sealed import as_they_happened, seal, write
from tests.telling import fact, order, thing
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, SECOND, SITE, START, Timeline, a_week_of_visits, event, timeline
from wakeline.history import History, HistoryDamaged
from wakeline.history.folder import Folder
from wakeline.keys import date as bucket
from wakeline.log import Entry
from wakeline.record import FOR_GOOD, Delta, Erase, Event, Fact, Record, Tick, encode_record
from wakeline.settings import Site
from wakeline.vocabulary.things import CONTACT, SENT
from wakeline.vocabulary.types import BUILT_IN

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = "from events where bot is null"
COUNTERS = {
    "page_views": f"count(*) as amount {PEOPLE} and type = 'page_view' and not continued",
    "sessions": "count(*) as amount from sessions where not continued",
    "bounces": "count_if(bounce) as amount from sessions",
    "engaged_ms": f"sum(engaged_ms) as amount {PEOPLE}",
    "events": f"count(*) as amount {PEOPLE} and type in ('add_to_cart', 'download')",
    "gpc_views": "count(*) as amount from events where gpc and type = 'page_view' and not continued and bot is null",
    "bot_events": "count(*) as amount from events where bot is not null",
}
LISTS = {
    "top pages": f"path, count(*) as amount {PEOPLE} and type = 'page_view' and not continued",
    "top engaged_ms": f"path, sum(engaged_ms) as amount {PEOPLE}",
    "top sources": "source, count(*) as amount from sessions where not continued",
    "top campaigns": "campaign, count(*) as amount from sessions where not continued and campaign is not null",
    "top entries": "entry, count(*) as amount from sessions where entry is not null",
    "top exits": "exit, count(*) as amount from sessions where exit is not null",
    "top events": f"type, count(*) as amount {PEOPLE} and type not in {tuple(BUILT_IN)}",
    "top bots": "bot, count(*) as amount from events where bot is not null",
}


def answer(history: History, sql: str, **fields: Any) -> list[tuple[Any, ...]]:
    zones = fields.pop("zones", {})
    with ask(history, Query(sql, **fields), zones=zones) as found:
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
        if one.type == "page_view" and one.page[-1] in "14":
            one = changed(one, gpc=True)
        if rng.random() < 0.02:
            came.append((one.time + 8 * DAY + rng.randrange(1, DAY), changed(one, n=one.n + 100)))
        at = one.time + rng.randrange(1, 3 * SECOND)
        if delay:  # all of it at once, in any order
            at = START + _visit_end(events, visit) + delay + rng.randrange(MINUTE)
        came.append((at, one))
        while rng.random() < 0.15:
            copy = changed(one, time=one.time + rng.choice([0, 0, -20, 30]), path="/copied")
            came.append((min(at + rng.randrange(1, 5 * DAY), copy.time + 7 * DAY), copy))
        if rng.random() < 0.04 and one.type == "page_view":
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


@pytest.mark.parametrize("seed", range(cases(16)))
async def test_the_numbers_are_the_processors(redis_server: Any, tmp_path: Path, seed: int) -> None:
    """The same log, folded live and asked from its archive: every counter, every list, day by day."""
    rng = random.Random(seed)
    site = replace(SITE, time_zone=rng.choice([ZoneInfo("UTC"), BERLIN, ZoneInfo("Asia/Kathmandu")]))
    async with timeline(redis_server, sites=[site]) as made:
        await agree(made, tmp_path, site, rng)


async def agree(made: Timeline, folder: Path, site: Site, rng: random.Random) -> None:
    said = ("ping", "web_vitals", "not_found", "js_error", "download")
    visits = [
        changed(one, type=said[one.time % len(said)]) if one.type == "ping" else one
        for one in a_week_of_visits(rng, visitors=12)
    ]
    for at, each in trouble(visits, rng):
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
    assert forgetting.LATEST_MS == FOR_GOOD


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
    """All through two years, and around each change of the clock, SQL has the day of the processor."""
    zone = ZoneInfo(name)
    facts = SiteFacts(Site(key="shop", time_zone=zone))
    stretches = list(clocks.offsets(zone, START, START + 730 * DAY))
    moments = [START + 730 * DAY * number // 5_000 for number in range(5_000)]
    moments += [end + off for end, _ in stretches[:-1] for off in (-MINUTE, -1, 0, 1, MINUTE)]
    for ms in moments:
        offset = next(offset for end, offset in stretches if ms < end)
        local = datetime.fromtimestamp((ms + offset) / 1000, ZoneInfo("UTC"))
        assert local.replace(tzinfo=None) == datetime.fromtimestamp(ms / 1000, zone).replace(tzinfo=None)
    sql = clocks.ahead({"shop": zone, "it's": ZoneInfo("UTC")}, START, START + 730 * DAY)
    found = duckdb.execute(
        f"SELECT at_ms, epoch_ms(at_ms + {sql})::DATE::VARCHAR FROM (SELECT 'shop' AS site, at_ms "
        f"FROM range({START}, {START + 730 * DAY}, {7 * 60 * MINUTE}) AS times(at_ms))"
    ).fetchall()
    assert all(day == facts.day(ms) for ms, day in found)
    assert len(found) > 2_000


# ---- days, sites, files ----------------------------------------------------------------------------


def a_month(rng: random.Random) -> list[tuple[int, Record | bytes]]:
    """Visits over four weeks, some late, with orders, a withdrawal and records of other kinds."""
    came: list[tuple[int, Record | bytes]] = []
    for week in range(4):
        shift = week * 7 * DAY
        moved = [changed(each, time=each.time + shift, page=f"{each.page}-{week}") for each in a_week_of_visits(rng)]
        came += trouble(moved, rng)
        came += [(each.time + 5, each) for each in orders_of(moved, rng)]
        came += facts_of(moved, rng)
        came.append((START + shift, Tick()))
        came.append((START + shift, Delta(source=1, after=0, upto=2)))
        came.append((START + shift, b"no record at all"))
    return sorted(came, key=lambda each: each[0])


def facts_of(events: list[Event], rng: random.Random) -> list[tuple[int, Fact]]:
    """Told up to two weeks later, of orders that pages told too, and of things of all kinds."""
    found = []
    for one in rng.sample(events, 12):
        at, customer = one.time - START, rng.choice(("", "@of-the-till"))
        number = f"A-{rng.randrange(9)}-{one.page[-1]}"
        made = [
            fact(
                order(number), "purchase", at, customer=customer, value=500, currency="EUR", items=[{"item_id": "boot"}]
            ),
            fact(order(number), "order_state", at, state="paid"),
            thing(CONTACT, number, "contact", at, customer="@of-the-desk", channel="mail"),
            thing(SENT, number, "campaign_sent", at, customer="@of-the-mail", campaign="may"),
            fact("@of-the-till", "offer_seen", at, decision_id=number, offer="spring"),
        ]
        found += [(each.time + rng.randrange(14 * DAY), each) for each in made]
    return found


def orders_of(events: list[Event], rng: random.Random) -> list[Event]:
    found = []
    for number, one in enumerate(rng.sample(events, 12)):
        props = {"order": f"A-{number % 9}-{one.page[-1]}", "price": rng.randrange(100), "currency": "EUR"}
        found.append(changed(one, type="purchase", n=200 + number, props=props))
        if rng.random() < 0.5:
            late = one.time + rng.randrange(10 * DAY)
            found.append(changed(one, type="refund", n=300 + number, time=late, props=props))
    return found


@pytest.mark.parametrize("seed", range(cases(8)))
def test_days_that_are_asked_for_are_those_of_the_whole(tmp_path: Path, seed: int) -> None:
    """--from and --to read less and give the very rows that `where day between` gives: who was forgotten before these
    days or after them is hidden, and customers are known who were identified then.
    """
    rng = random.Random(seed)
    history = seal(tmp_path, a_month(rng), files_of=300)
    zones = {"shop": rng.choice([BERLIN, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles")])}
    first = date(2027, 1, 18 + rng.randrange(12))
    last = rng.choice([first, first, first + timedelta(days=3), None])
    days = f"where day >= '{first}'" + (f" and day <= '{last}'" if last else "")
    for view in ("events", "sessions", "orders", "order_items", "refunds", "contacts", "sends", "offers"):
        who = f"if(contains(visitor, '{FORGOTTEN}'), 'forgotten', visitor) as visitor"  # another id at each question
        sql = f"select * replace ({who}) from {view} {{}} order by all"
        wanted = answer(history, sql.format(days), zones=zones)
        assert answer(history, sql.format(""), zones=zones, first=first, last=last) == wanted
        assert wanted or view not in ("events", "sessions") or last == first
    asked = needed(history, first, last)
    assert asked.records == sum(history.bounds(lane).end for lane in history.lanes())
    assert min(len(asked.whole), len(asked.beside)) > 0


def test_one_site_or_all(tmp_path: Path) -> None:
    came = as_they_happened([event("visitor-1", "page-one", 0, 0), changed(event("visitor-1", "p", 0, 5), site="blog")])
    history = seal(tmp_path, came)
    assert answer(history, "select site, count(*) from events group by all order by all") == [("blog", 1), ("shop", 1)]
    assert answer(history, "select site, count(*) from sessions group by all", site="blog") == [("blog", 1)]


def test_every_field_of_a_record_is_a_column(tmp_path: Path) -> None:
    one = event(
        "visitor-1", "page-one", 3, 1_234, "add", "/shoes", props={"price": 1.5, "tags": ["a", {"b": None}]},
        query={"utm_source": "Mail"}, country="DE", bot="", browser="Chrome", os="iOS",
    )  # fmt: skip
    view = event("visitor-1", "page-one", 0, 1_000, title="Shoes", referrer="t.co/x", interests=["a", "b"])
    last = event("visitor-1", "page-one", 4, 9_000, "engagement", engaged_ms=700, scroll=55, leave=True)
    history = seal(tmp_path, as_they_happened([one, view, last]))
    sql = "select {} from events where n = {}"
    assert answer(
        history, sql.format("query['utm_source'], props->>'price', country, bot, referrer, engaged_ms", 3)
    ) == [("Mail", "1.5", "DE", None, None, None)]
    assert answer(history, sql.format("title, interests, referrer, device, leave", 0)) == [
        ("Shoes", ["a", "b"], "t.co/x", "desktop", False)
    ]
    assert answer(history, sql.format("engaged_ms, scroll, leave", 4)) == [(700, 55, True)]
    assert answer(history, "select source, page_views, engaged_ms, events from sessions") == [("x", 1, 700, 1)]


def test_a_page_has_the_name_that_the_dashboard_shows(tmp_path: Path) -> None:
    views = [
        event("visitor-1", f"page-{n:04}", 0, n, path=path)
        for n, path in enumerate(["/caf%c3%a9", "/caf%C3%A9", "/caf\u00e9", "/100%25/a%20b", "/plain"])
    ]
    history = seal(tmp_path, as_they_happened(views))
    assert answer(history, "select path, count(*) from events group by all order by path") == [
        ("/100%25/a%20b", 1),
        ("/café", 3),
        ("/plain", 1),
    ]
    assert answer(history, "select entry, exit from sessions") == [("/café", "/plain")]


def test_a_visit_has_the_class_of_its_source(tmp_path: Path) -> None:
    came = {
        "a": {},
        "b": {"referrer": "www.google.de/"},
        "c": {"referrer": "x.com/i/grok"},
        "d": {"referrer": "x.com/somebody"},
        "e": {"referrer": "android-app://com.google.android.gm"},
        "f": {"query": {"utm_source": "newsletter", "utm_campaign": "May"}},
        "g": {"query": {"utm_campaign": "May"}, "referrer": "blog.example/post"},
    }
    views = [
        event(f"visitor-{name}", f"page-{name}00", 0, n, **fields) for n, (name, fields) in enumerate(came.items())
    ]
    history = seal(tmp_path, as_they_happened(views))
    assert answer(history, "select source, source_class, campaign from sessions order by visitor") == [
        ("direct", "direct", None),
        ("google", "search", None),
        ("grok", "ai_assistant", None),
        ("x", "social", None),
        ("com.google.android.gm", "email", None),
        ("newsletter", "email", "May"),
        ("blog.example", "referral", "May"),
    ]


def test_files_that_overlap_count_once(tmp_path: Path) -> None:
    """As two archivers at once, or a merge that was ended, leave them."""
    came = as_they_happened(event("visitor-1", f"page-{number}", 0, number) for number in range(10))
    history = seal(tmp_path, came)
    (lane,) = history.lanes()
    entries = [Entry(offset, at, encode_record(record)) for offset, (at, record) in enumerate(came)]
    write(history, lane, "2027-01-15", [*entries[5:], Entry(10, came[-1][0], b'{"kind":"tick"}')])
    write(history, lane, "2027-01-15", entries[2:4])
    history.refresh()
    assert one(history, "select count(*) from events") == 10


class Merging(Folder):
    """After its names were given once, all files of a lane become one."""

    def __init__(self, root: Path, entries: list[Entry]) -> None:
        super().__init__(root)
        self._entries = entries

    def names(self) -> Any:
        found = list(super().names())
        if self._entries:
            entries, self._entries = self._entries, []
            lane = int(found[0].split("lane=")[1][:3])
            write(History("", Folder(self._root)), lane, "2027-01-15", entries)
            for name in found:
                self.delete(name)
        return iter(found)


def test_files_may_be_merged_while_they_are_read(tmp_path: Path) -> None:
    came = as_they_happened(event("visitor-1", f"page-{number}", 0, number) for number in range(10))
    seal(tmp_path, came, files_of=3)
    entries = [Entry(offset, at, encode_record(record)) for offset, (at, record) in enumerate(came)]
    assert one(History(str(tmp_path), Merging(tmp_path, entries)), "select count(*) from events") == 10


DAMAGES = {
    "cut off": lambda content: content[: len(content) // 2],
    "no gzip": lambda content: b"<html>",
    "empty": lambda content: b"",
    "another file": lambda content: content + content,
}


@pytest.mark.parametrize("first", [None, date(2027, 3, 1)], ids=["read whole", "read beside"])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, first: date | None) -> None:
    came = as_they_happened(event("visitor-1", f"page-{number}", 0, number) for number in range(900))
    history = seal(tmp_path, came)
    (path,) = tmp_path.rglob("*.gz")
    path.write_bytes(DAMAGES[name](path.read_bytes()))
    with pytest.raises(HistoryDamaged, match=path.name):
        answer(history, "from events", first=first)


LINES = b'{"a":"one"}\n{"a":"two","b":"one"}\n{"a":"\\"two\\""}\n{"a":"two"}'
WITH_HINTS: dict[str, tuple[list[bytes], list[int]]] = {
    "nothing": ([b'"three"'], []),
    "the first line": ([b'"one"'], [0, 1]),
    "the last, without a break, and no text within a text": ([b'"two"'], [1, 3]),
    "a line of two hints once": ([b'"two"', b'"one"'], [0, 1, 3]),
}


@pytest.mark.parametrize("name", WITH_HINTS)
def test_lines_are_found_by_what_they_hold(name: str) -> None:
    hints, wanted = WITH_HINTS[name]
    lines = LINES.splitlines(keepends=True)
    assert with_hints(LINES, hints) == [lines[number] for number in wanted]


def test_a_history_at_a_url(tmp_path: Path) -> None:
    import fsspec

    seal(tmp_path, as_they_happened([event("visitor-1", "page-one", 0, 0)]))
    files = fsspec.filesystem("memory")
    for path in tmp_path.rglob("*.gz"):
        files.pipe_file(f"/asked/{path.relative_to(tmp_path)}", path.read_bytes())
    assert one(History("memory://asked"), "select count(*) from events") == 1


# ---- who is forgotten ------------------------------------------------------------------------------

PART_OF_THE_DAYS = (
    {},
    {"first": date(2027, 2, 1)},
    {"last": date(2027, 1, 16)},
    {"first": date(2027, 1, 16), "last": date(2027, 2, 10)},
)


@pytest.mark.parametrize("days", PART_OF_THE_DAYS)
def test_who_withdrew_before_or_after_these_days_is_hidden(tmp_path: Path, days: dict[str, date]) -> None:
    came = as_they_happened([
        event("visitor-1", "page-one", 0, 0), event("visitor-1", "page-two", 0, 10 * DAY, "consent", level="off"),
        event("visitor-1", "page-four", 0, 20 * DAY),
    ])  # fmt: skip
    found = answer(seal(tmp_path, came), "select visitor from sessions", **days)
    assert found
    assert all(visitor.startswith(FORGOTTEN) for (visitor,) in found)


@pytest.mark.parametrize("days", PART_OF_THE_DAYS)
def test_whose_a_browser_was_is_known_in_some_days_too(tmp_path: Path, days: dict[str, date]) -> None:
    """Alice's, then Ben's: Alice is erased, and Ben's rows stay. A browser that is told of nothing is hidden too."""
    came = as_they_happened([
        event("visitor-1", "page-1", 0, 0), event("visitor-1", "page-1", 1, 10, "identify", customer=ALICE),
        event("visitor-1", "page-2", 0, 11 * MINUTE * 60, "identify", customer=BEN),
        event("visitor-1", "page-3", 0, 12 * MINUTE * 60), event("visitor-1", "page-4", 0, 20 * DAY),
        event("visitor-2", "page-5", 0, 1), event("visitor-2", "page-5", 1, 20 * DAY),
        event("visitor-2", "page-6", 0, 40 * DAY, "identify", customer=ALICE),
    ])  # fmt: skip
    at = START + 50 * DAY
    history = seal(tmp_path, [*came, erased(ALICE, at=at), erased("visitor-1", at=at, customer=ALICE)])
    found = answer(
        history, "select path, visitor, customer from events where page > 'page-2' and page < 'page-6'", **days
    )
    assert len(found) > 1
    assert {(visitor, customer) for _, visitor, customer in found if not visitor.startswith(FORGOTTEN)} == {
        ("visitor-1", BEN)
    }
    assert {customer for _, visitor, customer in found if visitor.startswith(FORGOTTEN)} <= {None}


def test_an_anonymous_visitor_that_was_erased_is_hidden_and_still_anonymous(tmp_path: Path) -> None:
    id = "~" + "a" * 32
    history = seal(tmp_path, [*as_they_happened([event(id, "page-1", 0, 0)]), erased(id)])
    ((visitor,),) = answer(history, "select visitor from events")
    assert visitor.startswith(f"~{FORGOTTEN}")
    assert id[1:] not in visitor


FORGETTING = {
    "erased": [(START + DAY, Erase(site="shop", id="visitor-1", time=START + DAY))],
    "withdrawn": [(START + DAY, event("visitor-1", "page-two", 0, DAY, "consent", level="off"))],
    "withdrawn by who is taken for a bot": [
        (START + DAY, event("visitor-1", "page-two", 0, DAY, "consent", level="off", bot="webdriver"))
    ],
    "withdrawn, and said too late to be counted": [
        (START + 30 * DAY, event("visitor-1", "page-two", 0, DAY, "consent", level="off"))
    ],
    "erased weeks later": [(START + 40 * DAY, Erase(site="shop", id="visitor-1", time=START + 40 * DAY))],
}


@pytest.mark.parametrize("name", FORGETTING)
@pytest.mark.parametrize("last", [None, date(2027, 1, 16)])
def test_who_is_forgotten_is_counted_and_nobody(tmp_path: Path, name: str, last: date | None) -> None:
    came = as_they_happened([
        event("visitor-1", "page-one", 0, 0), event("visitor-1", "page-one", 1, 9, "identify", customer="@one"),
        event("visitor-2", "page-three", 0, 0), event("visitor-1", "page-four", 0, 50 * DAY),
    ])  # fmt: skip
    history = seal(tmp_path, sorted([*came, *FORGETTING[name]], key=lambda each: each[0]))
    asked = "select visitor, customer from sessions where day = '2027-01-15' order by visitor"
    (alias, customer), second = answer(history, asked, last=last)
    assert (alias.startswith(FORGOTTEN), customer, second) == (True, None, ("visitor-2", None))
    assert alias != answer(history, asked, last=last)[0][0]
    if last is None:
        later = one(history, "select visitor from sessions where day > '2027-03-01'")
        assert later.startswith(FORGOTTEN) == name.startswith("withdrawn")


ALICE, BEN, LATER = "@alice", "@ben", START + DAY


def people() -> list[Event]:
    """Browser 1 was Alice's and is Ben's within one visit, 2 is Alice's, 3 Ben's, 4 nobody's."""
    return [
        event("visitor-1", "page-1", 0, 0), event("visitor-1", "page-1", 1, 10, "identify", customer=ALICE),
        event("visitor-1", "page-2", 0, 20), event("visitor-1", "page-2", 1, 30, "identify", customer=BEN),
        event("visitor-1", "page-3", 0, 40), event("visitor-1", "page-4", 0, 5 * 60 * MINUTE),
        event("visitor-2", "page-5", 0, 0), event("visitor-2", "page-5", 1, 10, "identify", customer=ALICE),
        event("visitor-2", "page-6", 0, 2 * DAY),
        event("visitor-3", "page-7", 0, 0), event("visitor-3", "page-7", 1, 10, "identify", customer=BEN),
        event("visitor-4", "page-8", 0, 0),
    ]  # fmt: skip


def erased(id: str, at: int = LATER, customer: str = "") -> tuple[int, Erase]:
    return at, Erase(site="shop", id=id, time=at, customer=customer)


HIDDEN: dict[str, tuple[list[tuple[int, Record]], str]] = {
    # what is forgotten; of pages 1 to 8: v the visitor is shown, c its customer too, x neither, y its customer alone
    "nobody": ([], "cccccccv"),
    "the customer who had the browser first": ([erased(ALICE)], "xxycxvcv"),
    "the customer who has it": ([erased(BEN)], "yyxxccxv"),
    "a customer, and its visitors are told": (
        [erased(ALICE), erased("visitor-1", customer=ALICE), erased("visitor-2", customer=ALICE)], "xxycxvcv",
    ),
    "a visitor that was told, whose identify is not known": ([erased("visitor-4", customer=ALICE)], "xxycxvcx"),
    "the browser of both takes who has it along": ([erased("visitor-1")], "xxxxccxv"),
    "a visitor takes its customer along": ([erased("visitor-2")], "xxycxvcv"),
    "a withdrawal takes its customer along": (
        [(LATER, event("visitor-3", "page-9", 0, DAY, "consent", level="off"))], "yyxxccxv",
    ),
    "what a withdrawal tells others says nothing new": (
        [
            (LATER, Erase(site="shop", id=ALICE, time=LATER, withdrawn=True)),
            (LATER, Erase(site="shop", id="visitor-1", time=LATER, customer=ALICE, withdrawn=True)),
        ], "cccccccv",
    ),
    "an erasure of no time": ([erased(ALICE, at=0)], "cccccccv"),
    "an erasure after all calendars": ([(LATER, Erase(site="shop", id=ALICE, time=1 << 62))], "cccccccv"),
    "an erasure of another site": ([(LATER, Erase(site="blog", id=ALICE, time=LATER))], "cccccccv"),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_who_is_forgotten_is_hidden_and_nobody_else(tmp_path: Path, name: str) -> None:
    records, wanted = HIDDEN[name]
    came = as_they_happened(people())
    history = seal(tmp_path, sorted([*came, *records], key=lambda each: each[0]))
    rows = answer(history, "select visitor, customer from events where type = 'page_view' order by page")
    code = {(True, True): "y", (True, False): "x", (False, True): "c", (False, False): "v"}
    shown = [code[visitor.startswith(FORGOTTEN), customer is not None] for visitor, customer in rows]
    assert "".join(shown) == wanted
    numbers = "select count(*), count(distinct (visitor, session)), sum(page_views) from sessions"
    assert answer(history, numbers) == [(6, 6, 8)]


ASKED_OF_THE_FORGOTTEN = [
    "select * from history.erased",
    "select * from history.erasure",
    "select * from history.line",
    "select * from history.turn",
    "select * from history.gone",
    "select * from history.hidden",
]


@pytest.mark.parametrize("sql", ASKED_OF_THE_FORGOTTEN)
def test_no_table_names_who_was_forgotten(tmp_path: Path, sql: str) -> None:
    history = seal(tmp_path, as_they_happened(people()))
    with pytest.raises(InvalidQuery, match="does not exist"):
        answer(history, sql)


def test_nothing_that_can_be_asked_shows_an_id_of_the_forgotten(tmp_path: Path) -> None:
    """All tables and views that there are, of all schemas."""
    gone = [
        erased(ALICE),
        erased("visitor-1", customer=ALICE),
        erased("visitor-2", customer=ALICE),
        erased("visitor-4"),
    ]
    bots = [event("visitor-2", "page-b", 0, 50, "identify", customer=ALICE, bot="Googlebot")]
    came = [one for one in people() if one.visitor != "visitor-1" and one.time < LATER]
    history = seal(tmp_path, sorted([*as_they_happened([*came, *bots]), *gone], key=lambda each: each[0]))
    tables = answer(
        history, "select schema_name || '.' || table_name from duckdb_tables() where table_name <> 'answer'"
    )
    tables += answer(history, "select schema_name || '.' || view_name from duckdb_views() where not internal")
    assert ("history.event",) in tables
    inner = sorted(name for (name,) in tables if name.startswith("history."))
    shown = sorted({name for (name,) in tables} - {*inner})
    # one query a table would take minutes; one that names those shown has no others
    for some in (names[at : at + 8] for names in (inner, shown) for at in range(0, len(names), 8)):
        sql = " union all ".join(f"select '{name}', (one)::varchar from {name} as one" for name in some)
        for name, row in answer(history, sql):
            assert not [id for id in ("visitor-1", "visitor-2", "visitor-4", ALICE) if id in row], name


def test_a_visitor_is_its_customers_from_the_beginning(tmp_path: Path) -> None:
    came = [
        event("visitor-1", "page-one", 0, 0),
        event("visitor-1", "page-one", 1, 10, "identify", customer="@one"),
        event("visitor-1", "page-one", 2, 20, "add"),
        event("visitor-1", "page-one", 3, 30, "identify", customer="@two"),
        event("visitor-1", "page-one", 4, 40, "add"),
        event("visitor-2", "page-two", 0, 40),
    ]
    rows = answer(seal(tmp_path, as_they_happened(came)), "select customer from events order by visitor, n")
    assert [row[0] for row in rows] == ["@one", "@one", "@one", "@two", "@two", None]


# ---- orders ----------------------------------------------------------------------------------------

A = {"order": "A-1", "price": 154.8, "currency": "EUR"}
EUR, NONE = "EUR", Decimal(0)
ORDERS: dict[str, tuple[list[tuple[str, dict[str, Any]]], list[tuple[Any, ...]]]] = {
    "one": ([("purchase", A)], [("A-1", EUR, Decimal("154.8"), NONE)]),
    "told twice: the later word": (
        [("purchase", A), ("purchase", {**A, "price": 99})],
        [("A-1", EUR, Decimal(99), NONE)],
    ),
    "partly refunded, twice": (
        [("purchase", A), ("refund", {**A, "price": 12.45}), ("refund", {**A, "price": 2})],
        [("A-1", EUR, Decimal("154.8"), Decimal("14.45"))],
    ),
    "refunded without a price": (
        [("purchase", A), ("refund", {"order": "A-1"})],
        [("A-1", EUR, Decimal("154.8"), Decimal("154.8"))],
    ),
    "refunded more than it was": (
        [("purchase", A), ("refund", A), ("refund", A)],
        [("A-1", EUR, Decimal("154.8"), Decimal("154.8"))],
    ),
    "refunded in another currency": ([("purchase", A), ("refund", {**A, "currency": "USD"})],
        [("A-1", EUR, Decimal("154.8"), NONE)]),
    "a refund before its purchase": (
        [("refund", {**A, "price": 1}), ("purchase", A)],
        [("A-1", EUR, Decimal("154.8"), Decimal(1))],
    ),
    "a refund of nothing": ([("refund", A)], []),
    "a number as its number": ([("purchase", {**A, "order": 7})], [("7", EUR, Decimal("154.8"), NONE)]),
    "two without a number": (
        [("purchase", {"price": 1}), ("purchase", {"price": 1}), ("refund", {"price": 1})],
        [(None, None, Decimal(1), NONE)] * 2,
    ),
    "its price as value": (
        [("purchase", {"order": "B", "value": 5, "currency": "eur"})],
        [("B", EUR, Decimal(5), NONE)],
    ),
    "no price": ([("purchase", {"order": "B"})], [("B", None, None, NONE)]),
    "refunded by an amount below 0": (
        [("purchase", A), ("refund", {**A, "price": -30})],
        [("A-1", EUR, Decimal("154.8"), Decimal(30))],
    ),
    "refunded by a text": (
        [("purchase", {**A, "price": "1.299,00"}), ("refund", {**A, "price": "\u2212 30,00 \u20ac"})],
        [("A-1", EUR, Decimal(1299), Decimal(30))],
    ),
    "refunded by what nobody can read": (
        [("purchase", A), *(("refund", {**A, "price": price}) for price in ("much", None, True, "", [1], 1e300))],
        [("A-1", EUR, Decimal("154.8"), NONE)],
    ),
    "absurd amounts": (
        [("purchase", {**A, "price": 99999999999999}), *(("refund", {**A, "price": -99999999999999}) for _ in range(3)),
         ("purchase", {"order": "B", "price": 1e300}), ("purchase", {"order": "C", "price": "9e99", "currency": "EUR"}),
         ("purchase", {"order": "D", "price": -1e12}), ("refund", {"order": "D", "price": 1e12})],
        [("A-1", EUR, None, NONE), ("B", None, None, NONE), ("C", EUR, None, NONE), 
            ("D", None, Decimal(-(10**12)), NONE)],
    ),
    "names with spaces about them": (
        [("purchase", {**A, "order": "A-1 ", "currency": " eur"}), ("refund", {**A, "price": 1})],
        [("A-1", EUR, Decimal("154.8"), Decimal(1))],
    ),
    "amounts that a page had not": (
        [("purchase", {**A, "price": "", "value": 100}), ("refund", {**A, "price": "undefined", "value": "30 euros"})],
        [("A-1", EUR, Decimal(100), Decimal(30))],
    ),
    "names that are none": (
        [("purchase", {"order": order, "price": 1, "currency": order})
         for order in ("undefined", "null", "NaN", "{{order}}", "[object Object]", " ")]
        + [("refund", {"order": "undefined"})],
        [(None, None, Decimal(1), NONE)] * 6,
    ),
    "nonsense": (
        [("purchase", {"order": ["x"], "price": "much", "currency": 4, "items": "none"})],
        [('["x"]', "4", None, NONE)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_orders(tmp_path: Path, name: str) -> None:
    told, wanted = ORDERS[name]
    came = [
        event("visitor-1", f"page-{n}", 0, n * SECOND, type, "/order", props=props)
        for n, (type, props) in enumerate(told)
    ]
    history = seal(tmp_path, as_they_happened(came))
    assert answer(history, "select order_id, currency, value, refunded from orders order by order_id") == wanted
    total = one(history, "select sum(revenue) from orders")
    known = [value - refunded for _, _, value, refunded in wanted if value is not None]
    assert total == (sum(known) if known else None)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        pytest.param(("web_vitals", "not_found", "js_error"), (0, True), id="what the page says of itself"),
        pytest.param(("web_vitals", "download"), (1, False), id="a click"),
        pytest.param(("quiz",), (1, False), id="of the site's own"),
    ],
)
def test_a_visit_with_nothing_done_is_a_bounce(tmp_path: Path, types: tuple[str, ...], told: tuple[int, bool]) -> None:
    came = [event("visitor-1", "page-one", n, n, type) for n, type in enumerate(("page_view", *types))]
    history = seal(tmp_path, as_they_happened(came))
    assert answer(history, "select events, bounce from sessions") == [told]


def test_refunds_that_nobody_can_read_are_told(tmp_path: Path) -> None:
    told = [
        ("purchase", A),
        ("refund", {**A, "price": "much"}),
        ("refund", {**A, "price": 1}),
        ("refund", {"order": "A-1", "value": None}),
    ]
    came = [event("visitor-1", f"page-{n}", 0, n, type, props=props) for n, (type, props) in enumerate(told)]
    history = seal(tmp_path, as_they_happened(came))
    assert answer(history, "select refunded, unread_refunds from orders") == [(Decimal(1), 2)]


ODD = [
    None,
    True,
    "",
    "x",
    "NaN",
    "inf",
    "1e999",
    1e300,
    -1e300,
    10**30,
    -(10**30),
    [],
    [1],
    {},
    {"a": 1},
    "1,5",
    "\u0000",
]


def test_no_value_of_any_field_breaks_a_question_about_orders(tmp_path: Path) -> None:
    fields = ("order", "price", "value", "currency", "items")
    props = [{**A, "value": 1, field: odd} for field in fields for odd in ODD]
    props += [{**A, "items": [{field: odd}]} for field in ("price", "quantity", "product", "category") for odd in ODD]
    came = [
        event("visitor-1", f"page-{n:04}-{type}", 0, n, type, props=each)
        for n, each in enumerate(props)
        for type in ("purchase", "refund")
    ]
    history = seal(tmp_path, as_they_happened(came))
    assert answer(history, "select * from orders")
    totals = "sum(value), sum(refunded), sum(revenue), avg(revenue), sum(unread_refunds) from orders"
    assert one(history, f"select ({totals.removesuffix(' from orders')}) is not null from orders") is True
    sold = "sum(item.price * item.quantity), sum(item.quantity)::int from (select unnest(items) as item from orders)"
    assert answer(history, f"select {sold}")


def test_an_order_has_the_source_of_its_visit_and_its_items(tmp_path: Path) -> None:
    items = [{"product": "boot", "price": 12.45, "quantity": 2, "colour": "red"}, {"product": 7}]
    came = [
        event("visitor-1", "page-one", 0, 0, query={"utm_source": "Mail ", "utm_campaign": "may"}),
        event("visitor-1", "page-two", 0, 20 * MINUTE, "purchase", props={**A, "items": items}),
        event("visitor-2", "page-three", 0, 5, "purchase", props={"order": "B"}),
        event("visitor-3", "page-four", 0, 5, "purchase", props={"order": "C"}, bot="Googlebot"),
    ]
    history = seal(tmp_path, as_they_happened(came))
    assert answer(history, "select order_id, source, campaign from orders order by order_id") == [
        ("A-1", "mail", "may"),
        ("B", None, None),
    ]
    assert answer(history, "select unnest(items, recursive := true) from orders") == [
        ("boot", None, Decimal("12.45"), 2.0),
        ("7", None, None, None),
    ]


# ---- a question reaches nothing else ---------------------------------------------------------------

FORBIDDEN = (
    "select * from read_csv('{secret}')",
    "from '{secret}'",
    "from read_text('{secret}')",
    "from read_blob('{secret}')",
    "from read_json('{history}/*/*/*.gz')",
    "from glob('{folder}/*')",
    "from sniff_csv('{secret}')",
    "copy events to '{folder}/made'; select 1",
    "copy (select 1) to '{folder}/made' (format parquet); select 1",
    "create table x as select 1; copy x from '{secret}'; select 1",
    "export database '{folder}/made'; select 1",
    "import database '{folder}'; select 1",
    "attach '{folder}/made.db' as other; select 1",
    "set enable_external_access = true; from read_text('{secret}')",
    "set lock_configuration = false; select 1",
    "set allowed_paths = ['{secret}']; from read_text('{secret}')",
    "reset lock_configuration; select 1",
    "set temp_directory = '{folder}/made'; select 1",
    "pragma profile_output = '{folder}/made'; select 1",
    "call enable_logging(storage = 'file', storage_path = '{folder}/made'); select 1",
    "install httpfs; select 1",
    "load httpfs; select 1",
    "load '{secret}'; select 1",
    "from read_csv('http://127.0.0.1:1/x')",
    "from query('from read_text(''{secret}'')')",
    "explain analyze copy (select 1) to '{folder}/made'",
    "select * from answer_of_python",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> History:
    """One page view."""
    return seal(tmp_path_factory.mktemp("small"), as_they_happened([event("visitor-1", "page-one", 0, 0)]))


@pytest.mark.parametrize("sql", FORBIDDEN)
@pytest.mark.parametrize("rehearsed", [True, False])
def test_a_question_reaches_no_file_and_no_network(
    small: History, tmp_path: Path, sql: str, rehearsed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the rehearsal, nor in the database that holds the history."""
    answer_of_python = [1]  # noqa: F841
    history = small
    (tmp_path / "folder").mkdir()
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    if not rehearsed:
        monkeypatch.setattr("reports.asking._rehearse", lambda question, folder: None)
    asked = sql.format(secret=secret, folder=tmp_path / "folder", history=history.url)
    asked += " -- events"  # names one view, or else all are made, which is most of the time
    with pytest.raises(InvalidQuery) as caught:
        answer(history, asked)
    assert "hunter2" not in str(caught.value)
    assert not list((tmp_path / "folder").iterdir())


def test_a_slip_is_told_before_anything_is_read(tmp_path: Path) -> None:
    class Unread(Folder):
        def names(self) -> Any:
            raise AssertionError("it was read")

    with pytest.raises(InvalidQuery, match="syntax error"):
        answer(History(str(tmp_path), Unread(tmp_path)), "selec 1")


def test_no_history_yet(tmp_path: Path) -> None:
    with pytest.raises(NoHistory):
        answer(History(str(tmp_path / "none")), "from events")


# ---- the command -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A history of 50 page views."""
    found = tmp_path / "archive"
    seal(found, as_they_happened(event("visitor-1", f"page-{n:02}", 0, n * 1_001, path=f"/{n}") for n in range(50)))
    return found


def run(folder: Path | str, *arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(
        main, ["query", *arguments, "--archive", str(folder)], input=input, catch_exceptions=False
    )


def test_a_table_is_cut_and_says_so(folder: Path) -> None:
    shown = run(folder, "select path from events order by time").stdout.splitlines()
    assert (shown[0], len(shown), shown[-1]) == (
        "path", 42, "the first 40 of 50 rows; --rows N shows more, --csv all of them",
    )  # fmt: skip
    assert [line.strip() for line in shown[1:-1]] == [f"/{n}" for n in range(40)]
    assert run(folder, "select 1 where false").stdout.splitlines() == ["1", "no rows"]
    assert len(run(folder, "from events", "--rows", "50").stdout.splitlines()) == 51


def test_what_pages_send_does_not_steer_the_terminal(tmp_path: Path) -> None:
    seal(tmp_path, as_they_happened([event("visitor-1", "page-one", 0, 0, title="\x1b[2J[red]x\nsecond")]))
    assert "\ufffd[2J[red]x\ufffdsecond" in run(tmp_path, "select title from events").stdout


@pytest.mark.parametrize(("width", "lines"), [(80, 3), (34, 10)])
def test_a_table_that_is_too_wide_shows_column_below_column(folder: Path, width: int, lines: int) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=width, color_system=None)
    question = Query("select path, host, time, session from events order by time limit 2")
    with ask(History(str(folder)), question, zones={}) as found:
        show(found, most=40, console=console)
    shown = console.file.getvalue()
    assert len(shown.splitlines()) == lines
    assert shown.count("2027-01-15 08:00:0") == 4
    assert "…" not in shown


def test_csv(folder: Path) -> None:
    found = run(folder, "select path, time, [1, 2] as list, null as none from events order by time limit 2", "--csv")
    assert found.stdout.splitlines() == [
        "path,time,list,none",
        '/0,2027-01-15 08:00:00,"[1,2]",',
        '/1,2027-01-15 08:00:01.001,"[1,2]",',
    ]


def test_no_cell_of_csv_is_a_formula_or_steers_a_terminal(folder: Path) -> None:
    """Values and the names of pivoted columns are what visitors wrote."""
    sql = (
        """select '=1+1' as "+1+1", -1 as n, '@0a1b' as customer, ['=1', chr(155)] as list, chr(27) || '[2J' as text"""
    )
    found = run(folder, sql, "--csv")
    assert found.stdout.splitlines() == [
        "'+1+1,n,customer,list,text",
        '\'=1+1,-1,@0a1b,"[""=1"",""\ufffd""]",\ufffd[2J',
    ]


def test_json(folder: Path) -> None:
    sql = """select n, 1.50::decimal(9, 2) as price, query, '{"a": [1]}'::json as props, now() as at_all, day,
    true as yes from events order by time limit 2"""
    first, _ = map(json.loads, run(folder, "-", "--json", input=sql).stdout.splitlines())
    assert first.pop("at_all").startswith("20")
    assert first == {"n": 0, "price": 1.5, "query": {}, "props": {"a": [1]}, "day": "2027-01-15", "yes": True}


def test_parquet(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "it's an answer.parquet"
    file.write_text("of before")
    found = run(folder, "from events", "--parquet", str(file))
    assert (found.stdout, found.stderr) == ("", f"50 rows are in {file}\n")
    rows = duckdb.execute("select count(*), min(path), any_value(query) from read_parquet(?)", [str(file)]).fetchall()
    assert rows == [(50, "/0", {})]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", file.name]


def test_a_file_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".made.parquet.part").mkdir()
    found = run(folder, "from events", "--parquet", str(tmp_path / "made.parquet"))
    assert (found.exit_code, ".made.parquet.part" in found.stderr) == (1, True)
    assert "Traceback" not in found.stderr


def test_an_answer_keeps_its_order(tmp_path: Path) -> None:
    """Also where it is larger than what one thread writes at a time."""
    seal(tmp_path, as_they_happened([event("visitor-1", "page-one", 0, 0)]))
    found = run(tmp_path, "select i from events, range(300000) as numbers(i) order by hash(i) desc, i", "--csv")
    rows = [int(line) for line in found.stdout.splitlines()[1:]]
    wanted = duckdb.execute("select i from range(300000) as numbers(i) order by hash(i) desc, i").fetchall()
    assert rows == [row[0] for row in wanted]


MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "syntax": (["selec 1"], 2, "syntax error"),
    "unknown column": (["select nope from sessions"], 2, "sessions has site, visitor, session, started"),
    "unknown table": (["from page_views"], 2, "There are events, sessions, orders, order_items,"),
    "another file": (["from read_text('/etc/hostname')"], 2, "can only read the history"),
    "nothing": (["  "], 2, "the query is empty"),
    "no answer": (["create table x as select 1"], 2, "must return rows"),
    "fails on the way": (["select path::int from events"], 2, "Conversion Error"),
    "days the wrong way round": (["from events", "--from", "2027-01-02", "--to", "2027-01-01"], 2, "is after --to"),
    "no day": (["from events", "--from", "yesterday"], 2, "%Y-%m-%d"),
    "two formats": (["from events", "--csv", "--json"], 2, "one of --csv, --json and --parquet"),
    "no such folder": (["from events", "--parquet", "/nowhere/x.parquet"], 2, "there is no folder /nowhere"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_words(folder: Path, name: str) -> None:
    arguments, code, words = MISTAKES[name]
    found = run(folder, *arguments)
    assert (found.exit_code, words in found.stderr, found.stdout) == (code, True, ""), found.output
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(("table", "meant"), [("history.erased", ""), ("history.nonesuch", ""), ("evnts", "events")])
def test_only_what_may_be_asked_is_proposed(folder: Path, table: str, meant: str) -> None:
    said = run(folder, f"from {table}").stderr
    assert re.findall(r'Did you mean "(.*)"', said) == ([meant] if meant else [])
    assert "There are events, sessions, orders, order_items," in said


def test_no_history_says_when_there_will_be_one(tmp_path: Path) -> None:
    found = run(tmp_path / "none", "from events")
    assert (found.exit_code, "in it after 20 s at most (archive_seal_s" in found.stderr) == (1, True)
    assert "archive is off" in run("off", "from events").stderr


def test_an_own_site_without_a_history_yet_is_answered_at_once(configured: Any) -> None:
    configured('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n')
    found = CliRunner().invoke(
        main, ["query", "select count(*) as orders, sum(revenue) as revenue from orders", "--csv"]
    )
    assert (found.exit_code, found.stdout) == (0, "orders,revenue\n0,\n"), found.output
    assert "there is no history in" in found.stderr
    assert "in it after 600 s at most (archive_seal_s in wakeline.toml), and this is the answer" in found.stderr
    for view in ("events", "sessions", "contacts", "products", "sends", "answers"):
        assert CliRunner().invoke(main, ["query", f"from {view}"]).exit_code == 0
    assert CliRunner().invoke(main, ["query", "from nothing"]).exit_code == 2


@pytest.mark.parametrize("words", [["query", "from events"], ["campaigns", "list"], ["campaigns", "show", "spring"]])
def test_without_duckdb_it_says_what_to_install(tmp_path: Path, words: list[str]) -> None:
    """In a process of its own: this one has read what needs DuckDB."""
    (config := tmp_path / "wakeline.toml").write_text('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n')
    code = "import sys; sys.modules['duckdb'] = None; from ops.cli import main; main()"
    command = [sys.executable, "-c", code, *words, "--config", str(config)]
    found = subprocess.run(command, capture_output=True, text=True)
    said = 'wakeline: DuckDB answers such questions: `pip install -e ".[query]"` in your clone of Wakeline'
    assert (found.returncode, found.stderr.strip()) == (1, said)
