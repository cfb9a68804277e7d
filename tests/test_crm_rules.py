"""The effects of the rules on a visit: tables of events and the resulting numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crm.sites import SiteFacts
from crm.visits.sources import origin_of
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, event
from wakeline.decay import current
from wakeline.definitions import BOUNCE_BELOW_MS
from wakeline.keys import OTHER, TOP_LENGTH, TOP_MEMBERS, date, five_minutes, minute, tombstone
from wakeline.lanes import lane_of
from wakeline.record import Erase, Event, encode_record
from wakeline.settings import InterestRule, Site

TODAY = "2027-01-15"
V, PAGE = "visitor-1", "page-one"


async def arrive(made: Timeline, *events: Event) -> None:
    """Each event arrives when it happens."""
    for one in events:
        await made.append(one)
        await made.run()


# ---- sessions -----------------------------------------------------------------------------------

engage = {"type": "engagement"}

SESSIONS: dict[str, tuple[list[Event], dict[str, int]]] = {
    "one page, not engaged: a bounce": (
        [event(V, PAGE, 0, 0)],
        {"sessions": 1, "bounces": 1, "page_views": 1},
    ),
    "one page, engaged for ten seconds: no bounce": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 12_000, engaged_ms=BOUNCE_BELOW_MS, **engage)],
        {"sessions": 1, "page_views": 1, "engaged_ms": BOUNCE_BELOW_MS},
    ),
    "one page, engaged for less: a bounce": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 12_000, engaged_ms=BOUNCE_BELOW_MS - 1, **engage)],
        {"sessions": 1, "bounces": 1, "page_views": 1, "engaged_ms": BOUNCE_BELOW_MS - 1},
    ),
    "one page and a custom event: no bounce": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 1_000, "signup")],
        {"sessions": 1, "page_views": 1, "events": 1},
    ),
    "one page that says how fast it was, and that it was lost: a bounce": (
        [event(V, PAGE, n, n, type) for n, type in enumerate(("page_view", "web_vitals", "not_found", "js_error"))],
        {"sessions": 1, "bounces": 1, "page_views": 1, "not_found": 1, "js_errors": 1},
    ),
    "one page and a click that the snippet tells of: no bounce": (
        [event(V, PAGE, n, n, type) for n, type in enumerate(("page_view", "web_vitals", "outbound_link"))],
        {"sessions": 1, "page_views": 1, "events": 1},
    ),
    "two pages: no bounce": (
        [event(V, PAGE, 0, 0), event(V, "page-two", 0, 1_000)],
        {"sessions": 1, "page_views": 2},
    ),
    "29 minutes between two pages: one session": (
        [event(V, PAGE, 0, 0), event(V, "page-two", 0, 29 * MINUTE)],
        {"sessions": 1, "page_views": 2},
    ),
    "31 minutes between two pages: two sessions": (
        [event(V, PAGE, 0, 0), event(V, "page-two", 0, 31 * MINUTE)],
        {"sessions": 2, "bounces": 2, "page_views": 2},
    ),
    "signs of life are presence, not activity": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 20 * MINUTE, "ping"), event(V, "page-two", 0, 40 * MINUTE)],
        {"sessions": 2, "bounces": 2, "page_views": 2},
    ),
    "engagement of a page that was left open opens no visit": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 90 * MINUTE, engaged_ms=60_000, **engage)],
        {"sessions": 1, "bounces": 1, "page_views": 1, "engaged_ms": 60_000},
    ),
    "a late page view near a closed session belongs to it": (
        [event(V, PAGE, 0, 0), event(V, "page-three", 0, 50 * MINUTE), event(V, "page-two", 0, 5 * MINUTE)],
        {"sessions": 2, "bounces": 2, "page_views": 3},
    ),
    "bots are counted apart": (
        [event(V, PAGE, 0, 0, bot="Googlebot"), event(V, PAGE, 1, 1, "ping", bot="Googlebot")],
        {"bot_events": 2, "bot_views": 1},
    ),
}


@pytest.mark.parametrize("name", SESSIONS)
async def test_sessions(made: Timeline, name: str) -> None:
    events, wanted = SESSIONS[name]
    await arrive(made, *events)
    await made.pass_time(DAY)
    totals = await made.totals()
    new = totals.pop("new_visitors", 0)
    assert totals == wanted
    assert new == (0 if "bots" in name else 1)


async def test_what_no_visitor_did_is_only_in_the_list_of_events(made: Timeline) -> None:
    await arrive(made, *(event(V, PAGE, n, n, type) for n, type in enumerate(("page_view", "not_found", "quiz"))))
    await made.run()
    assert await made.top("events", date(TODAY)) == {"not_found": 1, "quiz": 1}
    assert (await made.totals())["events"] == 1
    assert (await made.profile(V))["events"] == "1"


async def test_a_session_closes_once_also_across_a_restart(made: Timeline) -> None:
    """By log time: not before 30 minutes, then exactly once, whoever closes it."""
    await arrive(made, event(V, PAGE, 0, 0, path="/in"), event(V, "page-two", 0, MINUTE, path="/out"))
    await made.pass_time(29 * MINUTE)
    assert "sessions" not in await made.totals()
    await made.start()
    await made.pass_time(2 * MINUTE)
    await made.start()
    await made.pass_time(DAY)
    await arrive(made, event(V, "page-three", 0, 2 * DAY))
    assert (await made.totals())["sessions"] == 1
    assert await made.top("entries", date(TODAY)) == {"/in": 1}
    assert await made.top("exits", date(TODAY)) == {"/out": 1}


async def test_offline_events_make_a_visit_of_their_own_time(made: Timeline) -> None:
    """A queue that was kept for a day is one visit, on the day on which it happened."""
    queued = [event(V, PAGE, 0, 0), event(V, "page-two", 0, MINUTE)]
    await made.append(*queued, at=DAY)
    await made.run()
    await made.pass_time(31 * MINUTE)
    day = await made.day(TODAY)
    assert (day["sessions"], day["visits"], day["page_views"]) == (1, 1, 2)


async def test_a_session_stays_open_while_its_queue_still_arrives(made: Timeline) -> None:
    """30 minutes count from when it was last heard of, by log time, not from its events' own time."""
    for number, at in enumerate((60 * MINUTE, 80 * MINUTE, 105 * MINUTE)):
        await made.append(event(V, f"page-{number}00", 0, number * MINUTE, path=f"/{number}"), at=at)
        await made.run()
    await made.pass_time(DAY)
    assert await made.top("exits", date(TODAY)) == {"/2": 1}
    assert (await made.totals())["sessions"] == 1


