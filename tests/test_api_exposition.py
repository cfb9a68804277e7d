"""GET /metrics: its content, and its answer while Redis is down."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError

from api import latest, metrics
from api.exposition import MAX_LABEL, Exposition, _Families, families, label_value, top_values
from api.lists import LISTS
from api.numbers import Numbers, SiteNumbers
from wakeline import keys
from wakeline.numbers import ALL_PAGES, COUNTS, HISTOGRAMS, LCP, TOPS, TOTALS

OTHER = keys.OTHER
LABELS = ("site", "page_group", "le")


# ---- what it shows -------------------------------------------------------------------------------


def test_the_metrics_are_those_that_the_keys_hold() -> None:
    assert set(metrics.TOTALS) == TOTALS
    assert set(metrics.DAY) == {count.name for count in COUNTS}
    assert set(metrics.TOPS) == {top.name for top in TOPS}


def test_names_are_unique_in_base_units_and_explained() -> None:
    names = [family.name for family in metrics.FAMILIES]
    assert max(Counter(names).values()) == 1
    for family in metrics.FAMILIES:
        assert family.name.startswith("wakeline_")
        assert family.help
        assert not family.name.endswith(("_ms", "_milliseconds"))
        assert set(family.labels) <= {
            "site",
            "window",
            "state",
            "currency",
            "product",
            "category",
            "coupon",
            "source_class",
            "page",
            "source",
            "interest",
            "campaign",
            "event",
            "bot",
            "clock",
            "search_term",
            "page_group",
            "country",
            "kind",
            "element",
            "field",
            "channel",
            "topic",
            "purpose",
            "step",
            "reason",
        }


def shown(numbers: Numbers, *, top: int = 3) -> dict[tuple[str, tuple[str, ...]], float]:
    """(sample name, label values) -> value."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families(numbers, top)
        for sample in family.samples
    }


UNITS = {"engaged_ms": 0.001, "contact_answer_ms": 0.001, "scrolled": 0.01}


def test_every_number_is_shown_under_its_own_name() -> None:
    site = SiteNumbers(
        live={"now": 1, "5m": 2, "30m": 3},
        totals={name: 100 + i for i, name in enumerate(sorted(TOTALS))},
        day={name: 200 + i for i, name in enumerate(sorted(metrics.DAY))},
        pending={"contacts_open": 5, "contacts_unanswered": 4},
        oldest={"contacts_open": 7_000},
        tops={each: {f"{each[0]} {each[1]}".encode(): 1000.0 + i} for i, each in enumerate(LISTS)},
    )
    numbers = Numbers(
        {"shop": site},
        open_sessions=7,
        lag_seconds=1.5,
        read_seconds=0.01,
        now=10_000,
        clocks_ahead={"redis": -2.5, "log": 7.0},
    )
    numbers.ledger.add({b"offset": b"3", b"applied": b"1", b"dead": b"1"}, end=5)
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        ("wakeline_live_visitors", ("shop", "now")): 1,
        ("wakeline_live_visitors", ("shop", "5m")): 2,
        ("wakeline_live_visitors", ("shop", "30m")): 3,
        ("wakeline_contacts_open", ("shop",)): 5,
        ("wakeline_contacts_open_oldest_seconds", ("shop",)): 3,
        ("wakeline_contacts_unanswered", ("shop",)): 4,
        ("wakeline_contacts_unanswered_oldest_seconds", ("shop",)): 0,
        ("wakeline_currencies_left_out", ("shop",)): 0,
        ("wakeline_open_sessions", ()): 7,
        ("wakeline_lag_seconds", ()): 1.5,
        ("wakeline_clock_ahead_seconds", ("redis",)): -2.5,
        ("wakeline_clock_ahead_seconds", ("log",)): 7.0,
        ("wakeline_numbers_read_seconds", ()): 0.01,
        ("wakeline_ledger_difference", ()): 1,
        ("wakeline_dead_letters_total", ()): 1,
    }
    for name in TOTALS:
        expected[metrics.TOTALS[name].name, ("shop",)] = site.totals[name] * UNITS.get(name, 1)
    for name, count in site.day.items():
        expected[metrics.DAY[name].name, ("shop",)] = count * UNITS.get(name, 1)
    for each in HISTOGRAMS:
        labels = ("shop", ALL_PAGES)
        ends = (*map(each.le, each.bounds), "+Inf")
        expected |= {(f"wakeline_{each.metric}_bucket", (*labels, end)): 0 for end in ends}
        expected |= {(f"wakeline_{each.metric}_{name}", labels): 0 for name in ("sum", "count")}
    for (what, window), counts in site.tops.items():
        ((value, count),) = counts.items()
        unit = UNITS.get(what, 1)
        expected[metrics.TOPS[what].name, ("shop", window, value.decode())] = count * unit
    for state, count in numbers.ledger.records.items():
        expected["wakeline_ledger_records", (state,)] = count
    assert shown(numbers) == pytest.approx(expected)


