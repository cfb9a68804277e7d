"""Steps from page to page within a visit, and there and back: as if all had come in order, where that can be known."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations, product
from typing import Any

import pytest

from crm.state import decode_visitor, encode_visitor
from processor.changes import OF_A_STEP, label_of_path
from tests.timeline import DAY, MINUTE, Timeline, event, timeline
from wakeline.keys import date
from wakeline.labels import cut
from wakeline.record import Event

TODAY = "2027-01-15"
Found = tuple[dict[str, float], dict[str, float]]


def view(visitor: str, at: int, path: str) -> Event:
    return event(visitor, f"page-{at:06d}", 0, at * MINUTE, path=path)


async def found(made: Timeline) -> Found:
    return await made.top("steps", date(TODAY)), await made.top("back", date(TODAY))


def true_steps(visits: list[str]) -> Found:
    """Of each visit the pages in order, a letter each."""
    steps: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for pages in visits:
        steps += Counter(f"/{one} → /{two}" for one, two in pairwise(pages) if one != two)
        triples = zip(pages, pages[1:], pages[2:], strict=False)
        back += Counter(f"/{one} → /{two}" for one, two, three in triples if one == three != two)
    return dict(steps), dict(back)


@pytest.mark.parametrize("gap", [10, 25], ids=["one visit", "two that a late page joins"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_three_pages_in_any_order(redis_server: Any, order: tuple[int, ...], gap: int) -> None:
    """With 25 minutes between, the first and the last page are two visits until the one between them comes."""
    visits = ["".join(pages) for pages in product("abc", repeat=3)]
    async with timeline(redis_server) as made:
        for number, pages in enumerate(visits):
            for n in order:
                await made.append(view(f"visitor-{number}", n * gap, f"/{pages[n]}"), at=DAY // 4)
        await made.run()
        assert await found(made) == true_steps(visits)


KNOWN = [order for order in permutations(range(4)) if all(
    n == max(order[: at + 1]) or n == min(order[: at + 1]) or n == sorted(order[: at + 1])[-2]
    for at, n in enumerate(order)
)]  # fmt: skip
"""Orders in which each late page lies before all others or between the latest two."""


@pytest.mark.parametrize("order", KNOWN)
async def test_four_pages_whose_neighbours_are_known(redis_server: Any, order: tuple[int, ...]) -> None:
    visits = ["".join(pages) for pages in product("ab", repeat=4)]
    async with timeline(redis_server) as made:
        for number, pages in enumerate(visits):
            for n in order:
                await made.append(view(f"visitor-{number}", n, f"/{pages[n]}"), at=DAY // 4)
        await made.run()
        assert (await found(made))[0] == true_steps(visits)[0]


async def test_a_late_page_breaks_a_step_back(redis_server: Any) -> None:
    """The page before the latest two is not known: so a step back from the late page to it is not found."""
    found_back = ["".join(pages) for pages in product("abc", repeat=4)]
    visits = [pages for pages in found_back if not (pages[0] == pages[2] not in (pages[1], pages[3]))]
    async with timeline(redis_server) as made:
        for number, pages in enumerate(visits):
            for n in (0, 1, 3, 2):
                await made.append(view(f"visitor-{number}", n, f"/{pages[n]}"), at=DAY // 4)
        await made.run()
        assert await found(made) == true_steps(visits)


async def test_a_late_page_breaks_a_step_back_between_joined_visits(made: Timeline) -> None:
    search = event("visitor-1", "page-search", 0, 22 * MINUTE, "search")
    views = [view("visitor-1", at, path) for at, path in ((0, "/a"), (5, "/b"), (40, "/a"), (30, "/c"))]
    await made.append(*views[:3], search, at=DAY // 4)
    await made.run()
    assert await found(made) == ({"/a → /b": 1, "/b → /a": 1}, {"/a → /b": 1})
    await made.append(views[3], at=DAY // 4)
    await made.run()
    assert await found(made) == ({"/a → /b": 1, "/b → /c": 1, "/c → /a": 1}, {})


async def test_a_page_further_back_leaves_the_step_that_leaves_it_out(made: Timeline) -> None:
    for at, path in ((0, "/a"), (2, "/c"), (3, "/d"), (4, "/e"), (1, "/b")):
        await made.append(view("visitor-1", at, path), at=DAY // 4)
    await made.run()
    assert await found(made) == ({"/a → /c": 1, "/c → /d": 1, "/d → /e": 1}, {})


@pytest.mark.parametrize("split", [1, 2, 3])
async def test_joined_visits_of_two_pages_each(redis_server: Any, split: int) -> None:
    """25 minutes between all but two neighbours, which a search at last brings together."""
    visits = ["".join(pages) for pages in product("ab", repeat=4)]
    times = [n * 5 + (40 if n >= split else 0) for n in range(4)]
    late = (times[split - 1] + times[split]) // 2
    async with timeline(redis_server) as made:
        for number, pages in enumerate(visits):
            who = f"visitor-{number}"
            for at, page in zip(times, pages, strict=True):
                await made.append(view(who, at, f"/{page}"), at=DAY // 4)
            await made.append(event(who, "page-search", 0, late * MINUTE, "search"), at=DAY // 4)
        await made.run()
        steps, back = true_steps(visits)
        assert (await found(made))[0] == steps
        if split > 1:  # else the page after the first of the later visit is not known any more
            assert (await found(made))[1] == back


async def test_a_bot_and_another_visit_take_no_step(made: Timeline) -> None:
    for one in (view("visitor-1", 0, "/a"), view("visitor-1", 60, "/b"), view("visitor-2", 61, "/c")):
        await made.append(one)
    bot = event("visitor-1", "page-bot", 0, 61 * MINUTE, path="/d", bot="Googlebot")
    await made.append(bot)
    await made.run()
    assert await found(made) == ({}, {})


async def test_a_retry_takes_no_second_step(made: Timeline) -> None:
    one, two = view("visitor-1", 0, "/a"), view("visitor-1", 1, "/b")
    await made.append(one, two, one, two)
    await made.run()
    assert await found(made) == ({"/a → /b": 1}, {})


async def test_a_visit_that_an_earlier_version_began_goes_on(made: Timeline) -> None:
    """Of its pages only the first and the last are known."""
    await made.append(view("visitor-1", 0, "/a"), view("visitor-1", 1, "/b"), view("visitor-1", 2, "/c"))
    await made.run()
    key = made.store.keys.state(made.lane("visitor-1"), "shop", "visitor-1")
    stored: Any = await made.redis.get(key)
    state = decode_visitor(stored)
    state.sessions[0].before, state.sessions[0].before_at = "", (0, "")
    await made.redis.set(key, encode_visitor(state))
    await made.start("later")
    late = event("visitor-1", "page-late", 0, MINUTE + 1, path="/late")
    await made.append(late, view("visitor-1", 3, "/b"), at=5 * MINUTE)
    await made.run()
    assert await found(made) == ({"/a → /b": 1, "/b → /c": 1, "/c → /b": 1}, {})


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("/a", "/b", "/a → /b"),
        ("/%C3%A4", "/%E2%86%92", "/ä → /→"),
        ("/" + "x" * 500, "/b", cut("/" + "x" * 500, OF_A_STEP) + " → /b"),
        ("/b", "/" + "x" * 500, "/b → " + cut("/" + "x" * 500, OF_A_STEP)),
    ],
)
def test_both_pages_of_a_step_can_be_read(start: str, end: str, shown: str) -> None:
    assert label_of_path(f"{start} → {end}") == shown
    assert len(shown) <= 120
