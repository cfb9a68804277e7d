"""A profile that starts over shows nothing from before its visitor was erased, however the log is divided."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crm.pages import UNPROFILED_MS
from crm.state import VisitorState, encode_state
from crm.visits.state import Session
from processor.loaded import Loaded, visitor_of
from processor.replay import replay
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, event
from wakeline.keys import TOMBSTONE_TTL_MS, Keys
from wakeline.record import Erase, Event, Record

V, ALICE, BOB = "visitor-1", "@customer0", "@customer1"
DAYS = [f"2027-01-{day}" for day in range(14, 27)]
CUTS = (1, 3, 2_000)
HOUR = 60 * MINUTE
WITHHELD_DAYS = UNPROFILED_MS // MINUTE  # in minutes

SECRET: dict[str, Any] = {"path": "/secret", "query": {"utm_source": "clinic", "utm_campaign": "hiv"}}


async def replayed(made: Timeline, batch: int) -> Keys:
    into = Keys(1 + batch)
    await replay(
        made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into, batch_records=batch
    )
    return into


async def tell(made: Timeline, story: list[tuple[int, Record]]) -> None:
    """Each record at its minute, live one by one."""
    for minute, record in story:
        await made.append(record, at=minute * MINUTE)
        await made.run()
        await made.run()  # what one lane owes another


async def agree(made: Timeline, ids: tuple[str, ...] = (V, ALICE, BOB)) -> None:
    """Replays in any cuts show what the live version does."""
    wanted = await made.numbers(ids, DAYS)
    for batch in CUTS:
        assert await made.numbers(ids, DAYS, await replayed(made, batch)) == wanted


def view(minute: int, page: str = "", **fields: Any) -> tuple[int, Event]:
    return minute, event(V, page or f"page-{minute}", 0, minute * MINUTE, **fields)


def late(minute: int, of: int, type: str = "page_view", **fields: Any) -> tuple[int, Event]:
    return minute, event(V, f"late-{of}", 0, of * MINUTE, type, **fields)


def said(minute: int, type: str, n: int = 0, **fields: Any) -> tuple[int, Event]:
    return minute, event(V, f"said-{minute}-{type}", n, minute * MINUTE, type, **fields)


def erase(minute: int, id: str = V) -> tuple[int, Erase]:
    return minute, Erase(site="shop", id=id, time=START + minute * MINUTE)


STORIES: dict[str, tuple[list[tuple[int, Record]], dict[str, Any] | None]] = {
    "goes on with the same visit": ([view(0, **SECRET), erase(1), view(2)], None),
    "comes back to a visit of its own": (
        [view(0, **SECRET), erase(1), view(90, path="/new")],
        {"entry": "/new", "page_views": 1, "source": "direct"},
    ),
    "only searches a day later": ([view(0, **SECRET), erase(1), said(1_442, "search")], None),
    "the visit had ended before": ([view(0, **SECRET), erase(120), said(180, "search")], None),
    "what was queued comes before it goes on": (
        [view(0, path="/"), erase(60), late(70, 55, **SECRET), view(71, path="/new")],
        None,
    ),
    "what was queued comes into its new visit": (
        [view(0, path="/"), erase(60), view(61, path="/new"), late(70, 55, **SECRET), view(72)],
        None,
    ),
    "a visit of before turns out to be the same": (
        [late(20, 0, **SECRET), erase(21), view(40, path="/new"), late(41, 22, "search")],
        None,
    ),
    "a visit of before is later than one of now": (
        [view(0), erase(60), (60, event(V, "new", 0, 100 * MINUTE, path="/new")), late(61, 59, **SECRET), view(120)],
        {"entry": "/new", "page_views": 2, "source": "direct"},
    ),
    "another has the browser": (
        [view(0, **SECRET), said(1, "identify", customer=ALICE), said(5, "identify", customer=BOB),
         erase(6, ALICE), view(7)],
        None,
    ),
    "another has the browser, and a visit of its own": (
        [view(0, **SECRET), said(1, "identify", customer=ALICE), said(5, "identify", customer=BOB),
         erase(6, ALICE), view(90, path="/bobs")],
        {"entry": "/bobs", "page_views": 1, "source": "direct"},
    ),
    "withdrew before there was a profile": (
        [said(0, "consent", level="off"), *(view(n, **SECRET) for n in range(20, WITHHELD_DAYS + 20, 25)),
         view(WITHHELD_DAYS + 30)],
        None,
    ),
}  # fmt: skip
"""What happens, at which minute, and what the profile shows as its visit in the end."""


@pytest.mark.parametrize("name", STORIES)
async def test_its_visit_is_none_of_before(made: Timeline, name: str) -> None:
    story, session = STORIES[name]
    await tell(made, story)
    profile = await made.profile(V)
    assert profile["first_seen"]
    shown = json.loads(profile["session"]) if "session" in profile else None
    assert (shown and {field: shown[field] for field in session or shown}) == session
    for told in (profile, await made.profile(BOB)):
        assert not [word for word in ("secret", "clinic", "hiv") if word in str(told)]
    await agree(made)


async def test_the_site_counts_a_visit_across_an_erasure_once(made: Timeline) -> None:
    await tell(made, [view(0, **SECRET), erase(1), view(2, path="/new")])
    await made.pass_time(DAY)
    totals = await made.totals()
    assert (totals["page_views"], totals["sessions"], totals.get("bounces", 0)) == (2, 1, 0)
    assert await made.top("entries", "d2027-01-15") == {"/secret": 1}
    assert await made.top("exits", "d2027-01-15") == {"/new": 1}
    await agree(made)


async def test_a_visit_of_a_later_withdrawal_is_shown_nowhere(made: Timeline) -> None:
    await tell(made, [view(0, **SECRET), said(1, "consent", level="off"), view(2)])
    assert not await made.profile(V)
    await agree(made)


async def test_a_late_event_is_the_first_seen(made: Timeline) -> None:
    await tell(made, [view(60), late(61, 10, "search")])
    assert (await made.profile(V))["first_seen"] == str(START + 10 * MINUTE)
    await agree(made)


async def test_a_state_of_former_code_shows_no_more_of_before(made: Timeline) -> None:
    """It kept sessions of before the erasure to show them."""
    old = Session(
        START, START + SECOND, START, page_views=1, entry="/secret", entry_at=(START, "p"), page_at=(START, "p")
    )
    new = Session(START + HOUR, START + HOUR, START + HOUR, page_views=1, page="/new", page_at=(START + HOUR, "q"))
    state = VisitorState(sessions=[old, new], former_recent=old, erased=START + MINUTE, first_seen=START + HOUR)
    found = visitor_of("shop", V, Loaded(encode_state(state), {}, START + MINUTE))
    assert [session.unshown for session in found.state.sessions] == [True, False]
    assert (found.state.former_recent, found.state.last_shown) == (None, 0)
    assert found.unshows


async def test_every_key_that_names_who_was_forgotten_ends(made: Timeline) -> None:
    """Also without other visitors, or if the site is removed; everything but the tombstone, within ten days."""
    await tell(made, [view(0, **SECRET), said(0, "identify", customer=ALICE), erase(1)])
    await made.pass_time(HOUR)  # its visit ends
    names = await everything(made)
    naming = [key for key, text in names.items() if V in key + text or ALICE in key + text]
    naming = [key for key in naming if not key.endswith(":messages")]  # that it was forgotten, until the teller told it
    assert {key.split(":")[3] for key in naming} == {"present", "seen", "state", "tombstone"}
    for key in naming:
        lives = await made.redis.pttl(key)
        assert 0 < lives < (11 * DAY if "tombstone" not in key else TOMBSTONE_TTL_MS + 1), key


async def everything(made: Timeline) -> dict[str, str]:
    """The content of Redis, by key."""
    found = {}
    for key in await made.redis.keys("*"):
        match await made.redis.type(key):
            case b"string":
                value = await made.redis.get(key)
            case b"zset":
                value = await made.redis.zrange(key, 0, -1)
            case b"hash":
                value = await made.redis.hgetall(key)
            case _:
                value = await made.redis.xrange(key)
        found[key.decode()] = repr(value)
    return found