@pytest.mark.parametrize("batch", [1, 10])
async def test_what_ended_by_log_time_stays_ended_whatever_the_batches(made: Timeline, batch: int) -> None:
    """A view of that visit that arrives two hours later is counted, but changes no exit."""
    await made.append(event(V, PAGE, 0, 0, path="/in"))
    await made.append(event(V, "page-two", 0, 10 * MINUTE, path="/late"), at=120 * MINUTE)
    await made.run(batch=batch)
    await made.pass_time(DAY)
    assert await made.top("exits", date(TODAY)) == {"/in": 1}
    assert await made.totals() == {"page_views": 2, "sessions": 1, "bounces": 1, "new_visitors": 1}


async def test_a_late_page_view_makes_two_open_sessions_one(made: Timeline) -> None:
    """Three views of an offline hour arrive with the middle one last: one visit, from the first one's source."""
    views = [
        event(V, PAGE, 0, 0, path="/in", referrer="www.google.com/"),
        event(V, "page-three", 0, 50 * MINUTE, path="/out"),
        event(V, "page-two", 0, 25 * MINUTE, path="/between"),
    ]
    for one in views:
        await made.append(one, at=51 * MINUTE)
        await made.run()
    assert (await made.profile(V))["visits"] == "1"
    await made.pass_time(DAY)
    day = await made.day(TODAY)
    assert (day["visits"], day["sessions"], day["page_views"]) == (1, 1, 3)
    assert "bounces" not in day
    assert await made.top("sources", date(TODAY)) == {"google": 1}
    assert await made.top("entries", date(TODAY)) == {"/in": 1}
    assert await made.top("exits", date(TODAY)) == {"/out": 1}


async def test_an_entry_that_arrives_late_moves_the_visit_to_its_source(made: Timeline) -> None:
    """The second page came first; then its predecessor, with the referrer, takes the visit over."""
    await made.append(event(V, "page-two", 0, MINUTE, path="/b"))
    await made.run()
    assert await made.top("sources", date(TODAY)) == {"direct": 1}
    await made.append(event(V, PAGE, 0, 0, path="/a", referrer="www.google.com/"))
    await made.run()
    assert await made.top("sources", date(TODAY)) == {"google": 1}
    profile = await made.profile(V)
    assert (profile["visits"], profile["first_source"], profile["last_source"]) == ("1", "google", "google")
    assert json.loads(profile["session"])["entry"] == "/a"


# ---- the profile --------------------------------------------------------------------------------


