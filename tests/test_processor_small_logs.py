"""Small logs in which things meet that hardly ever do: each comes to the same, cut otherwise, restored or replayed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.log_alone import checks, runs
from tests.log_alone.cases import Case, Kind, Step, step, told
from tests.log_alone.holdings import LIVES, but_for_its_log, differences
from tests.timeline import DAY, MINUTE, SECOND, SITE, START, event
from wakeline.record import Erase, Tick
from wakeline.settings import InterestRule, Site

GOOGLE, MAIL = {"referrer": "www.google.com/"}, {"query": {"utm_source": "mail"}}


def tick(at: int) -> Step:
    return step(Tick(), at, lane_of="visitor-1")


async def cut(url: str, case: Case) -> list[str]:
    return await checks.cut(url, case, await runs.live(url, case))


async def restored(url: str, case: Case) -> list[str]:
    """From every state that there was."""
    lived = await runs.live(url, case, keeps=lambda written: True)
    return [line for kept in range(len(lived.kept)) for line in await checks.restored(url, case, lived, kept, batch=1)]


async def test_what_a_deadline_tells_arrives(unsynced_server: Any) -> None:
    """Also where the record at which it fires tells the same customer something."""
    case = told(
        step(event("visitor-1", "page-1", 0, 0)),
        step(event("visitor-1", "page-1", 1, 1, "identify", customer="@customer0")),
        step(event("visitor-2", "page-2", 0, 20 * MINUTE, "identify", customer="@customer0")),
        step(event("visitor-2", "page-2", 1, 31 * MINUTE)),
        kind=Kind(tells_ends=True),
    )
    found = (await runs.live(unsynced_server.url, case)).holdings
    assert found["{0}:shop:profile:visitor-1"]["events"] == "1"
    assert found["{0}:shop:profile:@customer0"]["events"] == "1"


async def test_visits_end_in_the_order_of_their_deadlines(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 0, path="/first")),
        step(event("visitor-2", "page-2", 0, SECOND, path="/second")),
        tick(30 * MINUTE),
        step(event("visitor-2", "page-2", 1, 31 * MINUTE, "ping")),
        wakeline__keys__TOP_MEMBERS=1,
    )
    assert not await cut(unsynced_server.url, case)


async def test_a_replay_under_another_rule_reaches_customers(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer="@customer0")),
        step(event("visitor-1", "page-2", 0, 1, path="/shoes/red")),
    )
    lived = await runs.live(unsynced_server.url, case, site=SITE)
    boots = Site(key="shop", interests=(InterestRule(path="/shoes/*", interest="Boots"),))
    found = await runs.replayed(unsynced_server.url, case, lived, batch=1, site=boots)
    assert found["{0}:shop:interests:visitor-1"].keys() == {"boots"}
    assert found["{0}:shop:interests:@customer0"].keys() == {"boots"}


async def test_what_was_taken_back_is_in_no_list(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 5 * MINUTE, **GOOGLE)),
        step(event("visitor-1", "page-2", 0, 0, **MAIL), 5 * MINUTE),
    )
    found = (await runs.live(unsynced_server.url, case)).holdings
    lists = [value for key, value in found.items() if ":top:sources:" in key and not key.endswith(LIVES)]
    assert [members for members in lists if 0 in members.values()] == []


async def test_what_was_taken_back_keeps_no_slot_of_a_capped_list(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 0)),
        step(event("visitor-1", "page-2", 0, 40 * MINUTE, **GOOGLE), 40 * MINUTE),
        step(event("visitor-1", "page-3", 0, 20 * MINUTE), 40 * MINUTE),
        tick(40 * MINUTE),
        step(event("visitor-2", "page-4", 0, 40 * MINUTE, **MAIL)),
        wakeline__keys__TOP_MEMBERS=2,
    )
    assert not await cut(unsynced_server.url, case)


async def test_a_page_that_a_bot_saw_is_nobodys_presence(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 0, bot="Googlebot")),
        step(event("visitor-1", "page-2", 0, 1)),
        step(event("visitor-1", "page-2", 1, 2, "engagement", leave=True)),
    )
    assert not await restored(unsynced_server.url, case)


async def test_a_sign_that_comes_late_shortens_no_presence(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 10 * SECOND)),
        step(event("visitor-1", "page-2", 0, 0), 10 * SECOND),
    )
    assert not await restored(unsynced_server.url, case)


async def test_a_visitor_was_last_seen_by_its_last_sign(unsynced_server: Any) -> None:
    case = told(
        *(tick(0) for _ in range(6)),
        step(event("visitor-1", "page-1", 0, 2 * SECOND)),
        step(event("visitor-1", "page-1", 1, 3 * SECOND, "consent", level="anonymous")),
        step(event("visitor-1", "page-2", 0, 1 * SECOND), 3 * SECOND),
    )
    assert not await cut(unsynced_server.url, case)


async def test_visits_of_one_visitor_are_noted_as_they_end(unsynced_server: Any) -> None:
    """Only the last four are known to late events, so the order decides which."""
    case = told(
        step(event("visitor-1", "page-1", 0, 2 * 60 * MINUTE)),
        step(event("visitor-1", "page-2", 0, 0), 125 * MINUTE),
        step(event("visitor-1", "page-1", 1, 130 * MINUTE, "search")),
        tick(156 * MINUTE),
        tick(165 * MINUTE),
    )
    assert not await cut(unsynced_server.url, case)


async def test_whoever_is_told_to_forget_is_told_up_to_when(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, MINUTE, "identify", customer="@customer0")),
        step(event("visitor-2", "page-2", 0, MINUTE, "identify", customer="@customer0")),
        step(Erase("shop", "@customer0", START), MINUTE),
        step(event("visitor-2", "page-2", 1, 2 * MINUTE, "consent", level="off")),
    )
    assert not await cut(unsynced_server.url, case)


async def test_an_erasure_that_is_told_again_changes_nothing(unsynced_server: Any) -> None:
    """Its record comes twice where its customer's lane is folded again."""
    case = told(
        step(event("visitor-1", "page-1", 0, 0, "identify", customer="@customer0")),
        step(event("visitor-1", "page-1", 1, 1, "identify", customer="@customer1")),
        step(Erase("shop", "@customer0", START + MINUTE), MINUTE),
        step(event("visitor-1", "page-2", 0, 2 * MINUTE, path="/shoes/red")),
        step(event("visitor-1", "page-2", 1, 2 * MINUTE + 1, "identify", customer="@customer0")),
    )
    assert not await restored(unsynced_server.url, case)


