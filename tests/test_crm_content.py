"""Searches, pages that do not exist, products that were seen, countries, and how far visits came."""

from __future__ import annotations

from typing import Any

import pytest

from tests.timeline import DAY, MINUTE, Timeline, event
from wakeline.keys import date
from wakeline.record import Event

TODAY = "2027-01-15"
V, PAGE = "visitor-1", "page-one"
LAMP = {"items": [{"item_id": "lamp"}]}


async def arrive(made: Timeline, *events: Event) -> None:
    for one in events:
        await made.append(one)
        await made.run()


def said(n: int, type: str, props: dict[str, Any] | None = None, **more: Any) -> Event:
    return event(V, PAGE, n, n * 1_000, type, props=props or {}, **more)


SEARCHES: dict[str, tuple[list[dict[str, Any]], dict[str, int], dict[str, int], dict[str, int]]] = {
    "one term, however it is written": (
        [{"search_term": "Desk  Lamp", "results": 4}, {"search_term": "desk lamp", "results": 4}],
        {"searches": 2},
        {"desk lamp": 2},
        {},
    ),
    "nothing found": (
        [{"search_term": "sofa", "results": 0}, {"search_term": "sofa", "results": 0.0}],
        {"searches": 2, "searches_empty": 2},
        {"sofa": 2},
        {"sofa": 2},
    ),
    "what is no number says nothing of results": (
        [{"search_term": "sofa", "results": one} for one in (False, "0", "", [], {}, None, -1)]
        + [{"search_term": "sofa"}],
        {"searches": 8},
        {"sofa": 8},
        {},
    ),
    "telephone numbers become no term": (
        [{"search_term": one} for one in ("Call +49 30 1234567", "call 030/1234567", 301234567, "4006381333931")],
        {"searches": 4},
        {"call (number)": 2, "(number)": 1, "4006381333931": 1},
        {},
    ),
    "a number is a term, and what is none is still a search": (
        [{"search_term": one} for one in (4711, "", "  ", [], {}, None, True)] + [{}],
        {"searches": 8},
        {"4711": 1, "true": 1},
        {},
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
async def test_searches(made: Timeline, name: str) -> None:
    props, totals, terms, empty = SEARCHES[name]
    await arrive(made, said(0, "page_view"), *(said(n, "search", one) for n, one in enumerate(props, 1)))
    found = await made.totals()
    assert {field: count for field, count in found.items() if field.startswith("searches")} == totals
    assert await made.top("searches", date(TODAY)) == terms
    assert await made.top("searches_empty", date(TODAY)) == empty


async def test_a_term_of_any_length_is_a_short_name(made: Timeline) -> None:
    await arrive(made, *(said(n, "search", {"search_term": "x" * 5_000 + str(n)}) for n in range(2)))
    found = await made.top("searches", date(TODAY))
    assert len(found) == 2
    assert all(len(term) <= 64 for term in found)


async def test_a_retry_counts_once_and_a_bot_not_at_all(made: Timeline) -> None:
    search = said(1, "search", {"search_term": "lamp", "results": 0})
    await arrive(made, said(0, "page_view"), search, search)
    await arrive(
        made, event("visitor-2", "page-two", 1, 9_000, "search", props={"search_term": "lamp"}, bot="Some bot")
    )
    assert (await made.totals())["searches"] == 1


async def test_pages_that_do_not_exist(made: Timeline) -> None:
    await arrive(made, said(0, "page_view", path="/lamp"), said(1, "not_found", path="/lamp"))
    assert (await made.totals())["not_found"] == 1
    assert await made.top("not_found", date(TODAY)) == {"/lamp": 1}


async def test_products_seen_count_once_an_event(made: Timeline) -> None:
    items = [{"item_id": "lamp"}, {"item_id": "lamp"}, {"item_id": 7}, {"item_id": True}, {"item_id": ""}, "lamp"]
    await arrive(made, said(0, "page_view"), said(1, "view_item", {"items": items}), said(2, "view_item"))
    assert await made.top("viewed", date(TODAY)) == {"lamp": 1, "7": 1}


FUNNEL: dict[str, tuple[list[str], list[int]]] = {
    "only looks": (["search"], [0, 0, 0, 0, 0]),
    "a product": (["view_item", "view_item"], [1, 0, 0, 0, 0]),
    "back to a product from the checkout": (["begin_checkout", "view_item"], [1, 1, 1, 0, 0]),
    "bought without a cart": (["purchase"], [1, 1, 1, 1, 1]),
    "all": (["view_item", "add_to_cart", "begin_checkout", "add_payment_info", "purchase"], [1, 1, 1, 1, 1]),
}
STEPS = ("seen", "carted", "checkout", "payment", "bought")


async def steps(made: Timeline, day: str = TODAY) -> list[int]:
    found = await made.day(day)
    return [found.get(f"funnel_{step}", 0) for step in STEPS]


@pytest.mark.parametrize("name", FUNNEL)
async def test_how_far_a_visit_came(made: Timeline, name: str) -> None:
    types, wanted = FUNNEL[name]
    await arrive(made, said(0, "page_view"), *(said(n, type, dict(LAMP)) for n, type in enumerate(types, 1)))
    assert await steps(made) == [0] * 5  # it goes on
    await made.start()  # another process ends it
    await made.pass_time(60 * MINUTE)
    assert await steps(made) == wanted


async def test_a_visit_whose_gap_is_closed_by_a_late_event_counts_once(made: Timeline) -> None:
    early = [event(V, PAGE, 0, 0), event(V, PAGE, 1, 1_000, "begin_checkout")]
    after = 40 * MINUTE
    later = [event(V, "page-two", 0, after), event(V, "page-two", 1, after + 1_000, "view_item")]
    for one in (*early, *later):
        await made.append(one, at=after + 2_000)
    await made.append(event(V, "page-three", 0, 20 * MINUTE), at=after + 3_000)
    await made.run()
    await made.pass_time(DAY)
    assert (await made.totals())["sessions"] == 1
    assert await steps(made) == [1, 1, 1, 0, 0]


async def test_what_is_said_of_a_visit_that_has_ended_changes_nothing(made: Timeline) -> None:
    await arrive(made, said(0, "page_view"))
    await made.pass_time(120 * MINUTE)
    await arrive(made, said(1, "view_item"))
    await made.pass_time(DAY)
    assert await steps(made) == [0] * 5


async def test_countries_are_those_of_the_first_page_of_a_visit(made: Timeline) -> None:
    """Also where the first one arrives last."""
    later = event(V, "page-two", 0, MINUTE, country="FI")
    await made.append(later, at=MINUTE)
    await made.append(event(V, PAGE, 0, 0, country="DE"), at=2 * MINUTE)
    await made.append(event("visitor-2", "page-three", 0, 0), at=2 * MINUTE)
    await made.run()
    assert await made.top("countries", date(TODAY)) == {"DE": 1}


BANK = "checkout.stripe.com/c/pay"


async def test_who_comes_back_from_paying_counts_each_step_once(made: Timeline) -> None:
    hour = 60 * MINUTE
    first = [said(0, "page_view"), said(1, "view_item"), said(2, "begin_checkout")]
    back = [event(V, "back", 0, hour, referrer=BANK), event(V, "back", 1, hour + 1_000, "purchase")]
    again = [event(V, "again", 0, 2 * hour, referrer=BANK), event(V, "again", 1, 2 * hour + 1_000, "purchase")]
    other = [event(V, "other", 0, 4 * hour), event(V, "other", 1, 4 * hour + 1_000, "view_item")]
    for one in (*first, *back, *again, *other):
        await made.append(one, at=one.time - first[0].time)
        await made.run()
    await made.pass_time(DAY)
    assert (await made.totals())["sessions"] == 2
    assert await steps(made) == [2, 1, 1, 1, 1]


@pytest.mark.parametrize("reach", [["view_item"], ["view_item", "purchase"], []])
async def test_whose_consent_changes_in_the_middle_counts_by_what_came_after(made: Timeline, reach: list[str]) -> None:
    """So that no step has more than there are visits."""
    anonymous = "~nobody"
    before = [event(anonymous, PAGE, 0, 0), event(anonymous, PAGE, 1, 1_000, "view_item")]
    change = event(anonymous, PAGE, 2, 2_000, "consent", level="full")
    after = [event(V, "after", 0, 2_001, continued=True)]
    after += [event(V, "after", n, 3_000 + n, type) for n, type in enumerate(reach, 1)]
    await arrive(made, *before, change, *after)
    await made.pass_time(DAY)
    assert (await made.totals())["sessions"] == 1
    assert await steps(made) == [bool(reach), *[len(reach) > 1] * 4]


async def test_what_annoys_is_counted_by_page_and_is_no_activity(made: Timeline) -> None:
    said_of = [said(n, type, path="/cart") for n, type in enumerate(("rage_click", "dead_click", "js_error"), 1)]
    await arrive(made, said(0, "page_view", path="/cart"), *said_of, said_of[0])
    await made.pass_time(DAY)
    found = await made.totals()
    assert [found[name] for name in ("rage_clicks", "dead_clicks", "js_errors", "bounces")] == [1, 1, 1, 1]
    for name in ("rage_clicks", "dead_clicks", "js_errors"):
        assert await made.top(name, date(TODAY)) == {"/cart": 1}


FORMS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "the last field": ({"form": "Checkout", "fields": ["email", "phone"]}, {"checkout: phone": 1}),
    "no name of a form": ({"fields": ["email"]}, {"email": 1}),
    "another kind of name": ({"form": ["a"], "fields": ["email"]}, {"email": 1}),
    "a number in a name": ({"form": "f", "fields": ["answer-0301234567"]}, {"f: answer-(number)": 1}),
    "no field": ({"form": "checkout", "fields": []}, {}),
    "no list": ({"form": "checkout", "fields": "email"}, {}),
    "no name in the list": ({"form": "checkout", "fields": [7, None]}, {}),
    "nothing": ({}, {}),
}


@pytest.mark.parametrize("name", FORMS)
async def test_forms_that_are_left(made: Timeline, name: str) -> None:
    props, listed = FORMS[name]
    await arrive(made, said(0, "page_view"), said(1, "form_abandoned", props))
    assert (await made.totals())["forms_abandoned"] == 1
    assert await made.top("forms_abandoned", date(TODAY)) == listed


async def test_a_field_of_any_length_is_a_short_name(made: Timeline) -> None:
    await arrive(made, said(0, "page_view"), said(1, "form_abandoned", {"form": "x" * 5_000, "fields": ["y" * 5_000]}))
    (found,) = await made.top("forms_abandoned", date(TODAY))
    assert len(found) <= 64
