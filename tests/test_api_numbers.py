"""The business numbers, read from a real server filled according to the keys' contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis

from api.exposition import families
from api.ledger import SETTLED
from api.numbers import NumbersReader, SiteNumbers
from wakeline import keys
from wakeline.keys import OTHER
from wakeline.lanes import NoDeployment
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.numbers import ALL_PAGES, COUNTS, LCP, LIVE_TOPS, TOPS, TOTALS, VISITS
from wakeline.settings import PageGroupRule, Site

LANES = 4
NAMES = [top.name for top in TOPS]
LIVE = [top.name for top in LIVE_TOPS]
NOW = int(datetime(2026, 3, 14, 20, 2, 30, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
SITES = {
    "shop": Site(key="shop"),
    "blog": Site(
        key="blog",
        time_zone=ZoneInfo("Asia/Tokyo"),  # where it is the 15th already
        page_groups=tuple(PageGroupRule(path=path, group="products") for path in ("/shoes/*", "/bags/*")),
    ),
}
EMPTY_BLOG = SiteNumbers(groups=("products", OTHER))
KEYS = keys.Keys()


@pytest.fixture
def client(redis_server: Any) -> Any:
    with redis.Redis(port=redis_server.port) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1})
        yield client


@pytest.fixture
async def reader(redis_server: Any) -> AsyncIterator[NumbersReader]:
    async def open_log(lanes: int) -> RedisStreamsLog:
        return RedisStreamsLog(redis_server.url, lanes)

    reader = NumbersReader(redis_server.url, SITES, open_log)
    yield reader
    await reader.close()


@pytest.fixture
async def log(redis_server: Any) -> AsyncIterator[RedisStreamsLog]:
    log = RedisStreamsLog(redis_server.url, LANES)
    yield log
    await log.close()


def top(client: redis.Redis, what: str, bucket: str, counts: dict[str, float], *, lane: int = 0) -> None:
    client.zadd(KEYS.top(lane, "shop", what, bucket), counts)


async def test_a_deployment_without_visitors_reads_as_zeros(client: redis.Redis, reader: NumbersReader) -> None:
    numbers = await reader.read(now=NOW)
    assert [replace(each, today="") for each in numbers.sites.values()] == [SiteNumbers(), EMPTY_BLOG]
    assert set(numbers.ledger.records.values()) == {0}
    assert (numbers.ledger.difference, numbers.open_sessions, numbers.lag_seconds) == (0, 0, 0)


async def test_a_redis_that_wakeline_never_used_is_not_zeros(client: redis.Redis, reader: NumbersReader) -> None:
    client.flushall()
    with pytest.raises(NoDeployment):
        await reader.read(now=NOW)


async def test_a_log_that_is_ahead_is_said_and_one_that_waits_is_not(
    client: redis.Redis, reader: NumbersReader
) -> None:
    seconds, _ = client.time()
    client.hset(KEYS.lane(0), "clock", (seconds - 900) * 1000)
    assert (await reader.read()).clocks_ahead["log"] == 0
    client.hset(KEYS.lane(1), "clock", (seconds + 7_200) * 1000)
    found = (await reader.read()).clocks_ahead
    assert found["log"] == pytest.approx(7_200, abs=60)
    assert abs(found["redis"]) < 5


async def test_the_time_is_that_of_the_server(client: redis.Redis, reader: NumbersReader) -> None:
    seconds, _ = client.time()
    client.zadd(KEYS.present(0, "shop"), {"goes in a minute": (seconds + 60) * 1000, "has gone": (seconds - 1) * 1000})
    assert (await reader.read()).sites["shop"].live["now"] == 1


@pytest.mark.parametrize(
    ("bucket", "window", "counts"),
    [
        pytest.param(keys.minute(NOW), "5m", True, id="this minute"),
        pytest.param(keys.minute(NOW - 4 * MINUTE), "5m", True, id="the fifth minute"),
        pytest.param(keys.minute(NOW - 5 * MINUTE), "5m", False, id="the sixth minute"),
        pytest.param(keys.minute(NOW + MINUTE), "5m", False, id="a minute to come"),
        pytest.param(keys.five_minutes(NOW), "30m", True, id="these five minutes"),
        pytest.param(keys.five_minutes(NOW - 25 * MINUTE), "30m", True, id="the sixth five minutes"),
        pytest.param(keys.five_minutes(NOW - 30 * MINUTE), "30m", False, id="the seventh five minutes"),
        pytest.param(keys.date("2026-03-14"), "today", True, id="today"),
        pytest.param(keys.date("2026-03-13"), "today", False, id="yesterday"),
        pytest.param(keys.date("2026-03-15"), "today", False, id="already tomorrow in another site's time zone"),
    ],
)
async def test_a_window_is_made_of_its_buckets(
    client: redis.Redis, reader: NumbersReader, bucket: str, window: str, counts: bool
) -> None:
    for what in LIVE:
        top(client, what, bucket, {"value": 3})
    numbers = await reader.read(now=NOW)
    for what in LIVE:
        for each in ("5m", "30m", "today"):
            expected = {b"value": 3} if counts and each == window else {}
            assert numbers.sites["shop"].tops[what, each] == expected, (what, each)
    assert replace(numbers.sites["blog"], today="") == EMPTY_BLOG


async def test_top_lists_add_up_over_lanes_and_buckets(client: redis.Redis, reader: NumbersReader) -> None:
    for lane in range(LANES):
        for minute in range(5):
            top(client, "pages", keys.minute(NOW - minute * MINUTE), {"/": 10, f"/{lane}": 1, "(other)": 2}, lane=lane)
    found = (await reader.read(now=NOW)).sites["shop"].tops["pages", "5m"]
    assert found == {b"/": 200, b"(other)": 40} | {f"/{lane}".encode(): 5 for lane in range(LANES)}


async def test_every_top_list_of_the_day_is_read(client: redis.Redis, reader: NumbersReader) -> None:
    for i, what in enumerate(NAMES):
        top(client, what, keys.date("2026-03-14"), {what: i + 1}, lane=i % LANES)
    tops = (await reader.read(now=NOW)).sites["shop"].tops
    assert {what: tops[what, "today"] for what in NAMES} == {
        what: {what.encode(): i + 1} for i, what in enumerate(NAMES)
    }


def of_today(visits: int) -> dict[str, int]:
    """What has no total."""
    return {number.name: visits if number is VISITS else 0 for number in COUNTS if not number.has_total}


async def test_counters_add_up_over_lanes_and_days_are_the_sites_own(
    client: redis.Redis, reader: NumbersReader
) -> None:
    for lane in range(LANES):
        for i, name in enumerate(sorted(TOTALS)):
            client.hset(KEYS.totals(lane, "shop"), name, 100 * i + lane)
            client.hset(KEYS.day(lane, "shop", "2026-03-14"), name, 10 * i + lane)
            client.hset(KEYS.day(lane, "blog", "2026-03-14"), name, 7)  # yesterday in Tokyo
        client.hset(KEYS.day(lane, "shop", "2026-03-14"), "visits", 5)
        client.hset(KEYS.day(lane, "blog", "2026-03-15"), "visits", 1)
    sites = (await reader.read(now=NOW)).sites
    counts = {name: count for name, count in sites["shop"].totals.items() if name in TOTALS}
    assert counts == {name: 400 * i + 6 for i, name in enumerate(sorted(TOTALS))}
    none = {count.name: 0 for count in COUNTS}
    assert sites["shop"].day == none | {name: 40 * i + 6 for i, name in enumerate(sorted(TOTALS))} | {"visits": 20}
    assert sites["blog"].day == none | {"visits": 4}


async def test_histograms_add_up_over_lanes_by_the_groups_that_the_site_has(
    client: redis.Redis, reader: NumbersReader
) -> None:
    for lane in range(LANES):
        for group in (ALL_PAGES, "products", OTHER, "former"):
            for site in SITES:
                client.hset(KEYS.totals(lane, site), LCP.field(1, group), lane)
                client.hset(KEYS.totals(lane, site), LCP.field("sum", group), 2_000 * lane)
    sites = (await reader.read(now=NOW)).sites
    assert sites["shop"].groups == (ALL_PAGES,)
    assert sites["blog"].groups == ("products", OTHER)
    for site, groups in (("shop", {ALL_PAGES}), ("blog", {"products", OTHER})):
        found = {field: count for field, count in sites[site].totals.items() if count}
        assert found == {LCP.field(1, one): 6 for one in groups} | {LCP.field("sum", one): 12_000 for one in groups}
        assert {field.split(":", 2)[2] for field in sites[site].totals if ":" in field} == groups


async def test_live_visitors_are_those_present_and_those_seen(client: redis.Redis, reader: NumbersReader) -> None:
    client.zadd(KEYS.present(1, "shop"), {"here": NOW + 1, "gone this very moment": NOW, "long gone": NOW - 50_000})
    client.zadd(KEYS.present(2, "shop"), {"here too": NOW + 60_000})
    seen = {
        "now": 0,
        "just within 5": 5 * MINUTE - 1,
        "at 5": 5 * MINUTE,
        "just within 30": 30 * MINUTE - 1,
        "at 30": 30 * MINUTE,
    }
    client.zadd(KEYS.seen(3, "shop"), {visitor: NOW - age for visitor, age in seen.items()})
    assert (await reader.read(now=NOW)).sites["shop"].live == {"now": 2, "5m": 2, "30m": 4}


async def test_open_pages_are_those_that_did_not_end(client: redis.Redis, reader: NumbersReader) -> None:
    client.zadd(KEYS.open_pages(1, "shop"), {"/\na": NOW + 1, "/\ngone": NOW, "/shoes\nb": NOW + 9_000})
    client.zadd(KEYS.open_pages(2, "shop"), {"/\nc": NOW + 60_000})
    client.zadd(KEYS.open_pages(2, "blog"), {f"/{number}\np": NOW + 1 for number in range(30)})
    numbers = await reader.read(now=NOW)
    assert numbers.sites["shop"].open_pages == {b"/": 2, b"/shoes": 1}
    shown = next(family for family in families(numbers, 20) if family.name == "wakeline_live_pages")
    blog = {sample.labels["page"]: sample.value for sample in shown.samples if sample.labels["site"] == "blog"}
    assert (len(blog), blog[keys.OTHER]) == (11, 20)


async def test_what_is_pending_adds_up_and_the_oldest_of_all_lanes_is_known(
    client: redis.Redis, reader: NumbersReader
) -> None:
    client.zadd(KEYS.pending(0, "shop", "contacts_open"), {"a": NOW - 9_000, "b": NOW - 20_000})
    client.zadd(KEYS.pending(3, "shop", "contacts_open"), {"c": NOW - 30_000})
    client.zadd(KEYS.pending(1, "blog", "contacts_unanswered"), {"d": NOW + 5_000})
    numbers = await reader.read(now=NOW)
    shop, blog = numbers.sites["shop"], numbers.sites["blog"]
    assert (shop.pending, shop.oldest) == (
        {"contacts_open": 3, "contacts_unanswered": 0},
        {"contacts_open": NOW - 30_000},
    )
    assert blog.pending == {"contacts_open": 0, "contacts_unanswered": 1}
    shown = {
        (family.name, sample.labels["site"]): sample.value
        for family in families(numbers, 3)
        if "_oldest_" in family.name
        for sample in family.samples
    }
    assert shown == {
        ("wakeline_contacts_open_oldest_seconds", "shop"): 30,
        ("wakeline_contacts_open_oldest_seconds", "blog"): 0,
        ("wakeline_contacts_unanswered_oldest_seconds", "shop"): 0,
        ("wakeline_contacts_unanswered_oldest_seconds", "blog"): 0,  # of a clock that is ahead
    }


async def test_open_sessions_are_those_that_have_begun_and_not_ended(
    client: redis.Redis, reader: NumbersReader
) -> None:
    """Whoever else waits for a deadline; of all days from which events are still taken, by each site's clock."""
    client.zadd(KEYS.due(0), {"shop/a": NOW + 1, "blog/b": NOW + 300 * MINUTE})
    client.hset(KEYS.day(0, "shop", "2026-03-14"), mapping={"visits": 7, "sessions": 5})
    client.hset(KEYS.day(3, "shop", "2026-03-14"), mapping={"sessions": 1})
    client.hset(KEYS.day(1, "shop", "2026-03-05"), mapping={"visits": 30, "sessions": 10})
    client.hset(KEYS.day(1, "shop", "2026-03-04"), mapping={"visits": 400})
    client.hset(KEYS.day(2, "blog", "2026-03-15"), mapping={"visits": 200})
    assert (await reader.read(now=NOW)).open_sessions == 1 + 20 + 200