async def test_a_replay_knows_what_a_withdrawal_forgot(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, MINUTE, "identify", customer="@customer0")),
        step(Erase("shop", "@customer0", START), MINUTE),
        step(event("visitor-1", "page-1", 1, 2 * MINUTE, "consent", level="off")),
    )
    lived = await runs.live(unsynced_server.url, case)
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_a_replay_keeps_who_came_back_long_after_an_erasure(unsynced_server: Any) -> None:
    """It ended by age in between, and another customer's erasure, which asks for its link, reaches it a year late."""
    case = told(
        step(event("visitor-1", "page-0", 0, 0)),
        step(Erase("shop", "visitor-1", START + MINUTE), MINUTE),
        step(event("visitor-1", "page-0", 1, 2 * MINUTE)),
        *(tick(days * DAY) for days in (400, 401)),
        *(step(event(f"visitor-{number}", f"page-{number}", 0, 402 * DAY)) for number in (1, 2, 3)),
        step(Erase("shop", "visitor-1", START + 3 * MINUTE, customer="@customer0"), 403 * DAY),
        processor__worker__REMEMBERED_PEOPLE=2,
    )
    lived = await runs.live(unsynced_server.url, case)
    assert lived.holdings["{0}:shop:profile:visitor-1"]["page_views"] == "1"
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_an_anonymous_visit_stays_as_it_was(unsynced_server: Any) -> None:
    """It is in no profile, so what is said of it in the state is all that differs."""
    case = told(
        step(Erase("shop", "~anonymous-0", START + MINUTE), MINUTE),
        step(event("~anonymous-0", "page-1", 0, 0), 2 * MINUTE),
        tick(33 * MINUTE),
    )
    assert not await restored(unsynced_server.url, case)


