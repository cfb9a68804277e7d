"""How fast pages were, and errors that visitors met: what is counted of `web_vitals`, however it is made up."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crm import pages
from crm.content.speed import MOST_ROUTES
from crm.sites import SiteFacts
from processor.replay import replay
from tests.timeline import MINUTE, START, Timeline, event, timeline
from wakeline.keys import OTHER, Keys
from wakeline.numbers import ALL_PAGES, CLS, HISTOGRAMS, LCP, SERVER, SERVER_TOTAL, VITALS, Histogram
from wakeline.record import Erase, Event
from wakeline.settings import PageGroupRule, Site

TODAY = "2027-01-15"
V, PAGE = "visitor-1", "page-one"
GROUPS = (PageGroupRule(path="/shoes/*", group="products"), PageGroupRule(path="/checkout*", group="pay: €"))
SOFT = {"navigation": "soft-navigation"}


def told(n: int, props: Any, page: str = PAGE, visitor: str = V, **more: Any) -> Event:
    return event(visitor, page, n, n * 1_000, "web_vitals", props=props, **more)


async def counted(made: Timeline, *events: Event, into: Keys | None = None) -> dict[str, int]:
    """The parts of histograms, and errors, after these events."""
    for one in events:
        await made.append(one)
        await made.run()
    mine = {*(histogram.name for histogram in HISTOGRAMS), "pages_5xx", "pages_timeout"}
    return {field: n for field, n in (await made.totals(into)).items() if field.partition(":")[0] in mine}


def measured(histogram: Histogram, bucket: int, sum: int, group: str = ALL_PAGES, count: int = 1) -> dict[str, int]:
    return {histogram.field(bucket, group): count, histogram.field("sum", group): sum}


# ---- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("histogram", HISTOGRAMS, ids=lambda one: one.name)
def test_six_buckets_among_them_the_limits_of_good_and_of_poor(histogram: Histogram) -> None:
    assert len(histogram.bounds) == 5
    assert list(histogram.bounds) == sorted(set(histogram.bounds))
    assert histogram.bounds[-1] < histogram.most
    if histogram in VITALS:
        assert {histogram.good, histogram.poor} <= set(histogram.bounds)
        assert histogram.good < histogram.poor
    else:
        assert (histogram.good, histogram.poor) == (0, 0)


def test_bounds_are_spelt_as_prometheus_spells_them() -> None:
    assert [LCP.le(bound) for bound in LCP.bounds] == ["1.2", "2.5", "4.0", "6.0", "10.0"]
    assert [CLS.le(bound) for bound in CLS.bounds] == ["0.05", "0.1", "0.25", "0.5", "1.0"]


# ---- what counts ---------------------------------------------------------------------------------

TOLD: dict[str, tuple[Any, dict[str, int]]] = {
    "good, at its limit": ({"lcp_ms": 2_500}, measured(LCP, 1, 2_500)),
    "just above it": ({"lcp_ms": 2_501}, measured(LCP, 2, 2_501)),
    "nothing": ({"lcp_ms": 0}, measured(LCP, 0, 0) | {LCP.field("sum", ALL_PAGES): 0}),
    "beyond all bounds": ({"lcp_ms": 10_001}, measured(LCP, 5, 10_001)),
    "a share of the page": ({"cls": 0.1}, measured(CLS, 1, 1_000)),
    "parts of a millisecond": ({"server_ms": 100.4}, measured(SERVER, 0, 100)),
    "the server's own time": (
        {"server_timing": [{"name": "db", "ms": 12}, {"name": "total", "ms": 80}]},
        measured(SERVER_TOTAL, 0, 80),
    ),
    "ten minutes": ({"lcp_ms": 600_000}, measured(LCP, 5, 600_000)),
    "longer than anybody waits": ({"lcp_ms": 600_001, "cls": 100.1}, {}),
    "below nothing": ({"lcp_ms": -1, "cls": -0.0001}, {}),
    "endless": ({"lcp_ms": float("inf"), "cls": float("-inf"), "inp_ms": float("nan"), "fcp_ms": 10**400}, {}),
    "no numbers": ({"lcp_ms": "900", "inp_ms": True, "fcp_ms": None, "ttfb_ms": [1], "cls": {"value": 0.1}}, {}),
    "no timings": ({"server_timing": {"name": "total", "ms": 1}}, {}),
    "odd timings": ({"server_timing": ["total", None, {"name": ["total"], "ms": 1}, {"name": "total"}]}, {}),
    "a timing that is no number": ({"server_timing": [{"name": "total", "ms": "80"}]}, {}),
    "a timing beyond those that the script tells": (
        {"server_timing": [{"name": "db", "ms": 1}] * 8 + [{"name": "total", "ms": 80}]},
        {},
    ),
    "an error": ({"status": 503}, {"pages_5xx": 1}),
    "a server that waited in vain is both": ({"status": 504}, {"pages_5xx": 1, "pages_timeout": 1}),
    "a proxy that could not connect in time": ({"status": 522}, {"pages_5xx": 1, "pages_timeout": 1}),
    "a proxy that was not answered in time": ({"status": 524}, {"pages_5xx": 1, "pages_timeout": 1}),
    "a visitor that the server waited for": ({"status": 408}, {"pages_timeout": 1}),
    "no error of the server": ({"status": 404}, {}),
    "no status": ({"status": 600}, {}),
    "odd ones": ({"status": "503"}, {}),
    "half of one": ({"status": 500.5}, {}),
    "empty": ({}, {}),
}


@pytest.mark.parametrize("name", TOLD)
async def test_what_is_within_reason_counts(made: Timeline, name: str) -> None:
    props, wanted = TOLD[name]
    found = await counted(made, event(V, PAGE, 0, 0), told(1, props))
    assert found == {field: n for field, n in wanted.items() if n}
    assert (await made.totals())["page_views"] == 1


async def test_all_that_the_script_tells_of_one_page(made: Timeline) -> None:
    """And a day has none of it but the errors."""
    props = {"lcp_ms": 900, "inp_ms": 300, "fcp_ms": 700, "ttfb_ms": 400, "cls": 0.02, "server_ms": 150, "status": 500}
    props["server_timing"] = [{"name": "total", "ms": 120}]
    await counted(made, event(V, PAGE, 0, 0), told(1, props))
    totals = await made.totals()
    assert {each.name: totals.get(each.field("sum", ALL_PAGES)) for each in HISTOGRAMS} == {
        "lcp": 900, "inp": 300, "fcp": 700, "ttfb": 400, "cls": 200, "server": 150, "server_total": 120,
    }  # fmt: skip
    assert not any(":" in field for field in await made.day(TODAY))
    assert (await made.day(TODAY))["pages_5xx"] == 1


async def test_a_bot_is_no_measure(made: Timeline) -> None:
    assert await counted(made, told(0, {"lcp_ms": 900, "status": 503}, bot="Googlebot")) == {}


async def test_other_events_say_nothing_of_speed(made: Timeline) -> None:
    props = {"lcp_ms": 900, "status": 503}
    assert (
        await counted(made, *(event(V, PAGE, n, n, type, props=props) for n, type in enumerate(("vitals", "search"))))
        == {}
    )


# ---- groups of pages -----------------------------------------------------------------------------


@pytest.fixture
async def grouped(redis_server: Any) -> AsyncIterator[Timeline]:
    async with timeline(redis_server, sites=[Site(key="shop", page_groups=GROUPS)]) as made:
        yield made


PATHS: dict[str, tuple[dict[str, Any], str]] = {
    "a page of a group": ({"path": "/shoes/red"}, "products"),
    "escaped": ({"path": "/sho%65s/red"}, "products"),
    "another": ({"path": "/checkout"}, "pay: €"),
    "one of none": ({"path": "/"}, OTHER),
    "a made-up group is none": ({"path": "/x", "page_group": "mine", "group": "mine"}, OTHER),
    "what is no path": ({"path": ["/shoes/red"]}, "products"),
    "no path: the event's": ({}, "products"),
    "a long one": ({"path": "/" + "x" * 999}, OTHER),
}


@pytest.mark.parametrize("name", PATHS)
async def test_a_page_counts_in_its_group_and_a_path_makes_none(grouped: Timeline, name: str) -> None:
    props, group = PATHS[name]
    found = await counted(grouped, told(0, props | {"lcp_ms": 900}, path="/shoes/blue"))
    assert found == measured(LCP, 0, 900, group)


async def test_without_groups_all_pages_are_one(made: Timeline) -> None:
    """However many paths are made up."""
    found = await counted(made, *(told(0, {"lcp_ms": 900, "path": f"/{n}"}, page=f"page-{n}") for n in range(20)))
    assert found == measured(LCP, 0, 20 * 900, count=20)


def test_the_paths_remembered_of_a_site_are_bounded() -> None:
    facts = SiteFacts(Site(key="shop", page_groups=GROUPS))
    for n in range(5_000):
        facts.group_of_path(f"/shoes/{n}")
    assert facts.group_of_path.cache_info().currsize <= 1_024  # type: ignore[attr-defined]


# ---- once ----------------------------------------------------------------------------------------


async def test_a_page_counts_once_however_often_it_is_told(made: Timeline) -> None:
    """The first word holds, and what is new later counts too, as the script tells what only then is known."""
    events = [told(n, {"lcp_ms": 900 + n, "status": 503}) for n in range(3)]
    later = told(3, {"lcp_ms": 5, "inp_ms": 90})
    found = await counted(made, *events, events[1], later, later)
    assert found == measured(LCP, 0, 900) | {"inp:0:(all)": 1, "inp:sum:(all)": 90, "pages_5xx": 1}


async def test_what_is_refused_may_be_told_in_earnest(made: Timeline) -> None:
    assert await counted(made, told(0, {"lcp_ms": -1}), told(1, {"lcp_ms": 900})) == measured(LCP, 0, 900)


async def test_routes_are_told_together_by_the_last_one_and_bounded(made: Timeline) -> None:
    """A route has no status: the page was loaded before."""
    load = told(0, {"lcp_ms": 2_000})
    routes = [told(n, SOFT | {"lcp_ms": 100, "status": 503}) for n in range(1, MOST_ROUTES + 20)]
    found = await counted(made, load, *routes, told(90, {"lcp_ms": 1}))
    assert found == {
        LCP.field(0, ALL_PAGES): MOST_ROUTES,
        LCP.field(1, ALL_PAGES): 1,
        "lcp:sum:(all)": MOST_ROUTES * 100 + 2_000,
    }


async def test_a_flood_of_one_page_adds_no_field_and_little_to_the_numbers(made: Timeline) -> None:
    """What is made up under many pages counts, as page views do; its fields stay those of the site's groups."""
    rng = random.Random(1)
    names = [*(f"{name}_ms" for name in ("lcp", "inp", "fcp", "ttfb", "server")), "cls"]

    def props() -> dict[str, Any]:
        made_up = {name: rng.choice([-1, rng.random(), rng.randrange(10**9), "9", None]) for name in names}
        return made_up | {"path": f"/{rng.random()}", "status": rng.randrange(700), **rng.choice([{}, SOFT])}

    await made.append(*(told(n, props()) for n in range(1_000)))
    await made.run()
    found = await counted(made)
    assert sum(n for field, n in found.items() if field.split(":")[1:2] not in (["sum"], [])) <= (1 + MOST_ROUTES) * 7
    assert set(found) <= {field for each in HISTOGRAMS for field in each.fields(ALL_PAGES)} | {
        "pages_5xx",
        "pages_timeout",
    }


# ---- a function of the log -----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 1_000])
async def test_a_replay_and_pages_outside_the_state_give_the_same(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Also of a visitor who was erased meanwhile: what the site counted stays, and counts no second time."""
    for name, value in {"READY_PAGES": 2, "KEPT_PAGES": 1, "PAST_LENGTH": 0, "STATE_BYTES": 300}.items():
        monkeypatch.setattr(pages, name, value)
    once = [told(0, {"lcp_ms": 900 + n}, page=f"page-{n}", interests=[]) for n in range(12)]
    views = [event(V, f"page-{n}", 1, 1_000 + n, interests=["shoes, [red],", "blue]"]) for n in range(12)]
    for one in (*once, *views):
        await made.append(one)
    await made.run(batch=batch)
    await made.append(Erase("shop", V, START + 5 * MINUTE), at=5 * MINUTE)
    await made.append(*(told(2, {"lcp_ms": 7}, page=f"page-{n}") for n in range(12)), at=6 * MINUTE)
    await made.run(batch=batch)
    found = await counted(made)
    assert found == measured(LCP, 0, sum(900 + n for n in range(12)), count=12)
    into = Keys(7)
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into, batch_records=5)
    assert await counted(made, into=into) == found