async def test_the_profile_of_a_visit(made: Timeline) -> None:
    await arrive(
        made,
        event(V, PAGE, 0, 0, path="/shoes/red", query={"utm_source": "Mail", "utm_campaign": "May"}, country="DE"),
        event(V, PAGE, 1, 8 * SECOND, engaged_ms=6_000, path="/shoes/red", country="DE", **engage),
        event(V, PAGE, 2, 9 * SECOND, "add_to_cart", path="/shoes/red", props={"category": "Bags"}, country="DE"),
        event(V, "page-two", 0, 10 * SECOND, path="/cart", country="DE"),
    )
    profile = await made.profile(V)
    session = json.loads(profile.pop("session"))
    assert profile == {
        "first_seen": str(START), "last_seen": str(START + 10_000), "visits": "1", "page_views": "2",
        "engaged_ms": "6000", "events": "1", "device": "desktop", "country": "DE",
        "first_source": "mail", "first_campaign": "May", "last_source": "mail", "last_campaign": "May",
        "first_source_class": "email", "last_source_class": "email",
        "touches": f'[[{START},"mail","May","email","","",""]]',
    }  # fmt: skip
    assert session == {
        "start": START, "last": START + 10_000, "page_views": 2, "engaged_ms": 6_000, "entry": "/shoes/red",
        "page": "/cart", "source": "mail", "campaign": "May", "source_class": "email",
    }  # fmt: skip


async def test_interests_weigh_views_engagement_and_buying(made: Timeline) -> None:
    """A view 1, half a minute of engagement 1, a product in the cart 3; worth half after a half-life."""
    await arrive(
        made,
        event(V, PAGE, 0, 0, path="/shoes/red", interests=["  LEATHER  goods"]),
        event(V, PAGE, 1, 1, engaged_ms=15_000, path="/shoes/red", **engage),
        event(V, PAGE, 2, 2, "add_to_cart", props={"items": [{"category": "Bags"}, {"category": 7}, "x"]}),
    )
    zero, half_life = made.deployment.decay_zero, made.deployment.half_life
    now = {
        name: round(current(score, now=START, zero=zero, half_life=half_life), 3)
        for name, score in (await made.interests(V)).items()
    }
    assert now == {"shoes": 1.5, "leather goods": 1.5, "bags": 3.0}
    later = {
        name: round(current(score, now=START + half_life, zero=zero, half_life=half_life), 3)
        for name, score in (await made.interests(V)).items()
    }
    assert later == {"shoes": 0.75, "leather goods": 0.75, "bags": 1.5}
    assert await made.top("interests", date(TODAY)) == {"shoes": 1, "leather goods": 1}


async def test_engagement_that_overtook_its_page_view_weighs_the_same(made: Timeline) -> None:
    await made.append(event(V, PAGE, 1, 1_000, engaged_ms=30_000, path="/shoes/red", **engage))
    await made.append(event(V, PAGE, 0, 0, path="/shoes/red"))
    await made.run()
    (score,) = (await made.interests(V)).values()
    now = current(score, now=START, zero=made.deployment.decay_zero, half_life=made.deployment.half_life)
    assert now == pytest.approx(2.0, rel=1e-5)


async def test_anonymous_visitors_have_no_profile(made: Timeline) -> None:
    """Counts only: no profile, no interests, whatever is sent."""
    await arrive(
        made,
        event("~salted", PAGE, 0, 0, path="/shoes/red"),
        event("~salted", PAGE, 1, 1, "identify", customer="@customer"),
    )
    assert await made.profile("~salted") == {}
    assert await made.interests("~salted") == {}
    assert await made.profile("@customer") == {}
    assert await made.totals() == {"page_views": 1}
    assert await made.top("interests", date(TODAY)) == {"shoes": 1}


# ---- consent ------------------------------------------------------------------------------------


async def test_consent_given_in_the_middle_is_one_visit(made: Timeline) -> None:
    """Two pages anonymously, then full: the site counts one visit of three pages, the profile what followed."""
    await arrive(
        made,
        event("~salted", PAGE, 0, 0, path="/in"),
        event("~salted", "page-two", 0, 1_000, path="/b", referrer=""),
        event("~salted", "page-two", 1, 2_000, "engagement", leave=True, path="/b"),
        event("~salted", "page-two", 2, 2_001, "consent", level="full", path="/b"),
        event(V, "page-new", 0, 2_002, path="/b", continued=True),
        event(V, "page-three", 0, 9_000, path="/out"),
    )
    await made.pass_time(DAY)
    totals = await made.totals()
    assert totals == {"page_views": 3, "sessions": 1, "new_visitors": 1, "agreed": 1}
    assert (await made.day(TODAY))["visits"] == 1
    assert await made.top("entries", date(TODAY)) == {"/in": 1}
    assert await made.top("exits", date(TODAY)) == {"/out": 1}
    assert await made.top("sources", date(TODAY)) == {"direct": 1}
    profile = await made.profile(V)
    assert (profile["visits"], profile["page_views"]) == ("1", "2")
    seen = [one for lane in range(4) for one in await made.redis.zrange(made.store.keys.seen(lane, "shop"), 0, -1)]
    assert seen == [V.encode()]