async def test_no_fewer_than_none_are_open(client: redis.Redis, reader: NumbersReader) -> None:
    client.hset(KEYS.day(0, "shop", "2026-03-14"), mapping={"sessions": 5})
    assert (await reader.read(now=NOW)).open_sessions == 0


async def test_the_ledger_covers_the_log_to_its_end(
    client: redis.Redis, reader: NumbersReader, log: RedisStreamsLog
) -> None:
    await log.append([(lane, b"{}") for lane in (0, 0, 0, 0, 0, 0, 0, 2)])
    ledger = dict.fromkeys(SETTLED, 0) | {"applied": 2, "duplicate": 1, "too_late": 1, "erased": 1, "dead": 1}
    client.hset(KEYS.lane(0), mapping={"offset": 6, **ledger})
    appended = await log.append_time(2, 0)
    assert appended
    numbers = await reader.read(now=appended + 4_500)
    assert {state: numbers.ledger.records[state] for state in SETTLED} == ledger
    assert numbers.ledger.records["pending"] == 2
    assert numbers.ledger.difference == 0
    assert numbers.lag_seconds == pytest.approx(4.5)


async def test_a_log_that_is_shorter_than_the_place_is_a_difference(
    client: redis.Redis, reader: NumbersReader, log: RedisStreamsLog
) -> None:
    await log.append([(0, b"{}")])
    client.hset(KEYS.lane(0), mapping={"offset": 9, "applied": 9})
    assert (await reader.read(now=NOW)).ledger.difference == 8


