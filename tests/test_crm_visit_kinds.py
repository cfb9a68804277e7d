"""New and returning visits: the first one of a visitor is new, in whatever order its visits arrive."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from crm.state import decode_visitor, encode_visitor
from tests.timeline import DAY, MINUTE, Timeline, event, timeline
from wakeline.record import Erase, Event

HOUR = 60 * MINUTE
BANK = "checkout.stripe.com/c/pay"
DAYS = ("2027-01-15", "2027-01-16", "2027-01-17")
V = "visitor-1"


def view(at: int, visitor: str = V, **more: Any) -> Event:
    return event(visitor, f"page-{at:09d}", 0, at, **more)


async def arrive(made: Timeline, *events: Event) -> None:
    """Late ones within a day of the others."""
    latest = max(one.time for one in events)
    for one in events:
        await made.append(one, at=latest - events[0].time + 2 * DAY)
        await made.run()


async def kinds(made: Timeline) -> list[tuple[int, int]]:
    """New and returning ones, by day."""
    found = [await made.day(day) for day in DAYS]
    return [(day.get("visits_new", 0), day.get("visits_returning", 0)) for day in found]


VISITS = (view(0), view(DAY), view(DAY + 3 * HOUR), view(2 * DAY))


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_first_is_new_whatever_arrives_first(redis_server: Any, order: tuple[int, ...]) -> None:
    async with timeline(redis_server) as made:
        await arrive(made, *(VISITS[n] for n in order), *(VISITS[n] for n in order))
        assert await kinds(made) == [(1, 0), (0, 2), (0, 1)]
        assert (await made.day(DAYS[1]))["visits"] == 2


CASES: dict[str, tuple[list[Event], list[tuple[int, int]]]] = {
    "an earlier page of the new visit": ([view(50 * MINUTE), view(DAY), view(40 * MINUTE)], [(1, 0), (0, 1), (0, 0)]),
    "an earlier page of a returning one": ([view(0), view(DAY + 50), view(DAY + 40)], [(1, 0), (0, 1), (0, 0)]),
    "the first turns out to be none": (
        [event(V, "page-search", 0, -HOUR, "search"), view(50 * MINUTE), view(40 * MINUTE, referrer=BANK), view(DAY)],
        [(0, 0), (1, 0), (0, 0)],
    ),
    "two visits that were one": ([view(0), view(50 * MINUTE), view(DAY), view(25 * MINUTE)], [(1, 0), (0, 1), (0, 0)]),
    "an earlier page before midnight": ([view(16 * HOUR), view(16 * HOUR - MINUTE)], [(1, 0), (0, 0), (0, 0)]),
    "nobody is remembered": ([view(0, "~one"), view(DAY, "~two")], [(0, 0), (0, 0), (0, 0)]),
    "it went on after a yes": ([view(0, "~one"), view(9, continued=True), view(DAY)], [(1, 0), (0, 1), (0, 0)]),
    "back from where people pay": ([view(0), view(HOUR, referrer=BANK), view(DAY)], [(1, 0), (0, 1), (0, 0)]),
    "a bot": ([view(0, bot="Googlebot"), view(DAY)], [(0, 0), (1, 0), (0, 0)]),
    "an earlier page says that it came back": (
        [view(-HOUR), view(50 * MINUTE), view(40 * MINUTE, referrer=BANK), view(DAY)],
        [(1, 0), (0, 1), (0, 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_kinds(redis_server: Any, name: str) -> None:
    events, wanted = CASES[name]
    async with timeline(redis_server) as made:
        await arrive(made, *events)
        assert await kinds(made) == wanted


async def test_an_erasure_changes_nothing(made: Timeline) -> None:
    await arrive(made, view(0))
    await made.append(Erase("shop", V, view(HOUR).time))
    await made.run()
    await made.append(view(2 * DAY), at=2 * DAY + HOUR)
    await made.run()
    assert await kinds(made) == [(1, 0), (0, 0), (0, 1)]
    assert (await made.totals())["new_visitors"] == 1


async def test_a_visitor_that_an_earlier_version_knew_returns(made: Timeline) -> None:
    await arrive(made, view(0))
    key = made.store.keys.state(made.lane(V), "shop", V)
    stored: Any = await made.redis.get(key)
    state = decode_visitor(stored)
    state.first_visit = 0
    await made.redis.set(key, encode_visitor(state))
    await made.start("later")
    await arrive(made, view(DAY), view(-HOUR), view(2 * DAY))
    assert await kinds(made) == [(1, 1), (0, 1), (0, 1)]
