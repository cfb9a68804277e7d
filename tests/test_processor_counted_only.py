"""Events that may only be counted: the site's numbers are the same, but they create no profile."""

from __future__ import annotations

import random
from typing import Any

import pytest

from crm.pages import UNPROFILED_MS
from tests.replay_stand import DAYS, IDS, stand
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, event
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.record import Event

V, PAGE = "visitor-1", "page-one"
TODAY = "2027-01-15"
CUSTOMER = "@customer0"


async def arrive(made: Timeline, *events: Event) -> None:
    for one in events:
        await made.append(one)
        await made.run()
        await made.run()


def counted(*args: Any, **fields: Any) -> Event:
    return event(*args, counted_only=True, **fields)


@pytest.mark.parametrize("seed", range(4))
async def test_the_sites_numbers_are_those_of_anybody(state: Any, seed: int) -> None:
    events = a_week_of_visits(random.Random(seed))
    async with stand(state) as live:
        await arrive(live.made, *events)
        await live.made.pass_time(DAY)
        wanted = await live.made.numbers([], DAYS)
    async with stand(state) as live:
        for one in events:
            one.counted_only = True
        await arrive(live.made, *events)
        await live.made.pass_time(DAY)
        assert await live.made.numbers([], DAYS) == wanted
        for id in IDS:
            assert not await live.made.profile(id)
            assert not await live.made.interests(id)


async def test_its_state_lives_as_long_as_its_events_could_come_again(made: Timeline) -> None:
    await arrive(made, counted(V, PAGE, 0, 0), event("visitor-2", "page-two", 0, 0))
    lives = {id: await made.redis.pttl(Keys().state(made.lane(id), "shop", id)) for id in (V, "visitor-2")}
    assert UNPROFILED_MS < lives[V] <= UNPROFILED_MS + DAY_MS
    assert lives["visitor-2"] > 399 * DAY_MS


async def test_who_has_a_profile_goes_on_as_ever(made: Timeline) -> None:
    await arrive(
        made,
        event(V, PAGE, 0, 0),
        counted(V, "page-two", 0, MINUTE),
        counted(V, "page-two", 1, 2 * MINUTE, "identify", customer=CUSTOMER),
        counted(V, "page-two", 2, 3 * MINUTE, "signup"),
    )
    profile = await made.profile(V)
    assert (profile["page_views"], profile["events"], profile["customer"]) == ("2", "1", CUSTOMER)
    assert (await made.profile(CUSTOMER))["page_views"] == "2"


async def test_a_profile_begins_with_the_first_event_that_may_begin_one(made: Timeline) -> None:
    await arrive(
        made,
        counted(V, PAGE, 0, 0, path="/shoes/red"),
        event(V, "page-two", 0, MINUTE, path="/bags"),
        counted(V, "page-three", 0, 2 * MINUTE),
    )
    profile = await made.profile(V)
    assert (profile["page_views"], profile["first_seen"]) == ("2", str(START + MINUTE))
    assert not await made.interests(V)
    today = await made.day(TODAY)
    assert (today["page_views"], today["new_visitors"], today["visits"]) == (3, 1, 1)


async def test_an_identify_links_nobody_who_has_no_profile(made: Timeline) -> None:
    await arrive(
        made, counted(V, PAGE, 0, 0), counted(V, PAGE, 1, 1, "identify", customer=CUSTOMER), event(V, "page-two", 0, 2)
    )
    assert not await made.profile(CUSTOMER)
    assert "customer" not in await made.profile(V)
    assert (await made.totals())["identified"] == 1


async def test_visits_from_before_the_profile_are_not_taken_out_of_it(made: Timeline) -> None:
    """Two visits that turn out to be one, of which it knew neither."""
    await arrive(
        made,
        counted(V, "page-two", 0, 40 * MINUTE),
        counted(V, PAGE, 0, 0),
        event(V, "page-three", 0, 20 * MINUTE),
    )
    assert "visits" not in await made.profile(V)
    assert (await made.day(TODAY))["visits"] == 1


async def test_a_withdrawal_is_one_also_of_who_is_only_counted(made: Timeline) -> None:
    await arrive(made, event(V, PAGE, 0, 0), counted(V, PAGE, 1, 1, "consent", level="off"), event(V, "page-two", 0, 2))
    assert not await made.profile(V)
    assert (await made.totals())["withdrawals"] == 1


async def test_who_comes_back_after_that_time_is_new_again_also_in_a_replay(state: Any) -> None:
    """The live version's state has expired by then; a replay, which takes minutes, forgets it as well."""
    rng = random.Random(5)
    async with stand(state) as live:
        visits = [counted(f"visitor-{n}", f"page-{n}-{day}", 0, day * DAY) for day in range(9) for n in range(6)]
        await arrive(live.made, *rng.sample(visits, 30))
        at = live.made.now - START
        for n, days in enumerate((7.0, 8.1, 8.9, 20.0, 20.0, 8.0)):
            again = at + round(days * DAY)
            await live.made.append(
                counted(f"visitor-{n}", f"page-{n}-again", 0, again), at=max(again, live.made.now - START)
            )
            await live.made.run()
        await arrive(live.made, event("visitor-4", "page-of-profile", 0, at + 21 * DAY))
        await live.switch(2, batch_records=7)
        assert await live.made.numbers(IDS, DAYS) == await live.made.numbers(IDS, DAYS, Keys(1))
        totals = await live.made.totals()
        assert 6 < totals["new_visitors"] < 12