async def test_numbers_are_those_of_the_live_version(client: redis.Redis, reader: NumbersReader) -> None:
    """From the next scrape after a switch on."""
    for version, views in ((1, 3), (2, 5)):
        client.hset(keys.Keys(version).totals(1, "shop"), "page_views", views)
    assert (await reader.read(now=NOW)).sites["shop"].totals["page_views"] == 3
    client.hset(keys.DEPLOYMENT, "version", 2)
    assert (await reader.read(now=NOW)).sites["shop"].totals["page_views"] == 5


async def test_no_profile_is_read(client: redis.Redis, redis_server: Any) -> None:
    """A user who may see the site's numbers, and no key of a person, reads all of them."""
    seen = ("deployment", "campaign_figures", "{log}:lane:*", "{log}:id", "{log}:time", "logs")
    numbers = ("lane", "*:totals", "*:day:*", "*:present", "*:open", "*:seen", "*:top:*", "*:pending:*")
    patterns = [f"~wl:{each}" for each in seen] + [f"~wl1:{{*}}:{each}" for each in numbers]
    client.acl_setuser("scraper", enabled=True, passwords=["+word"], commands=["+@all"], keys=[])
    client.execute_command("ACL", "SETUSER", "scraper", *patterns)
    client.hset(KEYS.profile(0, "shop", "v" * 22), "page_views", 3)
    top(client, "pages", keys.minute(NOW), {"/": 3})
    url = f"redis://scraper:word@127.0.0.1:{redis_server.port}/0"

    async def open_log(lanes: int) -> RedisStreamsLog:
        return RedisStreamsLog(url, lanes)

    reader = NumbersReader(url, SITES, open_log)
    assert (await reader.read(now=NOW)).sites["shop"].tops["pages", "5m"] == {b"/": 3}
    await reader.close()
    with redis.Redis.from_url(url) as scraper, pytest.raises(redis.exceptions.NoPermissionError):
        scraper.hgetall(KEYS.profile(0, "shop", "v" * 22))
    client.acl_deluser("scraper")


async def test_lists_show_so_many_values_and_keep_their_sum(client: redis.Redis, redis_server: Any) -> None:
    """Whatever there is besides: memory holds no more."""

    async def open_log(lanes: int) -> RedisStreamsLog:
        return RedisStreamsLog(redis_server.url, lanes)

    for lane in range(LANES):
        top(client, "pages", keys.date("2026-03-14"), {f"/{lane}/{number}": number for number in range(300)}, lane=lane)
    reader = NumbersReader(redis_server.url, SITES, open_log, values=5)
    shown = (await reader.read(now=NOW)).sites["shop"].tops["pages", "today"]
    assert len(shown) == 6
    assert sum(shown.values()) == LANES * sum(range(300))
    await reader.close()
