"""Who comes back from where people pay or log in goes on with the visit before: live, and in SQL."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.sealed import seal
from tests.test_reports_query import answer
from tests.timeline import DAY, MINUTE, START, Timeline, event, timeline
from wakeline.keys import date
from wakeline.numbers import TOP_SOURCE_CLASSES, TOP_SOURCES
from wakeline.record import Event

HOUR = 60 * MINUTE
BANK = "checkout.stripe.com/c/pay"


def view(at: int, referrer: str = "", *, page: int = 1, visitor: str = "visitor-1", **fields: Any) -> Event:
    return event(visitor, f"page-{visitor}-{page}", 0, at, referrer=referrer, **fields)


STORIES: dict[str, tuple[list[Event], int, dict[str, int]]] = {
    # page views; visits; of them by source
    "after an hour at the bank": ([view(0, "bing.com/"), view(HOUR, BANK, page=2)], 1, {"bing": 1}),
    "and a page more": (
        [view(0, "bing.com/"), view(HOUR, BANK, page=2), view(61 * MINUTE, "internal", page=3)], 1, {"bing": 1},
    ),
    "and later a visit": (
        [view(0, "bing.com/"), view(HOUR, BANK, page=2), view(3 * HOUR, "google.com/", page=3)],
        2, {"bing": 1, "google": 1},
    ),
    "twice": ([view(0), view(HOUR, BANK, page=2), view(2 * HOUR, BANK, page=3)], 1, {"direct": 1}),
    "within half an hour": ([view(0, "bing.com/"), view(9 * MINUTE, BANK, page=2)], 1, {"bing": 1}),
    "after more than a day": (
        [view(0, "bing.com/"), view(25 * HOUR, BANK, page=2)], 2, {"bing": 1, "internal": 1},
    ),
    "in another browser": (
        [view(0, "bing.com/"), view(HOUR, BANK, visitor="visitor-2")], 2, {"bing": 1, "internal": 1},
    ),
    "with a campaign": (
        [view(0), view(HOUR, BANK, page=2, query={"utm_source": "mail"})], 2, {"direct": 1, "mail": 1},
    ),
    "with a parameter that the site keeps": (
        [view(0, "bing.com/"), view(HOUR, BANK, page=2, query={"order": "1"})], 1, {"bing": 1},
    ),
    "with a click id": ([view(0), view(HOUR, BANK, page=2, click="gclid")], 2, {"direct": 1, "google": 1}),
    "from a page of the site that was left open": (
        [view(0, "bing.com/"), view(HOUR, "internal", page=2)], 2, {"bing": 1, "internal": 1},
    ),
}  # fmt: skip


DAYS = tuple(datetime.fromtimestamp(START / 1000 + day * 86_400, UTC).date().isoformat() for day in range(3))


async def counted(made: Timeline) -> tuple[int, dict[str, int], int]:
    """Visits of the site, these by source, and how many have a class."""
    visits, classes = 0, 0
    sources: Counter[str] = Counter()
    for day in DAYS:
        visits += (await made.day(day)).get("visits", 0)
        sources += Counter(await made.top(TOP_SOURCES.name, date(day)))
        classes += sum((await made.top(TOP_SOURCE_CLASSES.name, date(day))).values())
    return visits, dict(sources), classes


@pytest.mark.parametrize("name", STORIES)
async def test_a_return_is_no_visit(redis_server: Any, name: str) -> None:
    views, visits, sources = STORIES[name]
    async with timeline(redis_server) as made:
        for one in views:
            await made.append(one)
            await made.run()
        profiles = [await made.profile(visitor) for visitor in {one.visitor for one in views}]
        assert sum(int(profile["visits"]) for profile in profiles if "visits" in profile) == visits
        await made.pass_time(DAY)
        assert await counted(made) == (visits, sources, visits)
        totals = await made.totals()
        assert (totals["sessions"], totals.get("bounces", 0) <= visits) == (visits, True)


async def test_a_return_changes_no_source_of_the_profile(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "bing.com/"), view(HOUR, BANK, page=2))
        await made.run()
        profile = await made.profile("visitor-1")
        assert (profile["first_source"], profile["last_source"], profile["visits"]) == ("bing", "bing", "1")


async def test_a_page_before_the_return_that_comes_late_makes_it_a_visit(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "bing.com/"), view(2 * HOUR, BANK, page=2))
        await made.run()
        await made.append(view(2 * HOUR - MINUTE, "google.com/", page=3), at=2 * HOUR + MINUTE)
        await made.run()
        assert (await made.profile("visitor-1"))["visits"] == "2"
        assert (await counted(made))[:2] == (2, {"bing": 1, "google": 1})


async def test_a_return_before_the_visit_that_comes_late_takes_it_in(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "bing.com/"), view(2 * HOUR, "google.com/", page=2))
        await made.run()
        await made.append(view(2 * HOUR - MINUTE, BANK, page=3), at=2 * HOUR + MINUTE)
        await made.run()
        assert (await made.profile("visitor-1"))["visits"] == "1"
        assert (await counted(made))[:2] == (1, {"bing": 1})


async def test_a_page_between_joins_the_return_to_its_visit(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(view(0, "bing.com/"), view(50 * MINUTE, BANK, page=2), at=51 * MINUTE)
        await made.run()
        await made.append(view(25 * MINUTE, "internal", page=3), at=52 * MINUTE)
        await made.run()
        assert (await made.profile("visitor-1"))["visits"] == "1"
        assert (await counted(made))[:2] == (1, {"bing": 1})


@pytest.mark.parametrize("name", STORIES)
def test_sql_counts_the_same(tmp_path: Path, name: str) -> None:
    views, visits, sources = STORIES[name]
    history = seal(tmp_path, [(one.received + 20, one) for one in views])
    rows = answer(history, "select source, count(*) from sessions where not continued group by source")
    assert (dict(rows), sum(sources.values())) == (sources, visits)
    (entries,) = answer(history, "select count(*) from sessions where entry is not null")[0]
    assert entries == visits
