"""The numbers of contacts: those of the site and SQL say the same, in whatever order facts come, and in a replay."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from crm.service.contacts import label_of
from crm.sites import SiteFacts
from reports import Query, ask
from tests.replay_stand import Stand
from tests.sealed import seal
from tests.telling import fact, numbers
from tests.timeline import DAY, MINUTE, OTHER, SITE, START, Timeline, timeline
from wakeline.definitions import LATE_MS
from wakeline.keys import Keys, date
from wakeline.numbers import PENDINGS
from wakeline.record import Fact
from wakeline.told import decode_thing, encode_thing
from wakeline.vocabulary.fields import CONTACT_STATES
from wakeline.vocabulary.things import CONTACT

HOUR = 60 * MINUTE
ONE = "a"
SQL = """
select count_if(is_open), count_if(is_unanswered), min(epoch_ms(asked)) filter (is_open),
       min(epoch_ms(asked)) filter (is_unanswered), count(satisfaction),
       coalesce(sum(satisfaction), 0)::BIGINT, coalesce(sum(100 * cost + 50 * coalesce(minutes, 0)), 0)::BIGINT
from (select * replace (coalesce(cost, 0) as cost) from contacts)
"""
SQL_BY_DAY = """
with days as (
    select 'contacts' as name, time::DATE as day, 1 as amount from contacts
    union all select 'contact_work_s', time::DATE, coalesce(minutes * 60, 0) from contacts
    union all select 'contacts_answered', answered::DATE, 1 from contacts where answered is not null
    union all select 'contact_answer_ms', answered::DATE, greatest(epoch_ms(answered) - epoch_ms(asked), 0)
        from contacts where answered is not null
    union all select 'contacts_solved', least(solved, closed)::DATE, 1 from contacts
        where coalesce(solved, closed) is not null
    union all select 'channel ' || channel, time::DATE, 1 from contacts
    union all select 'topic ' || topic, time::DATE, 1 from contacts where topic is not null
)
select name, day::VARCHAR, sum(amount)::BIGINT from days group by all having sum(amount) > 0
"""


def said(at: int, of: str = ONE, **body: Any) -> Fact:
    """A fact of a contact, `at` ms after START."""
    id = f"{next(numbers):012x}0000"  # of which the first twelve digits count
    return fact(home(of), "contact", at, id=id, **{"channel": "mail", **body})


def home(of: str) -> str:
    return f"{CONTACT.prefix}{of * 32}"


async def pending(made: Timeline, keys: Keys | None = None) -> dict[str, dict[str, int]]:
    """What waits, by number: id -> ms since START."""
    found: dict[str, dict[str, int]] = {each.name: {} for each in PENDINGS}
    for name, things in found.items():
        for lane in range(made.deployment.lanes):
            key = (keys or made.store.keys).pending(lane, "shop", name)
            found_here: Any = await made.redis.zrange(key, 0, -1, withscores=True)
            for id, since in found_here:
                things[id.decode()] = int(since) - START
    return found


async def counted(made: Timeline, keys: Keys | None = None) -> dict[str, Any]:
    """All that a site's numbers say of contacts, over the days of these tests."""
    found: dict[str, Any] = {name: amount for name, amount in (await made.totals(keys)).items() if "contact" in name}
    for day in range(-20, 6):
        name = made.sites["shop"].day(START + day * DAY)
        of_day: dict[str, Any] = await made.day(name, keys)  # type: ignore[assignment]
        of_day |= {
            what: amount
            for what in ("contact_channels", "contact_topics")
            if (amount := await made.top(what, date(name), keys))
        }
        if of_day:
            found[f"day {day}"] = of_day
    return found | await pending(made, keys)


async def run(made: Timeline, *records: Fact, at: int = DAY) -> None:
    for each in records:
        await made.append(each, at=at)
        await made.run()


async def live(redis_server: Any, records: list[Fact], *, at: int = DAY) -> dict[str, Any]:
    async with timeline(redis_server) as made:
        await run(made, *records, at=at)
        assert (await made.ledger())["dead"] == 0
        return await counted(made)