async def test_no_deadline_waits_for_a_later_one(unsynced_server: Any) -> None:
    """The first event has a clock that is two hours ahead."""
    case = told(
        step(event("visitor-1", "page-1", 0, 120 * MINUTE), 0),
        step(event("visitor-1", "page-2", 0, MINUTE)),
        tick(32 * MINUTE),
    )
    assert not await cut(unsynced_server.url, case)


async def test_the_deadlines_of_a_lane_are_the_same(unsynced_server: Any) -> None:
    case = told(step(event("visitor-1", "page-1", 0, 0)), step(event("visitor-1", "page-1", 1, MINUTE, "search")))
    lived = await runs.live(unsynced_server.url, case)
    found, _ = await runs.settled(unsynced_server.url, case, lived.lanes, batch=2_000)
    assert "{0}:due" in found
    assert not differences(but_for_its_log(found), but_for_its_log(lived.holdings))


async def test_a_replay_keeps_what_a_former_customer_had_of_a_visitor(unsynced_server: Any) -> None:
    """Who withdraws is forgotten with its present customer; another one to whom the browser belonged before is not."""
    case = told(
        step(event("visitor-1", "page-1", 0, 0)),
        step(event("visitor-1", "page-1", 1, 1, "identify", customer="@customer0")),
        step(event("visitor-1", "page-1", 2, 2, "identify", customer="@customer1")),
        step(event("visitor-1", "page-1", 3, MINUTE, "consent", level="off")),
    )
    lived = await runs.live(unsynced_server.url, case)
    assert lived.holdings["{0}:shop:profile:@customer0"]["page_views"] == "1"
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_what_a_visitor_brings_to_a_customer_is_forgotten_with_it(unsynced_server: Any) -> None:
    """Also where the customer was forgotten up to a later time, before the visitor was linked to it."""
    case = told(
        step(event("visitor-1", "page-1", 0, 0)),
        step(Erase("shop", "@customer0", START + 2 * MINUTE), 2 * MINUTE),
        step(event("visitor-1", "page-1", 1, 3 * MINUTE, "identify", customer="@customer0")),
        step(Erase("shop", "visitor-1", START + MINUTE), 3 * MINUTE),
    )
    lived = await runs.live(unsynced_server.url, case)
    assert "{0}:shop:profile:@customer0" not in lived.holdings
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_a_replay_tells_of_a_visitor_what_was_told_before_it_was_forgotten(unsynced_server: Any) -> None:
    """Its second customer knows from where it came, though that was forgotten with the first one."""
    case = told(
        step(event("visitor-1", "page-1", 0, 0, **GOOGLE)),
        step(event("visitor-1", "page-1", 1, 1, "identify", customer="@customer0")),
        step(event("visitor-1", "page-1", 2, MINUTE, "identify", customer="@customer1")),
        step(Erase("shop", "@customer0", START + MINUTE), MINUTE),
    )
    lived = await runs.live(unsynced_server.url, case)
    assert lived.holdings["{0}:shop:profile:@customer1"]["last_source"] == "google"
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_a_page_instance_that_comes_again_is_about_nothing_of_before(unsynced_server: Any) -> None:
    """The earlier one was too old to be known; both were put outside of the state on one day."""
    far = 10 * 24 * 60 * MINUTE
    case = told(
        step(event("visitor-1", "page-1", 0, 0, path="/shoes/red")),
        *(step(event("visitor-1", f"page-{number}", 0, far)) for number in range(2, 6)),
        step(event("visitor-1", "page-1", 1, far, "engagement")),
        *(step(event("visitor-1", f"page-{number}", 0, far)) for number in range(6, 10)),
        crm__pages__STATE_BYTES=600,
    )
    assert not await cut(unsynced_server.url, case)


