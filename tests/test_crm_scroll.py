"""How far pages were scrolled: the deepest point of each view counts, once, however its events arrive."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from crm.intake.state import Page
from crm.page_text import joined, split, without_interests
from crm.state import encode_state
from tests.timeline import DAY, Timeline, event, timeline
from wakeline.keys import date
from wakeline.record import Erase, Event

TODAY = "2027-01-15"
V, PAGE = "visitor-1", "page-one"


def read(n: int, scroll: int, *, visitor: str = V, page: str = PAGE, **more: Any) -> Event:
    return event(visitor, page, n, n * 1_000, "engagement", scroll=scroll, **more)


async def arrive(made: Timeline, *events: Event) -> None:
    for one in events:
        await made.append(one)
        await made.run()


async def scrolled(made: Timeline) -> tuple[int, dict[str, float]]:
    return (await made.day(TODAY)).get("scrolled", 0), await made.top("scrolled", date(TODAY))


EVENTS = (event(V, PAGE, 0, 0), read(1, 20), read(2, 70, engaged_ms=5, leave=True), read(3, 70))


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_deepest_point_counts_once(redis_server: Any, order: tuple[int, ...]) -> None:
    async with timeline(redis_server) as made:
        await arrive(made, *(EVENTS[n] for n in order), *(EVENTS[n] for n in order))
        assert await scrolled(made) == (70, {"/": 70})


GOES_ON = event(V, PAGE, 2, 2_000, "consent", level="anonymous")
FIRST = (event(V, PAGE, 0, 0), read(1, 30), GOES_ON, read(3, 45))


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_page_that_goes_on_counts_under_the_new_level(redis_server: Any, order: tuple[int, ...]) -> None:
    async with timeline(redis_server) as made:
        await arrive(made, *(FIRST[n] for n in order))
        assert await scrolled(made) == (0, {})
        view = event("~nobody", "page-two", 0, 9, continued=True)
        await arrive(made, view, read(1, 80, visitor="~nobody", page="page-two"))
        assert await scrolled(made) == (80, {"/": 80})
        assert (await made.totals())["page_views"] == 1


async def test_who_leaves_the_site_s_count_stays(made: Timeline) -> None:
    await arrive(made, *EVENTS, event(V, PAGE, 4, 9_000, "consent", level="off"), read(5, 75))
    assert (await scrolled(made))[0] == 75


async def test_a_bot_scrolls_nothing(made: Timeline) -> None:
    await arrive(made, event(V, PAGE, 0, 0, bot="Googlebot"), read(1, 50, bot="Googlebot"))
    assert await scrolled(made) == (0, {})


async def test_what_was_counted_is_known_of_pages_set_aside_and_after_an_erasure(made: Timeline) -> None:
    """Hundreds of pages do not fit into a state: most lie outside of it, apart from what they are about."""
    pages = [f"page-{n:04d}" for n in range(400)]
    for page in pages:
        await arrive(made, event(V, page, 0, 0, interests=["Shoes, red"]), read(1, 40, page=page))
    assert await scrolled(made) == (16_000, {"/": 16_000})
    await made.append(Erase("shop", V, made.now))
    await made.run()
    await made.start("later")
    for page in (pages[0], pages[200], pages[-1]):
        await arrive(made, read(2, 40, page=page), read(3, 41, page=page))
    assert await scrolled(made) == (16_003, {"/": 16_003})
    await made.pass_time(DAY)


TEXTS = [
    Page(),
    Page(3, "4", 0, 17),
    Page(3, "4", 40, 0, ["a,b", 'c"],1', "]"], 0.5),
    Page(3, "4", 40, 0, [], 0, 7),
    Page(3, "4", 40, 0, None, 0, 100),
    Page(3, "4", 40, 0, None, 0.25, 100),
    Page(3, "4", 40, 0, ["null,0]", "],3"], 1e-9, -1),
]


def former_text(page: Page) -> str:
    """Without how far it was scrolled, and what it told of its speed."""
    return encode_state(page).decode().rsplit(",", 2)[0] + "]"


@pytest.mark.parametrize("page", TEXTS)
def test_a_page_s_text_is_divided_and_joined(page: Page) -> None:
    read_text = msgspec.json.Decoder(Page).decode
    text = encode_state(page).decode()
    counted, about = split(text)
    without = Page(page.upto, page.seen_bitmap, page.last_heartbeat, page.left, None, 0, page.scroll)
    assert read_text(counted) == without == read_text(without_interests(text)) == read_text(without_interests(counted))
    assert read_text(joined(counted, about) if about else counted) == page
    former = former_text(page)  # as an earlier version stored it
    without.scroll = page.scroll = 0
    assert read_text(without_interests(former)) == without
    counted, about = split(former)
    assert read_text(joined(counted, about) if about else counted) == page
