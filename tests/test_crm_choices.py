"""Who agreed and who declined: each choice once, though the script may tell it twice; and the share with GPC."""

from __future__ import annotations

from typing import Any

import pytest

from tests.timeline import DAY, Timeline, event
from wakeline.keys import date
from wakeline.record import Event

TODAY = "2027-01-15"
NOBODY, KNOWN = "~nobody", "visitor-1"
ONE, TWO = "page-one", "page-two"
SAID = {"version": "2026-03"}


def view(visitor: str, page: str, at: int, **more: Any) -> Event:
    return event(visitor, page, 0, at, **more)


def change(visitor: str, page: str, n: int, at: int, level: str, **more: Any) -> Event:
    return event(visitor, page, n, at, "consent", level=level, **more)


FIRST = view(NOBODY, ONE, 0)
YES = change(NOBODY, ONE, 1, 1_000, "full")
GOES_ON = view(KNOWN, TWO, 1_001, continued=True)
WHAT = change(KNOWN, TWO, 1, 1_002, "full", props={**SAID, "purposes": ["personalise", "contact"]})
BACK = change(KNOWN, TWO, 2, 9_000, "anonymous")
GOES_BACK = view(NOBODY, "page-three", 9_001, continued=True)
NOT_ANY_MORE = change(NOBODY, "page-three", 1, 9_002, "anonymous", props=SAID)

CASES: dict[str, tuple[list[Event], tuple[int, int, int]]] = {
    "a yes": ([FIRST, YES, GOES_ON], (1, 0, 0)),
    "a yes, and what it was about": ([FIRST, YES, GOES_ON, WHAT], (1, 0, 0)),
    "the same, overtaken": ([FIRST, WHAT, YES, GOES_ON], (1, 0, 0)),
    "a yes from off, where only what it was about is told": ([view(KNOWN, TWO, 0), WHAT], (1, 0, 0)),
    "the same, overtaken by a second": ([WHAT, view(KNOWN, TWO, 0)], (1, 0, 0)),
    "told before the page, which never comes": ([WHAT], (0, 0, 0)),
    "told again": ([view(KNOWN, TWO, 0), WHAT, change(KNOWN, TWO, 2, 2_000, "full", props=SAID)], (1, 0, 0)),
    "a no to anything": ([FIRST, change(NOBODY, ONE, 1, 1_000, "off")], (0, 1, 0)),
    "a no that changes nothing": ([FIRST, change(NOBODY, ONE, 1, 1_000, "anonymous", props=SAID)], (0, 1, 0)),
    "a no, and another": (
        [FIRST, change(NOBODY, ONE, 1, 1_000, "anonymous"), change(NOBODY, ONE, 2, 2_000, "off")],
        (0, 1, 0),
    ),
    "a yes that is taken back": ([FIRST, YES, GOES_ON, WHAT, BACK, GOES_BACK], (1, 0, 1)),
    "who takes it back declines nothing": ([FIRST, YES, GOES_ON, BACK, GOES_BACK, NOT_ANY_MORE], (1, 0, 1)),
    "the same, the other way round": ([FIRST, YES, GOES_ON, BACK, NOT_ANY_MORE, GOES_BACK], (1, 0, 1)),
    "to off": ([FIRST, YES, GOES_ON, change(KNOWN, TWO, 2, 9_000, "off")], (1, 0, 1)),
    "somebody else at the device": ([view(KNOWN, TWO, 0), view("visitor-2", "page-3", 1, continued=True)], (0, 0, 0)),
    "a yes that GPC keeps from taking effect": ([FIRST, change(NOBODY, ONE, 1, 9, "full", gpc=True)], (0, 0, 0)),
    "a no with GPC": ([FIRST, change(NOBODY, ONE, 1, 9, "off", gpc=True)], (0, 1, 0)),
    "a bot": ([view(KNOWN, TWO, 0, bot="Googlebot"), change(KNOWN, TWO, 1, 9, "full", bot="Googlebot")], (0, 0, 0)),
}  # fmt: skip


async def arrive(made: Timeline, *events: Event) -> None:
    for one in events:
        await made.append(one)
        await made.run()


@pytest.mark.parametrize("name", CASES)
async def test_choices(made: Timeline, name: str) -> None:
    events, wanted = CASES[name]
    await arrive(made, *events, *events)  # each again: a retry
    found = await made.totals()
    assert tuple(found.get(field, 0) for field in ("agreed", "declined", "withdrawals")) == wanted


async def test_who_agrees_after_a_restart_counts_once_in_all(made: Timeline) -> None:
    await arrive(made, view(KNOWN, TWO, 0), WHAT)
    await made.start("later")
    await arrive(made, change(KNOWN, "page-four", 1, DAY, "full", props=SAID), view(KNOWN, "page-four", DAY))
    assert (await made.totals())["agreed"] == 1


async def test_what_was_counted_survives_the_end_of_the_profile(made: Timeline) -> None:
    """Else a visitor who is back after an erasure would count again, which a replay would not do."""
    await arrive(made, view(KNOWN, TWO, 0), WHAT, BACK, change(KNOWN, TWO, 3, 9_500, "full", props=WHAT.props))
    found = await made.totals()
    assert (found["agreed"], found["withdrawals"]) == (1, 1)
    assert await made.top("purposes", date(TODAY)) == {"personalise": 1, "contact": 1}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (["contact", "personalise", "contact"], {"contact": 1, "personalise": 1}),
        ([], {}),
        (["", 7, None, ["contact"], {}, "contact"], {"contact": 1}),
        ("contact", {}),
        (None, {}),
    ],
)
async def test_purposes(made: Timeline, said: Any, wanted: dict[str, int]) -> None:
    tell = {"purposes": said}
    await arrive(made, view(KNOWN, TWO, 0), change(KNOWN, TWO, 1, 9, "full", props=tell))
    assert await made.top("purposes", date(TODAY)) == wanted
    again = change(KNOWN, TWO, 2, 99, "full", props={"purposes": ["contact", "new"]})
    await arrive(made, again)
    assert ("new" in await made.top("purposes", date(TODAY))) == (not isinstance(said, list))


async def test_page_views_with_gpc(made: Timeline) -> None:
    await arrive(
        made,
        FIRST,
        view(NOBODY, TWO, 5, gpc=True),
        view(NOBODY, "page-three", 6, gpc=True, continued=True),
        view(NOBODY, "page-four", 7, gpc=True, bot="Googlebot"),
    )
    found = await made.totals()
    assert (found["page_views"], found["gpc_views"]) == (2, 1)
