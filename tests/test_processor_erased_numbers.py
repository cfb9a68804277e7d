"""30 % of all persons are erased, then the log is replayed: every number of the site is what it was.

And so is every order, but for whom it names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from crm.sites import SiteFacts
from tests.replay_stand import Stand, stand
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, SECOND, START, event, fact
from wakeline.keys import Keys
from wakeline.orders import order
from wakeline.record import Erase, Event, Record
from wakeline.settings import InterestRule, Site
from wakeline.told import decode_thing

VISITORS, CUSTOMERS = 260, 60
ERASED = 0.3
DAYS = 100
SITE = Site(
    key="shop",
    interests=(InterestRule(path="/shoes/*", interest="Shoes"),),
    visitor_months=1,  # so that many end by age, and come back after that
    visitor_most_months=2,
    customer_months=2,
)

Told = tuple[int, Record]  # ms after START at which it is appended


def visits(rng: random.Random, visitor: str, customers: list[str]) -> list[Told]:
    """What one browser sends: visits days or months apart, some of it late, again, or only counted."""
    found: list[Told] = []
    at = rng.randrange(DAYS * DAY // 2)
    while at < (DAYS - 9) * DAY:
        extra: dict[str, Any] = rng.choice([{}, {"referrer": "www.google.com/"}, {"query": {"utm_source": "mail"}}])
        is_counted_only = rng.random() < 0.1
        if rng.random() < 0.02:
            extra = {"bot": "Googlebot"}
        for view in range(rng.randint(1, 3)):
            page, path = f"page-{visitor}-{at}", rng.choice(["/", "/shoes/red", "/bags"])
            n = 0
            for type, fields in (
                ("page_view", {"interests": rng.choice([[], ["Leather"]]), **(extra if not view else {})}),
                ("search", {}),
                ("identify", {"customer": rng.choice(customers or [""])}),
                ("ping", {}),
                ("engagement", {"engaged_ms": rng.randrange(40_000), "scroll": at % 101, "leave": rng.random() < 0.5}),
            ):
                if type != "page_view" and (rng.random() < 0.6 or (type == "identify" and not customers)):
                    continue
                one = event(
                    visitor, page, n, at + n * SECOND, type, path=path, counted_only=is_counted_only,
                    **{"bot": extra.get("bot", ""), **fields},
                )  # fmt: skip
                late = rng.choice([0, 0, 0, 0, 0, rng.randrange(7 * DAY)])
                found.append((at + n * SECOND + late, one))
                if rng.random() < 0.05:
                    found.append((at + n * SECOND + late + rng.randrange(2 * DAY), one))
                n += 1
            at += rng.randrange(1, 25 * MINUTE)
        if visitor[0] != "~" and rng.random() < 0.01:
            found.append((at, event(visitor, f"page-{visitor}-{at}", 0, at, "consent", level="off")))
        at += rng.choice([rng.randrange(31 * MINUTE, DAY), rng.randrange(DAY, 20 * DAY), rng.randrange(45 * DAY)])
    return found


def shopping(rng: random.Random, visitor: str, customers: list[str], n: int) -> list[Told]:
    """An order of which the page tells, and more often the shop, in either order, some of it late or again."""
    order, at = f"#{n:032x}", rng.randrange((DAYS - 9) * DAY)
    money = {"value": rng.randrange(1, 1_000), "currency": rng.choice(["EUR", "USD"])}
    named = {"customer": rng.choice(customers)} if customers and rng.random() < 0.7 else {}
    told: list[tuple[int, Record]] = [
        (0, event(visitor, f"order-{visitor}-{n}", 0, at, "purchase", order=order, props=money)),
        (rng.randrange(DAY), fact(order, "purchase", at, {**money, "tax": 7}, **named)),
        (rng.randrange(5 * DAY), fact(order, "refund", at + DAY, {"refund_id": "one"}, **named)),
        (rng.randrange(9 * DAY), fact(f"#contact:{n:032x}", "contact", at, {"channel": "mail", "minutes": 3}, **named)),
    ]
    told = [one for one in told if rng.random() < 0.7]
    return [(at + late + again, record) for late, record in told for again in rng.choice([(0,), (0,), (0, DAY)])]


def story(rng: random.Random) -> tuple[list[Told], list[str]]:
    """What comes in the order of the log, and who was erased: the last of them when all others had come."""
    visitors = [f"~reader{n}" if n % 6 == 5 else f"visitor-{n}" for n in range(VISITORS)]
    customers = [f"@customer{n}" for n in range(CUSTOMERS)]
    told: list[Told] = []
    for visitor in visitors:
        whose = rng.sample(customers, k=rng.choice([0, 0, 1, 1, 2])) if visitor[0] != "~" else []
        told += visits(rng, visitor, whose)
        told += [one for n in range(2) for one in shopping(rng, visitor, whose, len(told) + n)]
    persons = [id for id in (*visitors, *customers) if id[0] != "~"]
    gone = rng.sample(persons, k=round(ERASED * len(persons)))
    for id in gone:
        at = rng.choice([rng.randrange(DAYS * DAY), DAYS * DAY, DAYS * DAY])
        told.append((at, Erase(site="shop", id=id, time=START + at)))
    return sorted(told, key=lambda one: one[0]), gone


async def live_through(live: Stand, told: list[Told], rng: random.Random) -> None:
    made, position = live.made, 0
    while position < len(told):
        step = rng.randint(1, 200)
        for at, record in told[position : position + step]:
            await made.append(record, at=at)
        position += step
        await made.run(batch=rng.randint(1, 200))
    for _ in range(3):
        await made.pass_time(DAY)


async def numbers(live: Stand, keys: Keys) -> dict[str, dict[str, float]]:
    """Every number of the site, lane by lane: totals, days, and the lists of each day."""
    found: dict[str, dict[str, float]] = {}
    for key in await live.made.redis.keys(f"{keys.prefix}*:shop:*"):
        name = key.decode().removeprefix(keys.prefix)
        kind, *rest = name.split(":")[2:]
        if kind in ("totals", "day"):
            counts = await live.made.redis.hgetall(key)
            found[name] = {field.decode(): int(count) for field, count in counts.items() if int(count)}
        elif kind == "thing":
            made = order(decode_thing(await live.made.redis.get(key) or b"[]").told)
            found[name] = {"things": 1, made.currency: made.value or 0, "refunds": len(made.refunds)}
        elif kind == "top" and rest[1][0] == "d":
            members = await live.made.redis.zrange(key, 0, -1, withscores=True)
            found[name] = {member.decode(): score for member, score in members}
    return {name: counts for name, counts in found.items() if counts}


async def profiles(live: Stand, ids: Iterable[str], keys: Keys) -> dict[str, dict[bytes, bytes]]:
    """Those that there are."""
    async with live.made.redis.pipeline(transaction=False) as pipe:
        for id in ids:
            pipe.hgetall(keys.profile(live.made.lane(id), "shop", id))
        return {id: found for id, found in zip(ids, await pipe.execute(), strict=True) if found}


@pytest.mark.parametrize("seed", range(cases(8)))
async def test_a_replay_after_erasures_changes_no_number_of_the_site(redis_server: Any, seed: int) -> None:
    """Its tombstones are those of today, from the first record on."""
    rng = random.Random(seed)
    told, gone = story(rng)
    async with stand(redis_server) as live:
        live.made.sites = {"shop": SiteFacts(SITE)}
        await live.made.start()
        await live_through(live, told, rng)
        wanted = await numbers(live, Keys(1))
        await live.switch(2, batch_records=rng.choice([10, 100, 2_000]))
        found = await numbers(live, Keys(2))
        assert found == wanted
        assert sum(":thing:" in name for name in found) > VISITORS
        for version in (1, 2):
            text = b"".join(
                [await live.redis.get(key) or b"" for key in await live.redis.keys(f"wl{version}:*:thing:*")]
            )
            forgotten = {record.id for at, record in told if isinstance(record, Erase) and at == DAYS * DAY}
            assert not [id for id in forgotten if f'"{id}"'.encode() in text]
        ids = {getattr(record, "visitor", "") or getattr(record, "id", "") for _, record in told}
        assert await profiles(live, ids, Keys(2)) == await profiles(live, ids, Keys(1))
        for lane in range(4):
            waiting = [await live.redis.zrange(Keys(version).due(lane), 0, -1) for version in (1, 2)]
            assert sorted(waiting[1]) == sorted(waiting[0])
    total = {field: sum(counts.get(field, 0) for name, counts in wanted.items() if ":totals" in name) for field in
             ("page_views", "new_visitors", "identified", "withdrawals", "bot_events")}  # fmt: skip
    seen = len({record.visitor for _, record in told if isinstance(record, Event) and record.visitor[0] != "~"})
    assert len(gone) > 80
    assert total["new_visitors"] > seen, "nobody ended by age and came back"
    assert min(total.values()) > 3