ASKED = said(0, state="opened", direction="in", topic="size")
CASES: dict[str, tuple[list[Fact], dict[str, Any]]] = {
    "asked": (
        [ASKED],
        {
            "contacts": 1,
            "day 0": {"contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}},
            "contacts_open": {home(ONE): 0},
            "contacts_unanswered": {home(ONE): 0},
        },
    ),
    "answered the next day, by phone": (
        [ASKED, said(DAY, state="answered", channel="phone", minutes=1.5)],
        {
            "contacts": 1,
            "contacts_answered": 1,
            "contact_cost:EUR": 75,
            "day 0": {
                "contacts": 1, "contact_channels": {"phone": 1}, "contact_topics": {"size": 1}, "contact_work_s": 90,
                "contact_cost:EUR": 75,
            },
            "day 1": {"contacts_answered": 1, "contact_answer_ms": DAY},
            "contacts_open": {home(ONE): 0},
        },
    ),
    "solved, graded, and opened again": (
        [ASKED, said(HOUR, state="solved", satisfaction=8), said(2 * HOUR, state="opened")],
        {
            "contacts": 1,
            "contacts_solved": 1,
            "day 0": {
                "contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}, "contacts_solved": 1,
                "contacts_graded": 1, "contact_grades": 8,
            },
            "contacts_open": {home(ONE): 0},
            "contacts_unanswered": {home(ONE): 0},
        },
    ),
    "solved, and a worse grade the next day": (
        [ASKED, said(HOUR, state="solved", satisfaction=8), said(DAY, satisfaction=3)],
        {
            "contacts": 1,
            "contacts_solved": 1,
            "day 0": {
                "contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}, "contacts_solved": 1,
            },
            "day 1": {"contacts_graded": 1, "contact_grades": 3},
        },
    ),
    "of ours": (
        [said(0, state="opened", direction="out")],
        {"contacts": 1, "day 0": {"contacts": 1, "contact_channels": {"mail": 1}}},
    ),
    "answered as the docs show, and not yet solved": (
        [ASKED, said(HOUR, state="answered", direction="out")],
        {
            "contacts": 1,
            "contacts_answered": 1,
            "day 0": {
                "contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}, "contacts_answered": 1,
                "contact_answer_ms": HOUR,
            },
            "contacts_open": {home(ONE): 0},
        },
    ),
    "answered, though nobody says so": (
        [ASKED, said(HOUR, direction="out")],
        {
            "contacts": 1,
            "day 0": {"contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}},
            "contacts_open": {home(ONE): 0},
        },
    ),
    "of ours, and the customer asks back a day later": (
        [said(0, state="opened", direction="out"), said(DAY, direction="in")],
        {
            "contacts": 1,
            "day 0": {"contacts": 1, "contact_channels": {"mail": 1}},
            "contacts_open": {home(ONE): DAY},
            "contacts_unanswered": {home(ONE): DAY},
        },
    ),
    "it began a day before, as is told later": (
        [said(DAY), said(0, topic="size")],
        {
            "contacts": 1,
            "day 0": {"contacts": 1, "contact_channels": {"mail": 1}, "contact_topics": {"size": 1}},
        },
    ),
    "answered before it was opened, by another clock": (
        [said(HOUR, state="opened"), said(0, state="answered"), said(2 * HOUR, state="closed")],
        {
            "contacts": 1,
            "contacts_answered": 1,
            "contacts_solved": 1,
            "day 0": {
                "contacts": 1, "contact_channels": {"mail": 1}, "contacts_answered": 1, "contacts_solved": 1,
            },
        },
    ),
    "it costs less than was told": (
        [said(0, state="closed", cost=500, currency="USD"), said(DAY, cost=200, currency="USD")],
        {
            "contacts": 1,
            "contacts_solved": 1,
            "contact_cost:USD": 500,
            "contact_cost_back:USD": 300,
            "day 0": {"contacts": 1, "contacts_solved": 1, "contact_channels": {"mail": 1}, "contact_cost:USD": 500},
            "day 1": {"contact_cost_back:USD": 300},
        },
    ),
    "longer ago than days change": (
        [said(-LATE_MS - DAY, state="closed", minutes=2, satisfaction=1)],
        {"contacts": 1, "contacts_solved": 1, "contact_cost:EUR": 100},
    ),
}  # fmt: skip
NOTHING_WAITS: dict[str, Any] = {each.name: {} for each in PENDINGS}


@pytest.mark.parametrize("name", CASES)
async def test_a_contact_counts_as_it_should(redis_server: Any, name: str) -> None:
    told, wanted = CASES[name]
    assert await live(redis_server, told) == NOTHING_WAITS | wanted
    assert await live(redis_server, [*told, *told]) == NOTHING_WAITS | wanted  # told again


BODIES = (
    *({"state": state} for state in CONTACT_STATES),
    {"state": "opened", "direction": "in"}, {"state": "answered", "direction": "out"}, {"direction": "out"},
    {"direction": "in"}, {"satisfaction": 9},
    {"satisfaction": 2}, {"minutes": 7}, {"minutes": 2.5}, {"topic": "size"}, {"topic": "damage"}, {"channel": "phone"},
    {"cost": 300, "currency": "EUR"}, {"cost": 50, "currency": "EUR"},
)  # fmt: skip


def some(seed: int) -> list[Fact]:
    """Facts of some contacts, some of them at one time."""
    rng = random.Random(seed)
    times = [rng.randrange(8) * 6 * HOUR for _ in range(80)]
    return [said(at, rng.choice("abcdefgh"), **rng.choice(BODIES)) for at in times]  # type: ignore[arg-type]


def in_sql(folder: Path, records: list[Fact]) -> tuple[tuple[Any, ...], dict[str, dict[str, int]]]:
    """All contacts together, and by day as the numbers have them."""
    history = seal(folder, [(START + 2 * DAY, each) for each in records])
    with ask(history, Query(SQL), zones={}, sites=[]) as found:
        ((*row,),) = found.rows(1)
    days: dict[str, dict[str, int]] = {}
    with ask(history, Query(SQL_BY_DAY), zones={}, sites=[]) as found:
        for name, day, amount in found.rows(1_000):
            days.setdefault(str(day), {})[str(name)] = int(amount)  # type: ignore[call-overload]
    return tuple(row), days


def by_day(made: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What `SQL_BY_DAY` has, of the site's numbers."""
    days = {}
    for name, each in made.items():
        if name.startswith("day "):
            day = SiteFacts(SITE).day(START + int(name.removeprefix("day ")) * DAY)
            found = {of: amount for of, amount in each.items() if isinstance(amount, int) and ":" not in of}
            found = {of: amount for of, amount in found.items() if amount and "grade" not in of and "cost" not in of}
            for list, label in (("contact_channels", "channel"), ("contact_topics", "topic")):
                found |= {f"{label} {value}": amount for value, amount in each.get(list, {}).items()}
            if found:
                days[day] = found
    return days


@pytest.mark.parametrize("seed", range(6))
async def test_sql_says_what_the_numbers_say_in_whatever_order(redis_server: Any, tmp_path: Path, seed: int) -> None:
    records = some(seed)
    found = await live(redis_server, records, at=2 * DAY)
    of_days = [each for name, each in found.items() if name.startswith("day")]
    waiting = [found[name].values() for name in ("contacts_open", "contacts_unanswered")]
    together, days = in_sql(tmp_path, [*records, *records[::7]])
    assert together == (
        *map(len, waiting),
        *(min(each) + START if each else None for each in waiting),
        *(sum(each.get(name, 0) for each in of_days) for name in ("contacts_graded", "contact_grades")),
        net_costs(found),
    )
    assert days == by_day(found)
    assert together[0]
    assert days
    random.Random(seed).shuffle(records)
    again = await live(redis_server, [*records, *records[::7]], at=2 * DAY)
    assert without_costs(again) == without_costs(found)
    assert net_costs(again) == net_costs(found)


def without_costs(found: dict[str, Any]) -> dict[str, Any]:
    """Of a cost that falls, how much was gained and taken back depends on what was known first; the net does not."""
    return {
        name: without_costs(each) if isinstance(each, dict) else each
        for name, each in found.items()
        if not name.startswith("contact_cost")
    }


def net_costs(found: dict[str, Any]) -> int:
    return int(found.get("contact_cost:EUR", 0) - found.get("contact_cost_back:EUR", 0))


async def test_a_replay_and_a_restart_say_the_same(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        records = some(7)
        await run(made, *records[:40], at=2 * DAY)
        await made.start()
        await run(made, *records[40:], at=2 * DAY)
        lived = await counted(made)
        stand = Stand(made, redis_server.url)
        await stand.switch(2)
        assert await counted(made, Keys(2)) == lived
        await stand.redis.aclose()


@pytest.mark.parametrize("seed", range(3))
async def test_it_does_not_matter_how_the_log_is_cut_and_how_often_a_processor_starts(
    redis_server: Any, seed: int
) -> None:
    rng = random.Random(seed)
    records = some(seed)
    whole = await live(redis_server, records, at=2 * DAY)
    async with timeline(redis_server) as made:
        await made.append(*records, at=2 * DAY)
        for _ in range(30):
            await made.run_a_little(rng)
            if rng.random() < 0.3:
                await made.start()
        await made.run()
        assert await counted(made) == whole


async def test_a_clock_a_day_ahead_counts_on_the_day_it_is_told_until_that_day_has_come(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        ahead = said(DAY + HOUR, state="opened")
        await run(made, ahead, at=0)
        lived = await counted(made)
        assert lived["day 0"]["contacts"] == 1
        assert lived["contacts_unanswered"] == {home(ONE): DAY + HOUR}
        await run(made, said(DAY + 2 * HOUR, state="answered"), at=DAY + 2 * HOUR)
        lived = await counted(made)
        assert "day 0" not in lived or not any(lived["day 0"].values())
        assert lived["day 1"] == {
            "contacts": 1,
            "contacts_answered": 1,
            "contact_answer_ms": HOUR,
            "contact_channels": {"mail": 1},
        }
        stand = Stand(made, redis_server.url)
        await stand.switch(2)
        assert await counted(made, Keys(2)) == lived
        await stand.redis.aclose()


async def test_a_contact_that_nobody_speaks_of_is_open_no_more_when_it_ends(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await run(made, ASKED)
        assert (await pending(made))["contacts_open"]
        await made.pass_time(CONTACT.lives_ms + DAY)
        await made.pass_time(DAY)  # after a gap nobody ends by age for some hours
        assert await made.redis.keys(made.store.keys.thing(made.lane(home(ONE)), "shop", "*")) == []
        assert await pending(made) == NOTHING_WAITS


async def test_a_contact_that_expired_before_anybody_ended_it_is_open_no_more(redis_server: Any) -> None:
    """Nobody folded for so long after its end that Redis let its key go."""
    async with timeline(redis_server) as made:
        await run(made, ASKED)
        await made.redis.delete(made.store.keys.thing(made.lane(home(ONE)), "shop", home(ONE)))
        await made.start()
        await made.pass_time(CONTACT.lives_ms + 30 * DAY)
        await made.pass_time(DAY)
        assert await pending(made) == NOTHING_WAITS
        again = said(CONTACT.lives_ms + 31 * DAY, state="opened")
        await made.append(again, at=CONTACT.lives_ms + 31 * DAY)
        await made.run()
        assert (await pending(made))["contacts_unanswered"] == {home(ONE): CONTACT.lives_ms + 31 * DAY}


async def test_who_is_erased_takes_no_number_along(redis_server: Any) -> None:
    who = "@" + "1" * 32
    async with timeline(redis_server) as made:
        asked = fact(home(ONE), "contact", 0, customer=who, channel="mail", state="opened", direction="in")
        await run(made, asked)
        before = await counted(made)
        await run(made, fact(who, "forget", HOUR))
        await made.pass_time(MINUTE)
        assert await counted(made) == before


@pytest.mark.parametrize("former", ["as the version before stored it", "without its state", "without its beginning"])
async def test_a_contact_of_before_counts_with_its_next_fact_as_a_replay_counts_it(
    redis_server: Any, former: str
) -> None:
    async with timeline(redis_server) as made:
        ours = said(0, "c", state="opened", direction="out")
        await run(made, ASKED, said(MINUTE, "b", state="closed"), ours)
        for of in (ONE, "b", "c"):
            key = made.store.keys.thing(made.lane(home(of)), "shop", home(of))
            stored: Any = await made.redis.get(key)
            state = decode_thing(stored)
            state.served = None
            for told in state.told:
                told.fields.pop("state")
                if former == "without its beginning":
                    told.fields.pop("<t")
                    told.fields.pop("<out", None)  # its latest direction was stored
            await made.redis.set(key, encode_thing(state), px=DAY)
        names = [each async for each in made.redis.scan_iter(match="wl1:*:shop:*")]
        gone = [each for each in names if not any(kind in each for kind in (b":thing:", b":naming:"))]
        await made.redis.delete(*gone)
        await made.start()
        await run(made, said(2 * HOUR, state="answered"), said(3 * HOUR, "b", topic="size"))
        await run(made, said(3 * HOUR, "c", topic="size"))
        lived = await counted(made)
        assert lived["contacts_open"] == {home(ONE): 0}
        assert lived["contacts_solved"] == 1
        stand = Stand(made, redis_server.url)
        await stand.switch(2)
        assert await counted(made, Keys(2)) == lived
        await stand.redis.aclose()


@pytest.mark.parametrize(
    "body",
    [
        {"satisfaction": 11}, {"satisfaction": -1}, {"satisfaction": 7.5}, {"minutes": -5}, {"channel": ""},
        {"cost": 5, "currency": "XYZ"}, {"cost": 5}, {"cost": 0, "currency": "EUR"}, {"topic": ""},
    ],
    ids=str,
)  # fmt: skip
async def test_what_no_collector_takes_counts_nothing(redis_server: Any, body: dict[str, Any]) -> None:
    found = await live(redis_server, [said(0, state="closed", **body)])
    lists = {} if body.get("channel") == "" else {"contact_channels": {"mail": 1}}
    assert found == NOTHING_WAITS | {
        "contacts": 1,
        "contacts_solved": 1,
        "day 0": {"contacts": 1, "contacts_solved": 1} | lists,
    }


async def test_numbers_out_of_range_are_bounded(redis_server: Any) -> None:
    found = await live(redis_server, [said(0, state="closed", minutes=9e14), said(0, "b", cost=10**17, currency="EUR")])
    assert found["day 0"]["contact_work_s"] == 60_000_000
    assert found["contacts"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "anna@shop.example", "Anna <(redacted)>", "anna＠shop.example", "0171 123 45 67", "call 0049(171)1234567",
        "۰۱۷۱۱۲۳۴۵۶۷",
        "A1234567", "192.0.2.1", "from 10.0.0.7 again", "2001:db8:1:2::7", "::1", "/help?mail=anna", "a&b=c",
    ],
)  # fmt: skip
def test_what_may_name_somebody_is_no_label(text: str) -> None:
    assert label_of(text) == OTHER


@pytest.mark.parametrize(
    "text", ["size", "Size 42/43", "(number)", "Where is my order?", "v1.2.3", "10:30", "اندازه", "C&A", ""]
)
def test_what_names_nobody_is_a_label_as_it_is(text: str) -> None:
    assert label_of(text) == text


async def test_a_topic_that_may_name_somebody_counts_among_the_others_and_moves_as_any(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await run(made, said(0, topic="0171 1234567", channel="anna@shop.example"), said(0, "b", topic="0171 7654321"))
        lived = await counted(made)
        assert lived["day 0"]["contact_topics"] == {OTHER: 2}
        assert lived["day 0"]["contact_channels"] == {OTHER: 1, "mail": 1}
        await run(made, said(HOUR, topic="size"))
        lived = await counted(made)
        assert lived["day 0"]["contact_topics"] == {OTHER: 1, "size": 1}
        assert lived["day 0"]["contact_channels"] == {"mail": 2}
        stand = Stand(made, redis_server.url)
        await stand.switch(2)
        assert await counted(made, Keys(2)) == lived
        await stand.redis.aclose()


async def test_a_flood_of_topics_is_bounded(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        told = [
            fact(f"{CONTACT.prefix}{n:032x}", "contact", n, channel="mail", topic=f"made up {n}" + "x" * 100)
            for n in range(2_600)
        ]
        await made.append(*told, at=DAY)
        await made.run()
        topics = await made.top("contact_topics", date(made.sites["shop"].day(START)))
        assert sum(topics.values()) == len(told)
        assert len(topics) <= 501 * made.deployment.lanes
        assert topics[OTHER] > 0