@pytest.mark.parametrize("bot", ["Googlebot", "webdriver", "no user agent"])
@pytest.mark.parametrize("level", ["off", "anonymous"])
async def test_a_withdrawal_of_who_is_taken_for_a_bot_forgets_all_the_same(
    made: Timeline, bot: str, level: str
) -> None:
    """It counts as a withdrawal, once, and among the bots' events; nothing else of a bot says anything of a person."""
    await arrive(made, event(V, PAGE, 0, 0))
    assert await made.profile(V)
    await arrive(made, event(V, PAGE, 1, 1, "consent", level="full", bot=bot))
    assert await made.profile(V)
    await arrive(made, event(V, PAGE, 2, 2, "consent", level=level, bot=bot))
    assert not await made.profile(V)
    await arrive(made, event(V, "page-two", 0, 3, bot=bot), event(V, "page-two", 1, 4))
    assert not await made.profile(V)
    await made.pass_time(DAY)
    totals = await made.totals()
    assert (totals["withdrawals"], totals["bot_events"], totals["page_views"], totals["sessions"]) == (1, 3, 2, 1)


async def test_bots_count_by_name_and_by_what_gives_them_away(made: Timeline) -> None:
    names = ("Googlebot", "bingbot", "webdriver", "no user agent", "no user agent")
    for n, name in enumerate(names):
        await arrive(made, event(V, PAGE, 2 * n, n, bot=name), event(V, PAGE, 2 * n + 1, n, "search", bot=name))
    assert await made.totals() == {"bot_events": 10, "bot_views": 5}
    assert await made.top("bots", date("2027-01-15")) == {
        "Googlebot": 2, "bingbot": 2, "webdriver": 2, "no user agent": 4,
    }  # fmt: skip
    assert await made.top("bot_reasons", date("2027-01-15")) == {"says so": 4, "driven browser": 2, "no user agent": 4}


async def test_a_withdrawal_forgets_for_good(made: Timeline) -> None:
    """Profile, interests and the customer, of whom only pages told, are gone; what another tab still sends under that
    id makes none. Another browser of that customer is a visitor on its own.
    """
    await arrive(
        made,
        event(V, PAGE, 0, 0, path="/shoes/red"),
        event(V, PAGE, 1, 1, "identify", customer="@customer"),
        event("visitor-2", "page-two", 0, 2, path="/shoes/red"),
        event("visitor-2", "page-two", 1, 3, "identify", customer="@customer"),
    )
    await made.run()
    assert (await made.profile("@customer"))["page_views"] == "2"
    await arrive(made, event(V, PAGE, 2, 10, "consent", level="off"))
    await made.run()
    await arrive(made, event(V, "page-late", 0, 5, path="/shoes/red"), event(V, "page-tab", 0, 20, path="/shoes/red"))
    await made.run()
    for id in (V, "@customer"):
        assert await made.profile(id) == {}, id
        assert await made.interests(id) == {}, id
    other = await made.profile("visitor-2")
    assert (other["page_views"], other.get("customer")) == ("1", None)
    assert await made.interests("visitor-2")
    assert await made.redis.exists(tombstone(made.lane(V), "shop", V))
    assert not await made.redis.exists(tombstone(made.lane("visitor-2"), "shop", "visitor-2"))
    assert (await made.ledger())["erased"] == 2
    totals = await made.totals()
    assert (totals["page_views"], totals["withdrawals"]) == (4, 1)


async def test_an_erased_visitor_may_come_back(made: Timeline) -> None:
    """Erasing forgets up to its time; a visitor that still consents is known again from then on."""
    await arrive(made, event(V, PAGE, 0, 0, path="/shoes/red"))
    await made.append(Erase(site="shop", id=V, time=START + 1_000), at=1_000)
    await made.run()
    assert await made.profile(V) == {}
    await made.append(event(V, "page-two", 0, 500), event(V, "page-three", 0, 2_000), at=3_000)
    await made.run()
    profile = await made.profile(V)
    assert (profile["page_views"], profile["first_seen"]) == ("1", str(START + 2_000))
    assert await made.interests(V) == {}
    assert (await made.totals())["page_views"] == 3


# ---- customers ----------------------------------------------------------------------------------


