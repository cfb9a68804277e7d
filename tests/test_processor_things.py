"""Facts are folded at their homes: things, customers, visitors. Real server, in-memory log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crm.things.state import Thing
from processor.loaded import Loaded, thing_of
from tests.ages import MONTHS, until
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact, in_full_of_customer, timeline
from wakeline.orders import order
from wakeline.record import Erase, Event, Fact, ImportEnd, encode_record
from wakeline.told import ThingState
from wakeline.vocabulary import things

ORDER, OTHER, CONTACT = "#" + "a" * 32, "#" + "b" * 32, "#contact:" + "c" * 32
WHO = "@" + "0" * 32
BOUGHT = {"value": 24_900, "currency": "EUR", "items": [{"item_id": "runner-7", "price": 24_900}]}


async def state(made: Timeline, id: str) -> ThingState:
    return (await thing(made, id)).state


async def thing(made: Timeline, id: str) -> Thing:
    return thing_of("shop", id, Loaded(await made.redis.get(made.store.keys.thing(made.lane(id), "shop", id)), {}, 0))


async def named(made: Timeline, id: str) -> list[str]:
    """Who a thing says that it is about, and the same by the lane's sets."""
    found = sorted((await thing(made, id)).named())
    sets = await made.redis.keys(made.store.keys.naming(made.lane(id), "shop", "*"))
    by_set = [key.decode().rpartition(":naming:")[2] for key in sets if await made.redis.zscore(key, id) is not None]
    assert sorted(by_set) == found
    return found


async def customer(made: Timeline, id: str = WHO) -> dict[str, Any]:
    found = await made.redis.get(made.store.keys.state(made.lane(id), "shop", id))
    return in_full_of_customer(found or b"{}")


async def letters(made: Timeline, lane: int) -> list[dict[str, str]]:
    rows: Any = await made.redis.xrange(made.store.keys.dead(lane))
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in rows]


async def say(made: Timeline, *records: Any, at: int | None = None) -> None:
    await made.append(*records, at=at)
    await made.run()


async def test_an_order_is_one_whoever_speaks_of_it(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(
            made,
            fact(ORDER, "order_state", 5, {"state": "paid"}),
            fact(ORDER, "purchase", 1, BOUGHT, customer=WHO),
            fact(ORDER, "refund", 9, {"refund_id": "r-1", "value": 900, "currency": "EUR"}, by="import"),
        )
        found = order((await state(made, ORDER)).told)
        assert (found.value, found.currency, found.items) == (24_900, "EUR", [["runner-7", 24_900]])
        assert found.states == {"paid": START + 5}
        assert [refund.value for refund in found.refunds] == [900]
        assert await named(made, ORDER) == [WHO]
        assert (await made.ledger())["applied"] == 3


async def test_a_customer_learns_that_it_was_heard_of(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=WHO), at=DAY)
        await say(made, fact(CONTACT, "contact", 9, {"channel": "mail"}, customer=WHO))
        found = await customer(made)
        assert list(found.pop("account")[0]) == [ORDER]
        assert found == {"first_seen": START, "first_heard": START, "heard": START + 9}
        profile = await made.profile(WHO)
        assert (profile["first_seen"], profile["last_seen"]) == (str(START), str(START + 9))


async def test_a_fact_that_comes_again_is_a_duplicate_and_one_that_says_other_things_a_conflict(
    redis_server: Any,
) -> None:
    said = fact(ORDER, "purchase", 1, BOUGHT, customer=WHO)
    about = fact(WHO, "customer", 1, {"traits": {"plan": "gold"}})
    async with timeline(redis_server) as made:
        await say(made, said, about)
        before = await state(made, ORDER), await customer(made)
        await say(made, said, about)
        other = fact(ORDER, "purchase", 1, BOUGHT | {"value": 1}, customer=WHO, id=said.id)
        await say(made, other, fact(WHO, "customer", 1, {"traits": {"plan": "lead"}}, id=about.id))
        assert before == (await state(made, ORDER), await customer(made))
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["duplicate"], ledger["conflict"], ledger["dead"]) == (2, 2, 2, 0)
        [letter] = await letters(made, made.lane(ORDER))
        assert letter["reason"] == "conflict"
        assert json.loads(letter["v"])["body"]["value"] == 1
        assert [letter["reason"] for letter in await letters(made, made.lane(WHO))] == ["conflict"]


@pytest.mark.parametrize(
    "broken",
    [
        {"home": "#nothing:" + "a" * 32},
        {"home": CONTACT},
        {"id": "short"},
        {"time": START + DAY},
        {"customer": "nobody"},
        {"body": {"value": "12.50"}},
        {"batch": "b" * 32},
        {"body": {"coupon": "x" * 70_000}},
    ],
)
async def test_a_broken_fact_is_a_dead_letter_that_an_erasure_finds(redis_server: Any, broken: dict[str, Any]) -> None:
    said = fact(ORDER, "purchase", 1, BOUGHT, visitor="visitor-1")
    for name, value in broken.items():
        setattr(said, name, value)
    async with timeline(redis_server) as made:
        lane = made.lane("visitor-1")
        await made.log.append([(lane, encode_record(said))])
        await made.run()
        [letter] = await letters(made, lane)
        assert letter["reason"].startswith("malformed")
        assert "shop/visitor-1" in letter["about"]
        await say(made, Erase("shop", "visitor-1", START + DAY))
        assert not await letters(made, lane)


