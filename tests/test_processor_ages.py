"""Who is not heard of any more ends by age: at its time, wholly, and the site's numbers stay."""

from __future__ import annotations

import pytest

from crm.pages import UNPROFILED_MS
from crm.sites import SiteFacts
from crm.state import VisitorState, encode_visitor
from processor.replay import replay
from tests.ages import (
    ALICE,
    BEN,
    MONTHS,
    V,
    W,
    arrive,
    counted,
    due_of,
    fail,
    identify,
    naming,
    pttl,
    until,
    visit,
    walk,
)
from tests.timeline import DAY, MINUTE, SECOND, SITE, START, Timeline, event
from wakeline.keys import NET_MS, Keys
from wakeline.record import Erase

# ---- a visitor -------------------------------------------------------------------------------------------------


async def test_a_visitor_ends_13_months_after_its_last_event_and_is_named_nowhere(made: Timeline) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(V, 9 * MONTHS), visit(W, 9 * MONTHS))
    await arrive(made, identify(W, 9 * MONTHS, ALICE))
    await fail(made, V, "visitor")
    end = (9 + 13) * MONTHS
    await until(made, end - 1)
    assert any(key.endswith(":dead") for key in await naming(made, V))
    assert (await made.profile(V))["page_views"] == "2"
    assert (await made.profile(ALICE))["visitors"] == f'["{V}","{W}"]'
    before = await counted(made)
    await until(made, end)
    assert await naming(made, V) == []
    assert (await made.profile(ALICE))["visitors"] == "[]"
    assert (await made.profile(ALICE))["page_views"] == "3"
    assert await counted(made) == before
    assert before["totals"]["page_views"] == 3


async def test_only_who_ends_goes_off_the_list(made: Timeline) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(W, DAY), identify(W, DAY, ALICE))
    await until(made, 13 * MONTHS)
    assert (await made.profile(ALICE))["visitors"] == f'["{W}"]'
    assert await made.profile(W)


async def test_all_who_list_it_are_told(made: Timeline) -> None:
    """A browser that went from hand to hand."""
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(V, SECOND), identify(V, SECOND, BEN))
    assert (await made.profile(ALICE))["visitors"] == (await made.profile(BEN))["visitors"] == f'["{V}"]'
    await until(made, 14 * MONTHS)
    assert (await made.profile(ALICE))["visitors"] == (await made.profile(BEN))["visitors"] == "[]"
    assert await naming(made, V) == []


@pytest.mark.parametrize("id", [V, ALICE])
async def test_all_who_list_it_are_told_when_it_is_forgotten(made: Timeline, id: str) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, BEN), visit(V, SECOND), identify(V, SECOND, ALICE))
    await arrive(made, Erase(site="shop", id=id, time=START + MINUTE), at=MINUTE)
    assert (await made.profile(BEN))["visitors"] == "[]"


async def test_what_comes_back_after_the_end_is_a_new_visitor(made: Timeline) -> None:
    await arrive(made, visit(V, 0), visit(V, 14 * MONTHS))
    assert (await made.totals())["new_visitors"] == 2
    profile = await made.profile(V)
    assert (profile["first_seen"], profile["page_views"]) == (str(START + 14 * MONTHS), "1")


async def test_who_only_pings_ends_too(made: Timeline) -> None:
    """It has no session, so nothing else waits for it."""
    await arrive(made, event(V, "page", 0, 0, "ping"))
    assert await made.profile(V)
    await until(made, 13 * MONTHS)
    assert await naming(made, V) == []


async def test_a_link_that_an_erasure_left_ends(made: Timeline) -> None:
    """Nothing is in the profile; before, its end was later."""
    await arrive(made, visit(V, 0), identify(V, 2_000, BEN), identify(V, DAY, ALICE), visit(V, 6 * MONTHS))
    await arrive(made, Erase(site="shop", id=V, time=START + 1_000, customer=ALICE), at=6 * MONTHS)
    end = DAY + 13 * MONTHS
    await until(made, end - 1)
    assert await naming(made, V)
    await until(made, end)
    left = [key for key in await naming(made, V) if "tombstone" not in key]
    erased = encode_visitor(VisitorState(erased=START + 1_000))
    assert [await made.redis.get(key) for key in left] == [erased]  # for a replay