async def test_a_customer_has_what_all_its_visitors_had_and_do(made: Timeline) -> None:
    """History before identify moves along, once; later events follow; two browsers add up."""
    for number in (1, 2):
        visitor = f"visitor-{number}"
        await arrive(
            made,
            event(visitor, f"page-{number}-a", 0, number * 1_000, path="/shoes/red"),
            event(visitor, f"page-{number}-a", 1, number * 1_000 + 1, "identify", customer="@customer"),
            event(visitor, f"page-{number}-a", 2, number * 1_000 + 2, "identify", customer="@customer"),
            event(visitor, f"page-{number}-b", 0, number * 1_000 + 3, path="/shoes/blue"),
            event(visitor, f"page-{number}-b", 1, number * 1_000 + 4, engaged_ms=500, path="/shoes/blue", **engage),
        )
    await made.run()
    customer = await made.profile("@customer")
    visitors = [await made.profile("visitor-1"), await made.profile("visitor-2")]
    for field in ("visits", "page_views", "engaged_ms", "events"):
        assert int(customer[field]) == sum(int(one.get(field, 0)) for one in visitors), field
    assert json.loads(customer["visitors"]) == ["visitor-1", "visitor-2"]
    assert (customer["first_seen"], customer["last_seen"]) == (str(START + 1_000), str(START + 2_004))
    summed = [await made.interests("visitor-1"), await made.interests("visitor-2")]
    assert await made.interests("@customer") == {"shoes": pytest.approx(sum(one["shoes"] for one in summed))}
    assert (await made.totals())["identified"] == 2
    assert visitors[0]["customer"] == "@customer"


async def test_a_delta_that_was_appended_twice_counts_once(made: Timeline) -> None:
    """A crash between the append and the outbox sends it again."""
    await arrive(made, event(V, PAGE, 0, 0, path="/shoes/red"), event(V, PAGE, 1, 1, "identify", customer="@customer"))
    before = await made.profile("@customer"), await made.interests("@customer")
    lane = made.lane("@customer")
    entries = (await made.log.read({lane: 0}, limit=10, wait_ms=0))[lane]
    deltas = [entry.value for entry in entries if b'"delta"' in entry.value]
    await made.log.append([(lane, value) for value in deltas * 2])
    await made.run()
    assert (await made.profile("@customer"), await made.interests("@customer")) == before
    assert before[0]["page_views"] == "1"
    assert (await made.ledger())["derived"] == 3


async def test_a_shared_browser_takes_no_history_to_the_next_customer(made: Timeline) -> None:
    await arrive(
        made,
        event(V, PAGE, 0, 0, path="/shoes/red"),
        event(V, PAGE, 1, 1, "identify", customer="@first"),
        event(V, PAGE, 2, 2, "identify", customer="@second"),
        event(V, "page-two", 0, 3, path="/bags/one"),
    )
    await made.run()
    assert (await made.profile("@first"))["page_views"] == "1"
    assert (await made.profile("@second"))["page_views"] == "1"
    assert await made.interests("@second") == {}


# ---- presence -----------------------------------------------------------------------------------

PRESENCE: dict[str, tuple[list[Event], int, int]] = {
    # events, ms after START, visitors that are there
    "a page view counts": ([event(V, PAGE, 0, 0)], 59_999, 1),
    "for a minute": ([event(V, PAGE, 0, 0)], 60_001, 0),
    "a sign of life prolongs it": ([event(V, PAGE, 0, 0), event(V, PAGE, 1, 25_000, "ping")], 80_000, 1),
    "a leave ends it": ([event(V, PAGE, 0, 0), event(V, PAGE, 1, 5_000, leave=True, **engage)], 5_001, 0),
    "a leave that overtook a sign ends it": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 2, 5_000, leave=True, **engage), event(V, PAGE, 1, 4_000, "ping")],
        5_001,
        0,
    ),
    "an older leave that comes last changes nothing": (
        [
            event(V, PAGE, 0, 0),
            event(V, PAGE, 3, 9_000, leave=True, **engage),
            event(V, PAGE, 1, 3_000, leave=True, **engage),
            event(V, PAGE, 2, 5_000, "ping"),
        ],
        9_001,
        0,
    ),
    "coming back to the page counts again": (
        [event(V, PAGE, 0, 0), event(V, PAGE, 1, 5_000, leave=True, **engage), event(V, PAGE, 2, 9_000, "ping")],
        10_000,
        1,
    ),
    "a choice about privacy is the last word of its page": (
        [
            event(V, PAGE, 0, 0),
            event(V, PAGE, 1, 5_000, leave=True, **engage),
            event(V, PAGE, 2, 5_001, "consent", level="anonymous"),
        ],
        5_002,
        0,
    ),
    "another tab is still open": (
        [event(V, PAGE, 0, 0), event(V, "page-two", 0, 1_000), event(V, PAGE, 1, 5_000, leave=True, **engage)],
        6_000,
        1,
    ),
    "two visitors are two": ([event(V, PAGE, 0, 0), event("visitor-2", "page-two", 0, 0)], 1_000, 2),
    "bots are nobody": ([event(V, PAGE, 0, 0, bot="Googlebot")], 1_000, 0),
}


@pytest.mark.parametrize("name", PRESENCE)
@pytest.mark.parametrize("restarted", [False, True])
async def test_presence(made: Timeline, name: str, restarted: bool) -> None:
    events, at, wanted = PRESENCE[name]
    for one in events:
        await made.append(one)
        await made.run()
        if restarted:
            await made.start()
    there = 0
    for lane in range(4):
        there += await made.redis.zcount(made.store.keys.present(lane, "shop"), f"({START + at}", "+inf")
    assert there == wanted
    assert bool(await open_pages(made, START + at)) == bool(wanted)