async def test_a_thing_ends_by_age(redis_server: Any) -> None:
    """By event time, after the latest fact; no set names it then."""
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=WHO))
        await say(made, fact(ORDER, "order_state", 10 * DAY, {"state": "paid"}))
        await until(made, 809 * DAY)
        assert (await state(made, ORDER)).told
        await until(made, 811 * DAY)
        assert not await made.redis.keys("*:thing:*")
        assert not await made.redis.keys("*:naming:*")
        assert await made.redis.zscore(made.store.keys.due(made.lane(ORDER)), f"shop/{ORDER}") is None


async def test_redis_forgets_a_thing_a_week_after_its_end(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact("$runner-7", "product", 0, {"price": 1, "currency": "EUR"}))
        lives = await made.redis.pttl(made.store.keys.thing(made.lane("$runner-7"), "shop", "$runner-7"))
        assert abs(lives - things.PRODUCT.lives_ms - 7 * DAY) < MINUTE


async def test_a_kind_that_is_kept_longer_from_now_on_is_so_in_redis_too(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(CONTACT, "contact", 0, {"channel": "mail"}, customer=WHO))
        longer = things.CONTACT._replace(lives_ms=things.CONTACT.lives_ms + 100 * DAY)
        monkeypatch.setitem(things._by_prefix, longer.prefix, longer)
        await made.start()
        await until(made, things.CONTACT.lives_ms + DAY)
        lives = await made.redis.pttl(made.store.keys.thing(made.lane(CONTACT), "shop", CONTACT))
        assert abs(lives - 107 * DAY) < DAY + MINUTE
        await until(made, longer.lives_ms + DAY)
        assert not await made.redis.keys("*:thing:*")
        assert not await made.redis.keys("*:naming:*")


def buys(n: int, at: int, type: str = "purchase", visitor: str = "visitor-1", **props: Any) -> Event:
    return event(visitor, "page-1", n, at, type, order=ORDER, props={"currency": "EUR", **props})


async def test_a_page_tells_its_order(redis_server: Any) -> None:
    """With the visitor and its customer under full; nobody under anonymous; only once."""
    async with timeline(redis_server) as made:
        said = buys(1, 1, value=12.5, items=[{"item_id": "runner-7", "price": 12.5, "quantity": 1}])
        await say(made, event("visitor-1", "page-1", 0, 0, "identify", customer=WHO), said, said)
        found = order((await state(made, ORDER)).told)
        assert (found.value, found.customer, found.visitor) == (1_250, WHO, "visitor-1")
        assert found.items == [["runner-7", 1_250, 1]]
        assert await named(made, ORDER) == [WHO, "visitor-1"]
        await say(
            made, event("~reader", "page-2", 0, 2, "purchase", order=OTHER, props={"value": 1, "currency": "EUR"})
        )
        assert (await state(made, OTHER)).told
        assert not await named(made, OTHER)
        await say(made, fact(ORDER, "purchase", 0, BOUGHT))
        assert order((await state(made, ORDER)).told).value == 24_900