@pytest.mark.parametrize("batch", [1, 1_000])
async def test_it_ends_at_its_time_however_the_log_is_cut(made: Timeline, batch: int) -> None:
    """All in one call: also what began in it."""
    same = [f"visitor-{number}" for number in range(60) if made.lane(f"visitor-{number}") == made.lane(V)][:3]
    a, b, c = same
    for one in (
        event(a, "page-a", 0, 0, "ping"),
        visit(b, 5 * MONTHS),
        visit(c, 13 * MONTHS - 1),
        visit(b, 13 * MONTHS + 1),
        visit(a, 14 * MONTHS),
        visit(b, 26 * MONTHS),
    ):
        await walk(made, one.time - START)
        await made.append(one)
    await made.run(batch=batch)
    assert (await made.totals())["new_visitors"] == 4
    assert (await made.profile(b))["page_views"] == "3"
    assert (await made.profile(a))["first_seen"] == str(START + 14 * MONTHS)
    assert not await made.profile(c)


# ---- 25 months after the first event at most ------------------------------------------------------------------


async def test_who_comes_for_ever_begins_anew_and_is_counted_once(made: Timeline) -> None:
    """In the middle of a visit; what was sent before is still known when it is sent again."""
    await arrive(made, *(visit(V, month * MONTHS) for month in range(25)))
    end = 25 * MONTHS
    await arrive(made, visit(V, end - MINUTE), identify(V, end - MINUTE, ALICE))
    assert (await made.profile(V))["page_views"] == "26"
    await until(made, end)
    assert not await made.profile(V)
    assert not await made.interests(V)
    assert (await made.profile(ALICE))["visitors"] == "[]"
    await arrive(made, visit(V, end - MINUTE), event(V, f"page-{V}-{end - MINUTE}", 2, end + MINUTE, "search"))
    await arrive(made, visit(V, end + 2 * MINUTE))
    await until(made, end + DAY)
    profile = await made.profile(V)
    assert (profile["page_views"], profile["first_seen"]) == ("1", str(START + end + MINUTE))
    assert "customer" not in profile
    totals = await made.totals()
    assert (totals["page_views"], totals["new_visitors"], totals["sessions"]) == (27, 1, 26)
    assert (await made.ledger())["duplicate"] == 1


async def test_who_ended_so_and_does_not_come_back_is_known_for_eight_days(made: Timeline) -> None:
    await arrive(made, *(visit(V, month * MONTHS) for month in range(25)), visit(V, 25 * MONTHS - 1))
    await until(made, 25 * MONTHS + DAY)
    on_the_site = ("present", "open", "seen")  # for half an hour at most
    (state,) = [key for key in await naming(made, V) if not key.endswith(on_the_site)]
    assert state == made.store.keys.state(made.lane(V), "shop", V)
    assert UNPROFILED_MS < await pttl(made, state) <= UNPROFILED_MS + DAY


async def test_a_late_event_brings_the_end_forward(quick: Timeline) -> None:
    """It was before all others. Where both numbers of months are the same, the first event alone decides.

    In a replay that knows that its visitor was erased since, too: so it is new again at the same event.
    """
    await arrive(quick, visit(V, 0), visit(W, 0))
    await until(quick, 3 * DAY)
    for one in (V, W):
        await arrive(quick, event(one, "page-late", 0, -5 * DAY, "ping"), at=3 * DAY)
    await until(quick, MONTHS - 5 * DAY - 1)
    assert await quick.profile(V)
    await until(quick, MONTHS - 5 * DAY)
    assert not await quick.profile(V)
    await arrive(quick, visit(V, MONTHS - 3 * DAY), visit(W, MONTHS - 3 * DAY))
    assert (await quick.totals())["new_visitors"] == 4
    await arrive(quick, Erase(site="shop", id=W, time=START + MONTHS), at=MONTHS)
    await replay(quick.log, quick.redis, sites=quick.sites, deployment=quick.deployment, key_space=Keys(2))
    assert await counted(quick, Keys(2)) == await counted(quick)


async def test_a_clock_far_ahead_does_not_keep_a_profile_longer(made: Timeline) -> None:
    """A collector's: what it says of an event's time holds as far as the log's allows."""
    await arrive(made, event(V, "page", 0, 120 * MONTHS), event(W, "page", 0, 120 * MONTHS, "identify"), at=0)
    await until(made, 13 * MONTHS)
    assert await naming(made, V) == []


# ---- a customer ----------------------------------------------------------------------------------------------------


async def test_a_customer_ends_36_months_after_the_last_contact(made: Timeline) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(V, MONTHS))
    await fail(made, ALICE, "customer")
    end = 37 * MONTHS
    await until(made, end - 1)
    assert any(key.endswith(":dead") for key in await naming(made, ALICE))
    assert (await made.profile(ALICE))["page_views"] == "2"
    assert await made.interests(ALICE)
    await until(made, end)
    assert await naming(made, ALICE) == []
    await arrive(made, visit(V, end + DAY), identify(V, end + DAY, ALICE))
    assert (await made.profile(ALICE))["page_views"] == "1"