async def open_pages(made: Timeline, at: int) -> list[str]:
    """The paths of page instances that are open, in order."""
    found = []
    for lane in range(4):
        open_ones = await made.redis.zrangebyscore(made.store.keys.open_pages(lane, "shop"), f"({at}", "+inf")
        found += [each.decode().partition("\n")[0] for each in open_ones]
    return sorted(found)


async def test_a_page_is_open_as_often_as_it_is_read_until_it_is_left(made: Timeline) -> None:
    """However it is escaped; also of who does not consent, and under the next consent level."""
    await arrive(
        made,
        event(V, PAGE, 0, 0, path="/sho%65s"),
        event(V, "page-two", 0, 1_000, path="/shoes"),
        event("~nobody", "page-three", 0, 2_000, path="/bags\nred"),
        event("visitor-2", "page-four", 0, 3_000, path="/about"),
    )
    assert await open_pages(made, START + 4_000) == ["/about", "/bags%0Ared", "/shoes", "/shoes"]
    await arrive(
        made,
        event(V, PAGE, 1, 5_000, "engagement", path="/sho%65s", leave=True),
        event("visitor-2", "page-four", 1, 6_000, "consent", path="/about", level="anonymous"),
        event("~other", "page-four", 2, 6_001, "ping", path="/about"),
    )
    assert await open_pages(made, START + 7_000) == ["/about", "/bags%0Ared", "/shoes"]
    assert await open_pages(made, START + 2 * MINUTE) == []


# ---- numbers that are bounded -------------------------------------------------------------------


async def test_live_windows_count_the_minute_in_which_it_happened(made: Timeline) -> None:
    await arrive(made, event(V, PAGE, 0, 0, path="/a"), event(V, "page-two", 0, MINUTE, path="/a"))
    assert await made.top("pages", minute(START)) == {"/a": 1}
    assert await made.top("pages", minute(START + MINUTE)) == {"/a": 1}
    fives = {five_minutes(START), five_minutes(START + MINUTE)}
    assert sum([(await made.top("pages", bucket))["/a"] for bucket in fives]) == 2


async def test_a_top_list_is_capped_and_its_sum_stays_true(made: Timeline) -> None:
    """A hostile page makes up paths: beyond the cap they are counted as (other), also by the next worker."""
    views = [event(V, f"page-{n:05d}", 0, n, path=f"/random/{n}") for n in range(2 * TOP_MEMBERS)]
    await made.append(*views[:TOP_MEMBERS])
    await made.run()
    await made.start()
    await made.append(*views[TOP_MEMBERS:])
    await made.run()
    top = await made.top("pages", date(TODAY))
    assert len(top) == TOP_MEMBERS + 1
    assert (sum(top.values()), top[OTHER]) == (2 * TOP_MEMBERS, TOP_MEMBERS)


async def test_interests_of_a_profile_are_bounded(made: Timeline) -> None:
    """The weakest go; the strong one stays."""
    await made.append(event(V, "page-strong", 0, 0, "purchase", props={"category": "Strong"}))
    for n in range(300):
        await made.append(event(V, f"page-{n:05d}", 0, n, interests=[f"weak {n}"]))
        if n % 10 == 0:
            await made.run()
    await made.run()
    interests = await made.interests(V)
    assert len(interests) <= 64
    assert "strong" in interests


FOLDER = "/" + "/".join(["%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3"] * 20)  # 860 characters, 160 as read


async def test_pages_below_one_long_folder_stay_apart(made: Timeline) -> None:
    """Lists name pages as people read them, so a folder of Cyrillic letters takes a sixth of what its escapes take."""
    await arrive(made, *[event(V, f"page-{n:04d}", 0, n * SECOND, path=f"{FOLDER}/{n}") for n in range(6)])
    await made.pass_time(DAY)
    shown = "/" + "/".join(["каталог"] * 20)
    for what in ("pages", "entries", "exits"):
        assert {path.removeprefix(shown) for path in await made.top(what, date(TODAY))} <= {f"/{n}" for n in range(6)}
    assert len(await made.top("pages", date(TODAY))) == 6


LONG = {
    "pages": {"path": "/" + "a" * 300},
    "sources": {"query": {"utm_source": "s" * 300}},
    "campaigns": {"query": {"utm_source": "a", "utm_campaign": "c" * 300}},
    "interests": {"interests": ["i" * 300]},
}


def _longer(fields: dict[str, Any], n: int) -> dict[str, Any]:
    """The same with a number at the end of each text."""
    return {
        name: f"{value}{n}"
        if isinstance(value, str)
        else [f"{text}{n}" for text in value]
        if isinstance(value, list)
        else {key: f"{text}{n}" for key, text in value.items()}
        for name, value in fields.items()
    }


