"""Small logs about who is linked and forgotten: each comes to the same, cut otherwise, restored or replayed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from tests.log_alone import checks, runs
from tests.log_alone.cases import step, told
from tests.timeline import DAY, MINUTE, START, event, fact
from wakeline.record import Erase


async def test_an_erasure_that_is_said_again_is_no_reason_to_remember_somebody_for_longer(unsynced_server: Any) -> None:
    """As the lane of a customer says it again after a crash: who comes back in time for neither is new to the site."""
    for again in ((), (5 * DAY,)):
        back = told(
            step(event("visitor-1", "page-1", 0, 0)),
            *(step(Erase("shop", "visitor-1", START + MINUTE), at) for at in (MINUTE, *again)),
            step(event("visitor-1", "page-2", 0, 10 * DAY)),
        )
        found = (await runs.live(unsynced_server.url, back)).holdings
        assert found["{0}:shop:totals"]["new_visitors"] == "2"


async def test_which_interests_a_customer_keeps_does_not_depend_on_where_its_visitor_was_loaded_from(
    unsynced_server: Any,
) -> None:
    """Redis gives them by their scores, the worker's cache as they came."""
    hour = 60 * MINUTE
    case = told(
        step(event("visitor-2", "page-2", 0, 0, interests=["Felt", "Wool", "Ash", "Birch"])),
        step(event("visitor-1", "page-1", 0, hour, interests=["Felt", "Wool", "Red", "Sale"])),
        step(event("visitor-1", "page-1", 1, 2 * hour, "identify", customer="@customer0")),
        step(event("visitor-1", "page-3", 0, 5 * hour)),
        step(event("visitor-2", "page-2", 1, 6 * hour, "identify", customer="@customer0")),
        processor__worker__REMEMBERED_PEOPLE=2,
        crm__interests__state__MAX_INTERESTS=5,
        crm__interests__state__KEPT_INTERESTS=3,
    )
    lived = await runs.live(unsynced_server.url, case)
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=2_000)


@pytest.mark.parametrize("order", [("visitor-1", "visitor-2"), ("visitor-2", "visitor-1")])
async def test_of_two_browsers_seen_in_the_same_moment_one_says_where_a_customer_came_from(
    unsynced_server: Any, order: tuple[str, str]
) -> None:
    """The same one in whichever order that comes, as after a crash."""
    sources = {"visitor-1": {"query": {"utm_source": "mail"}}, "visitor-2": {"query": {"utm_source": "paper"}}}
    case = told(
        *(step(event(one, f"page-{one}", 0, 0, "identify", customer="@customer0")) for one in order),
        *(step(event(one, f"page-{one}", 1, MINUTE, **sources[one])) for one in order),
    )
    found = (await runs.live(unsynced_server.url, case)).holdings
    assert found["{0}:shop:profile:@customer0"]["last_source"] == "paper"


async def test_an_erasure_that_is_said_again_takes_no_letter_that_came_since(unsynced_server: Any) -> None:
    """Of a customer who withdrew, so that a later letter about its record holds what it says."""
    said = fact("@customer0", "consent", MINUTE, {"level": "off"}, id="a" * 16)
    case = told(
        step(said),
        step(event("visitor-1", "page-1", 0, 0, "identify", customer="@customer0"), MINUTE),
        step(replace(said, time=said.time - 1), 2 * MINUTE),
        step(Erase("shop", "visitor-1", said.time, customer="@customer0"), 3 * MINUTE),
    )
    found = (await runs.live(unsynced_server.url, case)).holdings
    assert [letter["reason"] for letter in found["{0}:dead"]] == ["conflict"]


async def test_who_is_erased_right_after_a_withdrawal_is_taken_out_of_what_names_it(unsynced_server: Any) -> None:
    """Both reach a lane in one call, and only the erasure is about its things, which Redis has."""
    order = "#" + "a" * 32
    case = told(
        step(fact(order, "purchase", 0, {"value": 900, "currency": "EUR"}, customer="@customer0")),
        *(step(event(f"visitor-{n}", f"page-{n}", 0, MINUTE + n)) for n in range(6)),
        step(fact("@customer0", "consent", 2 * MINUTE, {"level": "off"}), folds=False),
        step(fact("@customer0", "forget", 3 * MINUTE)),
        processor__worker__REMEMBERED_PEOPLE=2,
    )
    found = (await runs.live(unsynced_server.url, dataclasses.replace(case, batch=2_000))).holdings
    assert "@customer0" not in str(found[f"{{0}}:shop:thing:{order}"])