async def test_a_visitor_that_is_unknown_again_is_on_the_site_by_its_new_signs(unsynced_server: Any) -> None:
    """It had no profile, and a collector whose clock was weeks ahead said that it was there."""
    day = 24 * 60 * MINUTE
    case = told(
        step(event("visitor-1", "page-1", 0, 0, "consent", level="off")),
        step(event("visitor-1", "page-1", 1, 20 * day), 1),
        step(event("visitor-1", "page-2", 0, 9 * day)),
        step(event("visitor-1", "page-2", 1, 9 * day + SECOND, "ping")),
    )
    assert not await restored(unsynced_server.url, case)


async def test_an_open_page_that_lies_outside_of_the_state_is_presence(unsynced_server: Any) -> None:
    """Until it is left; another one that is left first changes nothing."""
    case = told(
        *(step(event("visitor-1", f"page-{number}", 0, number)) for number in range(4)),
        step(event("visitor-1", "page-3", 1, SECOND, "engagement", leave=True)),
        step(event("visitor-1", "page-0", 1, 2 * SECOND, "ping")),
        step(event("visitor-1", "page-0", 2, 3 * SECOND, "engagement", leave=True)),
        step(event("visitor-1", "page-1", 1, 4 * SECOND, "engagement", leave=True)),
        crm__pages__STATE_BYTES=500,
    )
    assert not await restored(unsynced_server.url, case)


async def test_a_page_that_only_gave_late_signs_is_nobodys_presence(unsynced_server: Any) -> None:
    """Nor is it after a reload, where its collector's clock was ahead."""
    late = replace(event("visitor-1", "page-1", 0, 60 * MINUTE), received=START + 120 * MINUTE)
    case = told(step(late, 0), step(event("visitor-1", "page-2", 0, MINUTE)))
    assert not await restored(unsynced_server.url, case)


async def test_a_page_that_a_bot_goes_on_with_is_nobodys_presence(unsynced_server: Any) -> None:
    case = told(
        step(event("visitor-1", "page-1", 0, 10 * SECOND)),
        step(event("visitor-1", "page-1", 1, 11 * SECOND, bot="Googlebot")),
        step(event("visitor-1", "page-2", 0, 5 * SECOND), 11 * SECOND),
    )
    assert not await restored(unsynced_server.url, case)


async def test_a_page_is_known_as_long_wherever_it_lies(unsynced_server: Any) -> None:
    """Its collector's clock was two hours ahead, so it went outside of the state on the day before its own."""
    hour = 60 * MINUTE
    ahead, again = int(15.5 * hour), int((15.5 + 8 * 24 + 2) * hour)
    case = told(
        step(event("visitor-1", "page-1", 0, ahead + 2 * hour), ahead),
        step(event("visitor-1", "page-1", 1, again, "ping")),
        crm__pages__STATE_BYTES=100,
    )
    assert not await cut(unsynced_server.url, case)


async def test_who_is_forgotten_is_on_the_site_for_as_long(unsynced_server: Any) -> None:
    """By a page that lies outside of the state, too."""
    case = told(
        *(step(event("visitor-1", f"page-{number}", 0, number)) for number in range(4)),
        step(Erase("shop", "visitor-1", START), SECOND),
        step(event("visitor-1", "page-3", 1, 2 * SECOND, "engagement", leave=True)),
        crm__pages__STATE_BYTES=300,
    )
    assert not await restored(unsynced_server.url, case)