@pytest.mark.parametrize("what", LONG)
async def test_values_that_begin_alike_stay_apart_and_are_bounded(made: Timeline, what: str) -> None:
    views = [event(f"visitor-{n}", f"page-{n:04d}", 0, n, **_longer(LONG[what], n)) for n in range(6)]
    await arrive(made, *views)
    found = await made.top(what, date(TODAY))
    assert len(found) == 6
    assert all(len(value) <= TOP_LENGTH for value in found)


async def test_a_page_is_one_page_however_a_record_spells_it_and_everywhere_the_same(made: Timeline) -> None:
    spelt = ("/caf%c3%a9", "/caf%C3%A9", "/café", "/x/../caf%C3%A9")
    await arrive(made, *[event(V, f"page-{n:04d}", 0, n, path=path) for n, path in enumerate(spelt)])
    await made.append(event(V, "page-0000", 1, 5, "engagement", path="/caf%c3%a9", engaged_ms=70))
    await made.run()
    session = json.loads((await made.profile(V))["session"])
    assert (session["entry"], session["page"]) == ("/café", "/café")
    await made.pass_time(DAY)
    for what, amount in (("pages", 4), ("engaged_ms", 70), ("entries", 1), ("exits", 1)):
        assert await made.top(what, date(TODAY)) == {"/café": amount}


async def test_joiners_stay_in_the_names_of_pages_and_interests(made: Timeline) -> None:
    persian = "می\u200cخواهم"
    await arrive(made, event(V, PAGE, 0, 0, path=f"/{persian}", interests=[persian]))
    assert await made.top("pages", date(TODAY)) == {f"/{persian}": 1}
    assert await made.top("interests", date(TODAY)) == {persian: 1}


async def test_lists_that_former_code_began_go_on(made: Timeline) -> None:
    """They hold escapes, and texts cut at 200 characters: those stay, and the sum is whole."""
    for lane in range(4):
        key = made.store.keys.top(lane, "shop", "pages", date(TODAY))
        await made.redis.zadd(key, {("/%D0%BA" * 60)[:200]: 3, "/caf%c3%a9": 2, "/shoes": 1})
    await made.start()
    await arrive(made, event(V, PAGE, 0, 0, path="/caf%C3%A9"), event(V, "page-two", 0, 1, path="/shoes"))
    found = await made.top("pages", date(TODAY))
    assert (sum(found.values()), found["/shoes"], found["/café"]) == (26, 5, 1)


INTERESTS = {
    "as browsers send it": "/schuhe-f%C3%BCr-kinder/rot",
    "in lower case": "/schuhe-f%c3%bcr-kinder/rot",
    "letter and mark": "/schuhe-fu%CC%88r-kinder/rot",
    "as such": "/schuhe-für-kinder/rot",
}


@pytest.mark.parametrize("path", INTERESTS.values(), ids=INTERESTS)
@pytest.mark.parametrize("rule", ["/schuhe-für-kinder/*", "/schuhe-f%C3%BCr-kinder/*"])
def test_a_rule_for_a_path_matches_what_browsers_send(rule: str, path: str) -> None:
    site = SiteFacts(Site(key="shop", interests=(InterestRule(path=rule, interest="Kinder"),)))
    assert site.interests_of_path(path) == ("kinder",)


# ---- sources ------------------------------------------------------------------------------------

SOURCES = {
    "direct": ({}, ("direct", "")),
    "search": ({"referrer": "www.google.co.uk/"}, ("google", "")),
    "social": ({"referrer": "l.facebook.com/l.php"}, ("facebook", "")),
    "short name": ({"referrer": "t.co/abc"}, ("x", "")),
    "a host that only starts like one": ({"referrer": "x.example.com/"}, ("x.example.com", "")),
    "another site": ({"referrer": "www.Blog.example/post"}, ("blog.example", "")),
    "a host that only contains a name": ({"referrer": "googleplex.example/"}, ("googleplex.example", "")),
    "campaign": ({"query": {"utm_source": " Mail ", "utm_campaign": "May"}}, ("mail", "May")),
    "campaign beats referrer": ({"referrer": "bing.com/", "query": {"utm_source": "mail"}}, ("mail", "")),
    "port": ({"referrer": "localhost:8000/x"}, ("localhost", "")),
    "a campaign without a source": (
        {"referrer": "www.bing.com/", "query": {"utm_campaign": "May"}},
        ("bing", "May"),
    ),
    "a campaign and nothing else": ({"query": {"utm_campaign": "May"}}, ("direct", "May")),
    "a source of spaces": ({"referrer": "bing.com/", "query": {"utm_source": " "}}, ("bing", "")),
    "an assistant": ({"referrer": "chatgpt.com/"}, ("chatgpt", "")),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str) -> None:
    fields, wanted = SOURCES[name]
    assert origin_of(fields.get("query", {}), fields.get("referrer", ""), "")[:2] == wanted