async def test_an_erased_customer_is_named_by_no_thing_of_any_lane(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by later facts of before, nor in a set; amounts stay. Where a fact after the erasure names it, it is named.

    There are more things than one call takes.
    """
    monkeypatch.setattr("processor.naming.UNLINKED_AT_ONCE", 2)
    ids = [f"#{n:032x}" for n in range(10, 40)]
    again = [f"#{n:032x}" for n in (0, 1, 2, 3, 50)]
    async with timeline(redis_server) as made:
        await say(made, *(fact(id, "purchase", n, BOUGHT, customer=WHO) for n, id in enumerate(ids)))
        await say(made, *(fact(id, "purchase", 2 * DAY, BOUGHT, customer=WHO) for id in again))
        elsewhere = next(id for id in (f"#{n:032x}" for n in range(100, 200)) if made.lane(id) != made.lane(WHO))
        late = fact(elsewhere, "purchase", 50, BOUGHT, customer=WHO)
        after = fact("#" + "f" * 32, "purchase", DAY + 1, BOUGHT, customer=WHO)
        await say(made, Erase("shop", WHO, START + DAY), at=2 * DAY)
        ends = await made.log.bounds(range(4))
        await say(made, late, at=2 * DAY)  # its lane knows, so nobody is told
        assert sum(bounds.end for bounds in (await made.log.bounds(range(4))).values()) == 1 + sum(
            bounds.end for bounds in ends.values()
        )
        sets = [await made.redis.zrange(key, 0, -1) for key in await made.redis.keys("*:naming:*")]
        assert sorted(id.decode() for found in sets for id in found) == again
        for id in (*ids, late.home):
            found = order((await state(made, id)).told)
            assert (found.value, found.customer) == (24_900, "")
        naming = [key for key in await made.redis.keys("*:thing:*") if WHO.encode() in await made.redis.get(key)]
        assert sorted(key.decode().rpartition(":thing:")[2] for key in naming) == again
        assert (await made.profile(WHO))["first_seen"] == str(START + 2 * DAY)  # by those that name it again
        await say(made, after)
        assert await named(made, after.home) == [WHO]
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["dead"]) == (37, 0)


async def test_an_erased_visitor_is_named_by_no_order(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("visitor-1", "page-1", 0, 0), buys(1, 1, value=12.5))
        assert await named(made, ORDER) == ["visitor-1"]
        await say(made, event("visitor-1", "page-1", 2, 2, "consent", level="off"))
        assert not await named(made, ORDER)
        await say(made, buys(3, 1, value=12.5))
        assert not await named(made, ORDER)
        assert order((await state(made, ORDER)).told).value == 1_250


async def test_a_customer_that_ends_by_age_is_named_no_more(redis_server: Any) -> None:
    agreement = "#agreement:" + "d" * 32
    async with timeline(redis_server) as made:
        await say(made, fact(agreement, "agreement", 0, {"level": "gold"}, customer=WHO))
        assert await named(made, agreement) == [WHO]
        await until(made, 36 * MONTHS + DAY)
        assert not await customer(made)
        assert not await named(made, agreement)
        assert (await state(made, agreement)).told


async def test_a_thing_that_changes_its_customer_changes_sets(redis_server: Any) -> None:
    other = "@" + "1" * 32
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 1, BOUGHT, customer=WHO))
        await say(made, fact(ORDER, "purchase", 2, BOUGHT, customer=other))
        assert await named(made, ORDER) == [other]
        await say(made, Erase("shop", WHO, START + DAY), at=3)
        assert await named(made, ORDER) == [other]


async def test_the_record_of_a_customer_starts_again_when_it_returns(redis_server: Any) -> None:
    def plan(at: int, name: str, **body: Any) -> Fact:
        return fact(WHO, "customer", at, {"traits": {"plan": name}, **body})

    async with timeline(redis_server) as made:
        await say(made, plan(0, "gold"), fact(WHO, "tag", 1, {"tag": "vip"}))
        assert {name for one in (await customer(made))["record"] for name in one[3]} == {"trait:plan", "tag:vip"}
        await say(made, Erase("shop", WHO, START + DAY), at=DAY)
        await say(made, plan(2, "old"), plan(DAY + 1, "new"), at=DAY + 1)
        assert not (await customer(made)).get("record")
        await say(made, plan(DAY + 2, "back", returns=True))
        await say(made, plan(3, "older"), at=DAY + 3)
        [told] = (await customer(made))["record"]
        assert told[3] == {"trait:plan": "back"}
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["erased"]) == (3, 3)


async def test_a_forget_erases(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("visitor-1", "page-1", 0, 0), fact(WHO, "tag", 1, {"tag": "vip"}))
        gone = fact("visitor-1", "forget", 2)
        await say(made, gone, fact(WHO, "forget", 2))
        assert not await made.profile("visitor-1")
        assert not await made.profile(WHO)
        await say(made, gone, fact(WHO, "forget", 2))
        assert (await made.ledger())["duplicate"] == 2


def line(n: int, *, at: int = 0, batch: str = "1" * 32, home: str = ORDER) -> Fact:
    return fact(home, "purchase", at, BOUGHT | {"value": n}, by="import", batch=batch, line=n)


async def test_a_line_of_an_import_counts_once(redis_server: Any) -> None:
    """However often the import is resumed or repeated, and whatever became of what it said."""
    async with timeline(redis_server) as made:
        lines = [line(1, at=3), line(2, at=2), line(3, at=1)]
        await say(made, *lines[:2])
        await made.start()
        await say(made, *lines, ImportEnd("shop", "1" * 32, START, 3), *lines)
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["duplicate"]) == (3, 5)
        assert order((await state(made, ORDER)).told).value == 1
        await say(made, line(1, at=9, batch="2" * 32))
        assert (await made.ledger())["applied"] == 4


async def test_an_import_is_forgotten_long_after_its_end(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, line(1), ImportEnd("shop", "1" * 32, START, 1))
        for n, at in ((2, 399 * DAY), (3, 401 * DAY)):
            batch = str(n) * 32
            await say(made, line(1, at=at, batch=batch, home=OTHER), at=at)
            end = encode_record(ImportEnd("shop", batch, START + at, 1))
            await made.log.append([(lane, end) for lane in range(4)])
            await made.run()
            found = await made.redis.hgetall(made.store.keys.imports(made.lane(ORDER)))
            assert (f"shop/{'1' * 32}".encode() in found) is (n == 2)


async def test_an_old_fact_of_a_server_is_not_too_late_as_a_pages_is(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT), at=400 * DAY)
        await say(made, fact(OTHER, "purchase", 0, BOUGHT), at=801 * DAY)
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["too_late"]) == (1, 1)