async def test_the_sites_months_are_those_that_count(quick: Timeline) -> None:
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await until(quick, MONTHS)
    assert await naming(quick, V) == []
    assert await quick.profile(ALICE)
    await until(quick, 2 * MONTHS)
    assert await naming(quick, ALICE) == []


# ---- the net, and who is in the due set -----------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 5 * DAY])
async def test_redis_keeps_each_key_a_week_longer_by_event_time(made: Timeline, late: int) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), at=late)
    names, lane = made.store.keys, made.lane(V)
    for key in (names.state(lane, "shop", V), names.profile(lane, "shop", V), names.interests(lane, "shop", V)):
        assert 0 <= 13 * MONTHS - late + NET_MS - await pttl(made, key) < MINUTE
    lane = made.lane(ALICE)
    for key, more in ((names.state(lane, "shop", ALICE), 0), (names.profile(lane, "shop", ALICE), DAY)):
        assert 0 <= 36 * MONTHS - late + NET_MS + more - await pttl(made, key) < MINUTE


async def test_a_customers_profile_lives_as_long_as_its_state_however_often_it_is_heard_of(made: Timeline) -> None:
    """Its lifetime begins again once a day."""
    await arrive(made, visit(V, 0), identify(V, 0, ALICE))
    names, lane = made.store.keys, made.lane(ALICE)
    for hour in range(1, 60, 7):
        at = hour * DAY // 24
        await arrive(made, event(V, f"page-{hour}", 0, at), at=at)
        state = await pttl(made, names.state(lane, "shop", ALICE))
        assert 0 <= await pttl(made, names.profile(lane, "shop", ALICE)) - state <= DAY


async def test_only_who_has_a_profile_waits_once_its_visit_is_over(made: Timeline) -> None:
    await arrive(
        made,
        visit(V, 0),
        visit("~reader", 0),
        event("~reader", "page-r", 0, 1, "ping"),
        event(W, "page-w", 0, 0, counted_only=True),
        visit("visitor-3", 0),
        Erase(site="shop", id="visitor-3", time=START + 1),
        visit("visitor-4", 0),
        event("visitor-4", "page-4", 0, 5, "consent", level="off"),
    )
    await until(made, DAY)
    assert await due_of(made) == [f"shop/{V}"]


@pytest.mark.parametrize("how", ["erased", "withdrew too late to be counted"])
async def test_who_is_forgotten_is_at_once_in_no_list(made: Timeline, how: str) -> None:
    await arrive(made, visit(V, 0), identify(V, 0, ALICE))
    await until(made, 20 * DAY)
    if how == "erased":
        await arrive(made, Erase(site="shop", id=ALICE, time=made.now), at=20 * DAY)
    else:
        await arrive(made, event(V, "page-off", 0, 10 * DAY, "consent", level="off"), at=20 * DAY)
    assert await due_of(made) == []


async def test_former_data_wait_from_their_next_event_on(made: Timeline) -> None:
    """Until then their keys expire when the former code said."""
    await arrive(made, visit(V, 0), visit(W, 0))
    await until(made, DAY)
    for lane in range(4):
        await made.redis.delete(made.store.keys.due(lane))
    await made.start()
    left = await pttl(made, made.store.keys.state(made.lane(W), "shop", W))
    await arrive(made, event(V, "page-v", 0, MONTHS, "ping"))
    assert await due_of(made) == [f"shop/{V}"]
    assert 0 <= left - await pttl(made, made.store.keys.state(made.lane(W), "shop", W)) < MINUTE
    await until(made, 14 * MONTHS)
    assert await naming(made, V) == []


async def test_who_was_known_for_too_long_by_former_code_ends_with_its_next_visit(made: Timeline) -> None:
    """What it did lately is still known then."""
    await arrive(made, *(visit(V, month * MONTHS) for month in range(25)))
    for lane in range(4):
        await made.redis.delete(made.store.keys.due(lane))
    await made.start()
    await arrive(made, visit(V, 26 * MONTHS))
    assert await pttl(made, made.store.keys.state(made.lane(V), "shop", V)) > 0
    await until(made, 26 * MONTHS + DAY)
    assert not await made.profile(V)
    await arrive(made, visit(V, 26 * MONTHS))
    assert (await made.ledger())["duplicate"] == 1
    totals = await made.totals()
    assert (totals["new_visitors"], totals["sessions"]) == (1, 26)


def test_the_site_has_the_legal_defaults() -> None:
    assert SiteFacts(SITE).lives == (13 * MONTHS, 25 * MONTHS, 36 * MONTHS)