def test_a_lane_never_changes() -> None:
    """Places of real ids: a changed hash would split every visitor's history."""
    found = [lane_of("shop", id, 16) for id in ("visitor-1", "~salted", "@customer")]
    assert found == [7, 4, 10]


# ---- records that name nobody -------------------------------------------------------------------

NOBODY: dict[str, bytes] = {
    "an erasure of no id": b'{"kind":"erase","site":"shop","id":"","time":7}',
    "an erasure on no site": b'{"kind":"erase","site":"","id":"visitor-1","time":7}',
    "an erasure of a customer without a hash": b'{"kind":"erase","site":"shop","id":"@","time":7}',
    "an erasure of an id with a space": b'{"kind":"erase","site":"shop","id":"a b","time":7}',
    "an erasure of an id with a line break": b'{"kind":"erase","site":"shop","id":"a\\nb","time":7}',
    "an erasure of a long id": b'{"kind":"erase","site":"shop","id":"%s","time":7}' % (b"a" * 129),
    "an erasure on a site with a slash": b'{"kind":"erase","site":"a/b","id":"visitor-1","time":7}',
    "an erasure by a customer who is none": b'{"kind":"erase","site":"shop","id":"visitor-1","time":7,"customer":"c"}',
    "an erasure of no time": b'{"kind":"erase","site":"shop","id":"visitor-1","time":0}',
    "an erasure after all time": b'{"kind":"erase","site":"shop","id":"visitor-1","time":99999999999999999999}',
    **{
        f"a share for {name}": b'{"kind":"delta","source":0,"after":0,"upto":1,"shares":[%s]}' % share
        for name, share in {
            "no customer": b'{"site":"shop","customer":"","visitor":"visitor-1"}',
            "a customer who is none": b'{"site":"shop","customer":"c","visitor":"visitor-1"}',
            "no visitor's": b'{"site":"shop","customer":"@c","visitor":""}',
            "a customer's": b'{"site":"shop","customer":"@c","visitor":"@d"}',
            "no site": b'{"site":"","customer":"@c","visitor":"visitor-1"}',
        }.items()
    },
    "an event of no visitor": encode_record(event("", PAGE, 0, 0)),
    "an event of a customer": encode_record(event("@c", PAGE, 0, 0)),
    "an event of no page instance": encode_record(event(V, "", 0, 0)),
    "an identify as no customer": encode_record(event(V, PAGE, 0, 0, "identify", customer="c")),
}


@pytest.mark.parametrize("name", NOBODY)
async def test_a_record_that_names_nobody_is_a_dead_letter_and_the_lane_goes_on(made: Timeline, name: str) -> None:
    await made.append(NOBODY[name], event(V, PAGE, 0, 0))
    await made.run()
    dead = [fields for _, fields in await made.redis.xrange(made.store.keys.dead(0))]
    assert [fields[b"reason"].startswith(b"malformed") for fields in dead] == [True]
    assert (await made.totals())["page_views"] == 1


async def test_a_share_that_waits_while_its_customer_is_erased_leaves_nothing_behind(made: Timeline) -> None:
    """Across a restart, with states and tombstones as they lie in Redis."""
    lanes = {id: made.workers[made.lane(id)] for id in (V, "@alice")}

    async def fold(id: str, limit: int = 10) -> None:
        worker = lanes[id]
        entries = await made.log.read({worker.lane: worker.place.offset}, limit=limit, wait_ms=0)
        await worker.apply(entries[worker.lane])

    await made.append(event(V, PAGE, 0, 0, path="/shoes/red"), event(V, PAGE, 1, 1, "identify", customer="@alice"))
    await made.append(Erase(site="shop", id="@alice", time=START + MINUTE), at=MINUTE)
    await fold("@alice")
    await fold(V, limit=2)  # not yet that the customer is nobody's any more
    assert (await made.profile(V))["customer"] == "@alice"
    await made.start()
    await made.run()
    for id in (V, "@alice"):
        assert (await made.profile(id), await made.interests(id)) == ({}, {}), id
        assert await made.redis.get(tombstone(made.lane(id), "shop", id)) == str(START + MINUTE).encode()
    await arrive(made, event(V, "page-two", 0, 2 * MINUTE))
    assert (await made.profile(V)).get("customer") is None


async def test_a_made_up_withdrawal_costs_eight_days_and_no_tombstone(made: Timeline) -> None:
    await arrive(made, event(V, PAGE, 0, 0, "consent", level="off"))
    assert not await made.redis.exists(tombstone(made.lane(V), "shop", V))
    lives = await made.redis.pttl(made.store.keys.state(made.lane(V), "shop", V))
    assert 8 * DAY < lives < 10 * DAY
