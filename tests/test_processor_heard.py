"""A visitor without a profile is remembered for eight days of log time: with a cached state, with an expired key, and
in a replay that starts with the current tombstones.
"""

from __future__ import annotations

from typing import Any

import pytest

from processor.people import FORGOTTEN_LIVES
from processor.replay import replay
from tests.timeline import DAY, START, Timeline, event
from wakeline.keys import Keys
from wakeline.record import Erase, Event, Record

V, ALICE, BEN = "visitor-1", "@customer0", "@customer1"


def said(day: float, type: str = "page_view", **fields: Any) -> Event:
    """An event on that day."""
    return event(V, f"page-{day}-{type}", 0, round(day * DAY), type, **fields)


def erase(day: float, id: str = V) -> Erase:
    return Erase(site="shop", id=id, time=START + round(day * DAY))


STORIES: dict[str, tuple[list[Record], dict[str, int]]] = {
    "only counted, then with a profile, then erased": (
        [said(0, counted_only=True), said(20), erase(21)],
        {"new_visitors": 2},
    ),
    "with a profile all along, then erased": ([said(0), said(20), said(40), erase(41)], {"new_visitors": 1}),
    "with a profile all along, though later events are only counted": (
        [said(0), said(20, counted_only=True), said(40, counted_only=True), erase(41)],
        {"new_visitors": 1},
    ),
    "withdrew when there was nothing, and again from a profile": (
        [said(0, "consent", level="off"), said(20), said(20.1, "consent", level="off")],
        {"new_visitors": 2, "withdrawals": 2},
    ),
    "withdrew, and comes all the same": (
        [said(0), said(1, "consent", level="off"), said(7), said(14), said(30)],
        {"new_visitors": 2, "withdrawals": 1},
    ),
    "withdrew late": ([said(10), said(0.5, "consent", level="off"), said(30)], {"new_visitors": 2}),
    "erased, and comes back soon": ([said(0), erase(1), said(8)], {"new_visitors": 1}),
    "erased, and comes back after it was forgotten": ([said(0), erase(1), said(21)], {"new_visitors": 2}),
    "erased when it had nothing, and comes back": (
        [said(0, counted_only=True), erase(20), said(25)],
        {"new_visitors": 2},
    ),
    "erased twice": ([said(0), erase(1), said(7), erase(8), said(16), said(40), erase(41)], {"new_visitors": 1}),
    "its customer is erased, an event of before comes late, and it withdraws at last": (
        [said(0), said(0.1, "identify", customer=ALICE), erase(3, ALICE), said(2), said(30),
         said(30.1, "consent", level="off")],
        {"new_visitors": 2, "withdrawals": 1},
    ),
    "its customer is erased, the next link is of an event that is only counted": (
        [said(0), said(0.1, "identify", customer=ALICE), said(0.2, "identify", customer=BEN, counted_only=True),
         erase(1, ALICE), said(30)],
        {"new_visitors": 1, "identified": 1},
    ),
    "its customer is erased, the link is of later": (
        [said(0), said(0.1, "identify", customer=ALICE), said(2, "identify", customer=ALICE), erase(1, ALICE),
         said(30)],
        {"new_visitors": 1, "identified": 1},
    ),
}  # fmt: skip
"""Records in the order of the log, and what the site counts."""


@pytest.mark.parametrize("restarts", [False, True], ids=["at hand", "expired"])
@pytest.mark.parametrize("name", STORIES)
async def test_the_sites_numbers_are_the_same_whoever_looks(made: Timeline, name: str, restarts: bool) -> None:
    story, wanted = STORIES[name]
    for record in story:
        time = record.time - START if isinstance(record, Event | Erase) else 0
        if restarts:
            await expire(made, max(0, START + time - made.now))
            await made.start()
        await made.append(record, at=time)
        await made.run()
        await made.run()
    live = await made.totals()
    assert {field: live.get(field, 0) for field in wanted} == wanted
    for batch in (1, 2_000):
        into = Keys(1 + batch)
        await replay(
            made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into, batch_records=batch
        )
        assert await made.totals(into) == live
        assert await made.profile(V, into) == await made.profile(V)


async def expire(made: Timeline, ms: int) -> None:
    """What Redis removes until `ms` later; visits end before."""
    await made.pass_time(min(ms, DAY))
    key = made.store.keys.state(made.lane(V), "shop", V)
    lives = await made.redis.pttl(key)
    if 0 < lives <= int(FORGOTTEN_LIVES) and lives <= ms:
        await made.redis.delete(key)