def test_amounts_are_shown_in_units_of_each_known_currency() -> None:
    """What is taken back too, so that it can be subtracted; a field of no currency is not shown."""
    site = SiteNumbers()
    site.totals |= {
        "revenue:EUR": 1_250,
        "revenue:JPY": 900,
        "revenue:": 5,
        "revenue:XYZ": 5,
        "tax:USD": 5,
        "orders": 2,
    }
    site.day["revenue_back:EUR"] = 250
    found = {key: amount for key, amount in shown(Numbers({"shop": site})).items() if "revenue" in key[0]}
    assert {labels for _, labels in found} == {("shop", "EUR"), ("shop", "JPY")}
    assert found["wakeline_revenue_gained_total", ("shop", "EUR")] == 12.5
    assert found["wakeline_revenue_gained_total", ("shop", "JPY")] == 900
    assert found["wakeline_revenue_taken_back_today", ("shop", "EUR")] == 2.5
    assert found["wakeline_revenue_gained_today", ("shop", "JPY")] == 0


def test_histograms_are_cumulative_by_group_in_base_units_and_begin_with_zero() -> None:
    """Of the site's groups, whatever others the keys still hold."""
    site = SiteNumbers(groups=("products", OTHER))
    counts = {LCP.field(0, "products"): 4, LCP.field(2, "products"): 3, LCP.field(5, "products"): 1}
    site.totals |= counts | {LCP.field("sum", "products"): 25_300, LCP.field(0, "former"): 9}
    made = Numbers({"shop": site})
    name = "wakeline_largest_contentful_paint_seconds"
    found = {key: value for key, value in shown(made).items() if key[0].startswith(name)}
    ends = {"1.2": 4, "2.5": 4, "4.0": 7, "6.0": 7, "10.0": 7, "+Inf": 8}
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        (f"{name}_bucket", ("shop", "products", end)): count for end, count in ends.items()
    }
    expected |= {(f"{name}_bucket", ("shop", OTHER, end)): 0 for end in ends}
    expected |= {(f"{name}_count", ("shop", "products")): 8, (f"{name}_sum", ("shop", "products")): 25.3}
    expected |= {(f"{name}_count", ("shop", OTHER)): 0, (f"{name}_sum", ("shop", OTHER)): 0}
    assert found == pytest.approx(expected)
    text = choose_encoder("")[0](_Families([*families(made, 3)])).decode()
    (family,) = [each for each in text_string_to_metric_families(text) if each.name == name]
    assert family.type == "histogram"
    found = {
        (one.name, tuple(one.labels[name] for name in LABELS if name in one.labels)): one.value
        for one in family.samples
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({b"a": 3, b"b": 2}, {"a": 3, "b": 2}, id="few"),
        pytest.param({b"a": 3, b"b": 2, b"c": 9, b"d": 1, b"e": 1}, {"c": 9, "a": 3, "b": 2, OTHER: 2}, id="many"),
        pytest.param({b"a": 3, OTHER.encode(): 90}, {"a": 3, OTHER: 90}, id="what the lanes cut is in the rest"),
        pytest.param({b"a": 3, b"b": 0}, {"a": 3}, id="what was taken back is not shown"),
        pytest.param(
            {b"a": 3, b"b": 0.25, b"c": 0.5, b"d": 0.125}, {"a": 3, "c": 0.5, "b": 0.25, OTHER: 0.125}, id="shares"
        ),
        pytest.param({b"/a\x00": 1, b"/a\x1b": 2, b"/b": 5}, {"/a": 3, "/b": 5}, id="equal once cleaned: one series"),
        pytest.param({b"": 4}, {"(none)": 4}, id="an empty label would be no label"),
    ],
)
def test_top_values_keep_the_sum(counts: dict[bytes, float], expected: dict[str, float]) -> None:
    found = top_values(counts, 3)
    assert found == expected
    assert sum(found.values()) == sum(counts.values())


@pytest.mark.parametrize(
    ("value", "label"),
    [
        pytest.param("/über/日本".encode(), "/über/日本", id="text stays"),
        pytest.param(b"/a\n\r\t\x00b\x7f", "/ab", id="control characters go"),
        pytest.param("\u202e/exe\u2066".encode(), "/exe", id="so do those that turn the line around"),
        pytest.param(b"/\xff\xfe", "/\ufffd\ufffd", id="broken bytes are marked"),
        pytest.param(b"x" * 120, "x" * 120, id="just short enough"),
        pytest.param(b"x" * 121, "x" * 119 + "…", id="too long is cut"),
        pytest.param(b'say "hi" \\', 'say "hi" \\', id="quotes are the encoder's"),
    ],
)
def test_labels_are_safe_to_show(value: bytes, label: str) -> None:
    assert label_value(value) == label
    assert len(label) <= MAX_LABEL


# ---- what it answers -----------------------------------------------------------------------------

Read = Callable[[], Awaitable[Numbers]]


async def client_of(read: Read, *, patience: float = 5.0) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    app.add_routes([web.get("/metrics", Exposition(read, top=3, patience=patience).handle)])
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


def hostile() -> Numbers:
    site = SiteNumbers()
    site.tops["pages", "5m"] = {b'/"\n\\ {}=,': 1, "/\u2028\u00e9".encode(): 2, b"\xff": 3}
    return Numbers({"shop": site})


async def test_hostile_values_leave_the_text_readable() -> None:
    async def read() -> Numbers:
        return hostile()

    async with await client_of(read) as client:
        answer = await client.get("/metrics")
        assert answer.status == 200
        found: dict[str, Metric] = {each.name: each for each in text_string_to_metric_families(await answer.text())}
    pages = {sample.labels["page"]: sample.value for sample in found["wakeline_page_views_window"].samples}
    assert pages == {'/"\\ {}=,': 1, "/\u2028\u00e9": 2, "\ufffd": 3}
    assert found["wakeline_page_views"].type == "counter"
    assert "process_resident_memory_bytes" in found


async def test_scrapes_at_the_same_time_share_one_read() -> None:
    reads = 0
    started, release = asyncio.Event(), asyncio.Event()

    async def read() -> Numbers:
        nonlocal reads
        reads += 1
        started.set()
        await release.wait()
        return hostile()

    exposition = Exposition(read, top=3)
    scrapes = [asyncio.create_task(exposition.handle(make_mocked_request("GET", "/metrics"))) for _ in range(20)]
    await started.wait()
    scrapes[0].cancel()  # one that gives up takes nothing from the others
    release.set()
    assert [(await scrape).status for scrape in scrapes[1:]] == [200] * 19
    assert reads == 1
    assert (await exposition.handle(make_mocked_request("GET", "/metrics"))).status == 200
    assert reads == 2


async def test_redis_away_is_503_said_once_and_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wakeline.api")
    away = True

    async def read() -> Numbers:
        if away:
            raise ConnectionError("connection refused")
        return hostile()

    async with await client_of(read) as client:
        for _ in range(3):
            answer = await client.get("/metrics")
            assert (answer.status, "connection refused" in await answer.text()) == (503, True)
        away = False
        assert (await client.get("/metrics")).status == 200
    assert [(record.levelname, "connection refused" in record.message) for record in caplog.records] == [
        ("WARNING", True),
        ("INFO", False),
    ]


async def test_a_scrape_does_not_wait_for_a_read_that_hangs() -> None:
    ended = asyncio.Event()

    async def read() -> Numbers:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    exposition = Exposition(read, top=3, patience=0.05)
    answer = await exposition.handle(make_mocked_request("GET", "/metrics"))
    assert answer.status == 503
    assert "within 0.05 s" in str(answer.text)
    assert not ended.is_set()
    await exposition.close()
    assert ended.is_set()


OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


async def test_slow_numbers_are_shown_from_memory_with_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever format they are asked for."""
    monkeypatch.setattr(latest, "QUICK_S", -1.0)
    reads = 0

    async def read() -> Numbers:
        nonlocal reads
        reads += 1
        return Numbers({"shop": SiteNumbers(live={"now": reads})})

    exposition = Exposition(read, top=3)
    ages = []
    for headers in ({}, {}, OPEN_METRICS, OPEN_METRICS):
        answer = await exposition.handle(make_mocked_request("GET", "/metrics", headers=headers))
        assert isinstance(answer.body, bytes)
        lines = answer.body.decode().splitlines()
        assert [line for line in lines if line.startswith("wakeline_live")] == [
            'wakeline_live_visitors{site="shop",window="now"} 1.0'
        ]
        assert lines.count("# EOF") == (headers == OPEN_METRICS)
        assert lines[-1] == "# EOF" or not headers
        (age,) = [float(line.split()[1]) for line in lines if line.startswith("wakeline_numbers_age_seconds ")]
        ages.append(age)
        await asyncio.sleep(0.01)
    assert reads == 1
    assert ages == sorted(ages)
    assert 0.03 <= ages[-1] - ages[0] < 5
    await exposition.close()


async def test_others_come_first_while_many_series_are_written() -> None:
    """A page of twenty sites takes 0.1 s: no other answer of this process waits so long."""
    full = SiteNumbers(tops={each: {b"/%d" % number: 1.0 for number in range(20)} for each in LISTS})

    async def read() -> Numbers:
        return Numbers({f"site-{number}": full for number in range(20)})

    turns, is_done = 0, False

    async def other() -> None:
        nonlocal turns
        while not is_done:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(other())
    answer = await Exposition(read, top=20).handle(make_mocked_request("GET", "/metrics"))
    is_done = True
    await others
    assert answer.status == 200
    assert turns > len(metrics.FAMILIES) / 2
