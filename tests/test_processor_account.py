"""What customers bought and what they cost, as orders and other things tell them. Real server, in-memory log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crm.commerce.claims import MOST_BOUGHT
from tests.ages import until
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact, timeline
from wakeline.account import Account, Sums
from wakeline.keys import Keys
from wakeline.record import Definition, Erase, encode_record
from wakeline.stored_state import part_of
from wakeline.told import customer_of, decode_thing

ORDER, OTHER, CONTACT = "#" + "a" * 32, "#" + "b" * 32, "#contact:" + "c" * 32
SENT, SERVICE = "#sent:" + "d" * 32, "#service:" + "e" * 32
JO, BEN = "@" + "1" * 32, "@" + "2" * 32
BOUGHT = {"value": 10_000, "currency": "EUR", "items": [{"item_id": "runner-7", "price": 10_000, "cost": 6_000}]}
EURO = {"value": 100, "currency": "EUR"}  # as pages tell it
KEPT = Sums(orders=1, value=10_000, margin=4_000)


async def account(made: Timeline, id: str = JO, keys: Keys | None = None) -> Account:
    key = (keys or made.store.keys).state(made.lane(id), "shop", id)
    return part_of(await made.redis.get(key)).account or Account()


async def sums(made: Timeline, id: str = JO, keys: Keys | None = None) -> Any:
    """Of all time in EUR; None: there are none."""
    return (await account(made, id, keys)).all_time().get("EUR")


async def best(made: Timeline, rank: str) -> dict[str, float]:
    found = {}
    for lane in range(made.deployment.lanes):
        for member, score in await made.redis.zrange(made.store.keys.best(lane, "shop", rank), 0, -1, withscores=True):
            found[member.decode()] = score
    return found


async def say(made: Timeline, *records: Any, at: int | None = None) -> None:
    for record in records:
        await made.append(record, at=at)
        await made.run()


async def test_an_order_counts_at_its_customer_and_a_refund_takes_back(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        assert await sums(made) == KEPT
        await say(made, fact(ORDER, "refund", 5, {"refund_id": "r", "value": 2_500, "currency": "EUR"}))
        assert await sums(made) == Sums(orders=1, value=7_500, margin=1_500)
        assert await best(made, "value") == {JO: 7_500}
        await say(made, fact(ORDER, "order_state", 9, {"state": "cancelled"}))
        assert (await account(made)).all_time() == {"EUR": Sums()}
        assert await best(made, "value") == {}


async def test_an_order_of_another_customer_leaves_the_former_one(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        await say(made, fact(ORDER, "order_state", 5, {"state": "paid"}, customer=BEN))
        assert (await sums(made, JO), await sums(made, BEN)) == (None, KEPT)
        assert await best(made, "profit") == {BEN: 4_000}


async def test_what_serving_a_customer_costs(redis_server: Any) -> None:
    called = {"channel": "phone", "minutes": 6.5, "cost": 75, "currency": "EUR"}
    async with timeline(redis_server) as made:
        await say(
            made,
            fact(CONTACT, "contact", 0, called, customer=JO),
            fact(SERVICE, "service_order", 1, {"minutes": 4, "cost": 20, "currency": "EUR"}, customer=JO),
            fact(SENT, "campaign_sent", 1, {"campaign": "may", "cost": 80, "currency": "EUR"}, customer=JO),
            fact(JO, "promotion_used", 2, {"promotion": "may", "cost": 500, "currency": "EUR"}),
            fact(JO, "promotion_used", 2, {"promotion": "may"}),
        )
        wanted = Sums(cost=75 + 325 + 20 + 200 + 80 + 500)
        assert await sums(made) == wanted
        await say(made, fact(CONTACT, "contact", 9, {"channel": "phone", "minutes": 8}, customer=JO))
        wanted.cost += 75  # a minute is 50 cents
        assert await sums(made) == wanted


async def test_a_cost_in_another_currency_than_that_of_minutes(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        said = {"channel": "phone", "minutes": 2, "cost": 75, "currency": "USD"}
        await say(made, fact(CONTACT, "contact", 0, said, customer=JO))
        assert (await account(made)).all_time() == {"USD": Sums(cost=75), "EUR": Sums(cost=100)}


async def set_to(made: Timeline, version: int, **settings: bytes) -> None:
    """From here on the site's settings are these, as JSON."""
    for name, body in settings.items():
        record = Definition("shop", name, version, msgspec.Raw(body))
        await made.log.append([(lane, encode_record(record)) for lane in range(made.deployment.lanes)])
    await made.run()


async def test_a_rate_that_changes_takes_back_what_was_told_by_the_former_one(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of what is only in the sums by then."""
    monkeypatch.setattr("crm.identity.account.MOST_COSTS", 1)
    async with timeline(redis_server) as made:
        await say(made, fact(CONTACT, "contact", 0, {"channel": "phone", "minutes": 10}, customer=JO))
        await say(made, fact(SENT, "campaign_sent", 1, {"campaign": "may", "cost": 80, "currency": "EUR"}, customer=JO))
        assert await sums(made) == Sums(cost=500 + 80)
        await set_to(made, 1, minute_cost=b"2.0")
        await say(made, fact(CONTACT, "contact", 2, {"channel": "phone", "minutes": 11}, customer=JO))
        assert await sums(made) == Sums(cost=2_200 + 80)
        await set_to(made, 2, currency=b'"USD"')
        await say(made, fact(CONTACT, "contact", 3, {"channel": "phone", "state": "solved"}, customer=JO))
        assert (await account(made)).all_time() == {"EUR": Sums(cost=80), "USD": Sums(cost=2_200)}


async def test_a_return_costs_once_and_a_cancellation_nothing(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        await say(made, fact(ORDER, "order_state", 1, {"state": "returned"}))
        await say(made, fact(ORDER, "order_state", 2, {"state": "returned"}))
        assert await sums(made) == Sums(orders=1, value=10_000, margin=10_000, cost=300)
        await say(made, fact(OTHER, "purchase", 3, BOUGHT, customer=BEN))
        await say(made, fact(OTHER, "order_state", 4, {"state": "cancelled"}))
        assert (await sums(made, BEN)).cost == 0


async def test_after_an_erasure_an_order_that_a_later_fact_names_counts_again(redis_server: Any) -> None:
    """Whether that fact comes before the erasure is folded or after it; and so in a replay."""
    for is_before in (True, False):
        async with timeline(redis_server) as made:
            await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
            named = fact(ORDER, "order_state", 2 * MINUTE, {"state": "paid"}, customer=JO)
            erased = Erase("shop", JO, START + MINUTE)
            await made.append(*((named, erased) if is_before else (erased, named)), at=2 * MINUTE)
            await made.run()
            await made.pass_time(MINUTE)
            assert await sums(made) == KEPT, is_before
            assert await best(made, "value") == {JO: 10_000}
            await say(made, fact(ORDER, "refund", 3 * MINUTE, {"refund_id": "r", "value": 2_500, "currency": "EUR"}))
            assert (await sums(made)).value == 7_500


async def test_an_erasure_takes_all_of_it(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        await say(made, Erase("shop", JO, START + MINUTE), at=MINUTE)
        await made.pass_time(MINUTE)
        assert await account(made) == Account()
        assert [await best(made, rank) for rank in ("value", "value-year", "profit", "profit-year")] == [{}] * 4
        await say(made, fact(ORDER, "refund", 3 * MINUTE, {"refund_id": "r", "value": 2_500, "currency": "EUR"}))
        assert await sums(made) is None


async def test_ids_of_one_customer_have_one_account(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=BEN))
        await say(made, fact(OTHER, "purchase", 1, BOUGHT, customer=JO))
        await say(made, fact(JO, "alias", 2, {"other": BEN}))
        both = Sums(orders=2, value=20_000, margin=8_000)
        assert (await sums(made, JO), await sums(made, BEN)) == (both, None)
        assert await best(made, "value") == {JO: 20_000}
        await say(made, fact(ORDER, "refund", 3, {"refund_id": "r", "value": 2_500, "currency": "EUR"}))
        assert (await sums(made)).value == 17_500
        await say(made, fact(BEN, "promotion_used", 4, {"promotion": "may", "cost": 500, "currency": "EUR"}))
        assert (await sums(made)).cost == 500


async def test_an_older_order_that_goes_from_one_id_of_a_customer_to_another_counts_once(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.identity.account.MOST_ORDERS", 1)
    async with timeline(redis_server) as made:
        await say(made, fact(JO, "alias", 0, {"other": BEN}))
        await say(made, fact(ORDER, "purchase", 1, BOUGHT, customer=BEN))
        await say(made, fact(OTHER, "purchase", 2, BOUGHT, customer=JO))
        await say(made, fact(OTHER, "order_state", 3, {"state": "paid"}, customer="@" + "3" * 32))
        assert await sums(made) == KEPT
        await say(made, fact(ORDER, "order_state", 4, {"state": "paid"}, customer=JO))
        assert await sums(made) == KEPT


async def test_a_discount_that_cannot_be_is_none(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT | {"discount": 10**16}, customer=JO))
        assert await sums(made) == KEPT


async def test_an_erasure_of_another_id_before_all_orders_takes_none(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of those that are only in the sums, and whichever tells again first that it is the customer's."""
    monkeypatch.setattr("crm.identity.account.MOST_ORDERS", 1)
    async with timeline(redis_server) as made:
        await say(made, Erase("shop", BEN, START), at=0)
        for number in range(4):
            await say(made, fact(f"#{number:032}", "purchase", 5 + (number * 3) % 4, BOUGHT, customer=JO))
        wanted = Sums(orders=4, value=40_000, margin=16_000)
        assert await sums(made) == wanted
        await say(made, fact(JO, "alias", 20, {"other": BEN}))
        await made.pass_time(MINUTE)
        assert await sums(made) == wanted
        assert await best(made, "value") == {JO: 40_000}


async def test_a_mail_that_tells_no_cost_has_that_of_its_campaign(redis_server: Any) -> None:
    """As planned when it is told; its own cost comes first, also later."""
    async with timeline(redis_server) as made:
        made.now = START
        rule = b'[{"id":"may","type":"newsletter","starts":"2027-01-01","ends":"2027-02-01","send_cost":0.25}]'
        await set_to(made, 1, currency=b'"EUR"', campaigns=rule)
        sent = {"campaign": "may"}
        await say(made, fact(SENT, "campaign_sent", 1, sent, customer=JO))
        assert (await account(made)).all_time() == {"EUR": Sums(cost=25)}
        await say(made, fact(SENT, "campaign_opened", 2, sent, customer=JO))
        await say(made, fact("#sent:" + "f" * 32, "campaign_sent", 3, {"campaign": "june"}, customer=JO))
        assert (await account(made)).all_time() == {"EUR": Sums(cost=25)}
        await say(made, fact(SENT, "campaign_sent", 4, sent | {"cost": 80, "currency": "EUR"}, customer=JO))
        assert (await account(made)).all_time() == {"EUR": Sums(cost=80)}


async def test_an_order_leaves_the_last_365_days_by_itself(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        assert await best(made, "value-year") == {JO: 10_000}
        await until(made, 364 * DAY)
        assert await best(made, "value-year") == {JO: 10_000}
        await until(made, 366 * DAY)
        assert await best(made, "value-year") == {}
        assert await best(made, "value") == {JO: 10_000}


async def test_what_was_bought_before_is_of_the_value(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(JO, "customer", 0, {"orders_before": 3, "value_before": 30_000, "currency": "EUR"}))
        assert await best(made, "value") == {JO: 30_000}
        await say(made, fact(ORDER, "purchase", 1, BOUGHT, customer=JO))
        assert (await best(made, "value"), await best(made, "value-year")) == ({JO: 40_000}, {JO: 10_000})


async def test_what_was_bought_before_is_ranked_after_an_erasure_of_another_id(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, fact(JO, "tag", 0, {"tag": "a"}))
        await say(made, Erase("shop", BEN, START + 5), at=5)
        told = {"value_before": 30_000, "currency": "EUR", "returns": True}
        await say(made, fact(JO, "customer", 10, told))
        await say(made, fact(JO, "alias", 20, {"other": BEN}))
        await made.pass_time(MINUTE)
        assert await best(made, "value") == {JO: 30_000}


async def test_of_more_customers_than_are_ranked_the_best_are(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.people.MOST_RANKED", 2)
    async with timeline(redis_server) as made:
        lane = made.lane("@" + "0" * 32)
        ids = [id for id in (f"@{n:032}" for n in range(99)) if made.lane(id) == lane][:4]
        orders = [f"#{n:032}" for n in range(4)]

        async def buys(which: int, value: int, at: int) -> dict[str, float]:
            await say(
                made, fact(orders[which], "purchase", at, {"value": value, "currency": "EUR"}, customer=ids[which])
            )
            return await best(made, "value")

        assert await buys(0, 300, 0) == {ids[0]: 300}
        assert await buys(1, 200, 1) == {ids[0]: 300, ids[1]: 200}
        before = len(made.workers[lane]._memory.lowest)
        assert await buys(2, 100, 2) == {ids[0]: 300, ids[1]: 200}
        assert (before, made.workers[lane]._memory.lowest[made.store.keys.best(lane, "shop", "value")]) == (2, 200)
        assert await buys(3, 250, 3) == {ids[0]: 300, ids[3]: 250}
        await say(made, fact(orders[0], "order_state", 4, {"state": "cancelled"}))
        assert await best(made, "value") == {ids[3]: 250}
        assert await buys(2, 110, 5) == {ids[3]: 250, ids[2]: 110}  # with the next event about it


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_ranks_begin_anew_in_another_main_currency(redis_server: Any, is_at_once: bool) -> None:
    """Else amounts in the former one would be read as the new one's."""
    async with timeline(redis_server) as made:
        made.now = START
        await made.append(fact(ORDER, "purchase", 0, BOUGHT, customer=JO))
        if not is_at_once:
            await made.run()
            assert await best(made, "value") == {JO: 10_000}
        await set_to(made, 1, currency=b'"USD"')
        assert await best(made, "value") == {}
        await say(made, fact(OTHER, "purchase", 1, BOUGHT, customer=JO))
        assert await best(made, "value") == {}
        await say(made, fact("#" + "9" * 32, "purchase", 2, {"value": 700, "currency": "USD"}, customer=JO))
        assert await best(made, "value") == {JO: 700}


# ---- a visitor who is identified later


def bought(visitor: str, at: int, order: str = ORDER, **fields: Any) -> Any:
    return event(visitor, f"{visitor}-{order[-4:]}", 1, at, "purchase", order=order, props=EURO, **fields)


async def test_an_order_of_a_visitor_who_is_identified_later_is_the_customers(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("phone", "page-1", 0, 0), bought("phone", 1))
        assert await sums(made) is None
        await say(made, event("phone", "page-1", 2, 60 * MINUTE, "identify", customer=JO))
        assert await sums(made) == Sums(orders=1, value=10_000, unknown=10_000)
        await say(made, event("phone", "page-1", 3, 61 * MINUTE, "identify", customer=JO))
        assert (await sums(made)).orders == 1


async def test_a_visitor_remembers_its_latest_orders(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        for n in range(MOST_BOUGHT + 2):
            await say(made, bought("phone", n, order=f"#{n:032}"))
        await say(made, event("phone", "page-1", 2, 60 * MINUTE, "identify", customer=JO))
        assert sorted((await account(made)).orders) == [f"#{n:032}" for n in range(2, MOST_BOUGHT + 2)]


async def test_a_late_identify_moves_the_order_to_whose_turn_it_was(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("phone", "page-1", 0, 0, "identify", customer=JO), bought("phone", 10 * MINUTE))
        assert (await sums(made)).orders == 1
        late = event("phone", "page-1", 2, 5 * MINUTE, "identify", customer=BEN)
        await say(made, late, at=11 * MINUTE)
        assert (await sums(made), (await sums(made, BEN)).orders) == (None, 1)


async def whose(made: Timeline) -> str:
    stored = await made.redis.get(made.store.keys.thing(made.lane(ORDER), "shop", ORDER))
    return customer_of(decode_thing(stored).told)[0]


async def test_between_two_browsers_the_earlier_purchase_says_whose_the_order_is(redis_server: Any) -> None:
    """Somebody opens the page that thanks for an order with a link that was passed on."""
    async with timeline(redis_server) as made:
        await say(made, event("laptop", "page-l", 0, 0, "identify", customer=BEN), bought("laptop", 9))
        assert await whose(made) == BEN
        await say(made, bought("phone", 5), event("phone", "page-1", 2, MINUTE, "identify", customer=JO))
        assert (await whose(made), (await sums(made)).orders, await sums(made, BEN)) == (JO, 1, None)
        signed = event("laptop", "page-l", 2, 2 * MINUTE, "purchase", order=ORDER, props=EURO, signed=True)
        await say(made, signed)
        assert (await whose(made), await sums(made), (await sums(made, BEN)).orders) == (BEN, None, 1)


async def test_an_order_that_moves_in_the_record_that_told_it_counts_once(redis_server: Any) -> None:
    """A lane that is behind folds the purchase and what moves it in one call, and tells the order both at once."""
    async with timeline(redis_server) as made:
        signs_in = event("phone", "page-1", 0, 0, "identify", customer=JO)
        late = event("phone", "page-2", 0, 5 * MINUTE, "identify", customer=BEN)
        await made.append(signs_in, bought("phone", 10 * MINUTE), late, at=20 * MINUTE)
        for _ in range(4):
            await made.run()
        assert (await whose(made), await sums(made), (await sums(made, BEN)).orders) == (BEN, None, 1)


async def test_an_account_knows_the_earliest_purchase_that_named_its_customer(redis_server: Any) -> None:
    """Also where the order comes to the same. Else an erasure between two of them would be of the order alone."""
    async with timeline(redis_server) as made:
        await say(made, fact(ORDER, "purchase", 1, BOUGHT))
        await say(made, event("phone", "page-1", 0, 0, "identify", customer=JO), bought("phone", 5 * MINUTE))
        other = event("tablet", "page-2", 0, 0, "identify", customer=JO)
        await say(made, other, bought("tablet", 2 * MINUTE), at=6 * MINUTE)
        assert (await account(made)).orders[ORDER].since == START + 2 * MINUTE
        assert await sums(made) == KEPT


async def test_an_order_that_is_shown_again_in_anothers_turn_stays(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("phone", "page-1", 0, 0, "identify", customer=JO), bought("phone", 1))
        await say(made, event("phone", "page-2", 0, MINUTE, "identify", customer=BEN))
        await say(made, event("phone", "page-2", 1, 2 * MINUTE, "purchase", order=ORDER, props=EURO))
        await say(made, event("phone", "page-2", 2, 3 * MINUTE, "identify", customer=BEN))
        assert (await whose(made), (await sums(made)).orders, await sums(made, BEN)) == (JO, 1, None)


async def test_a_late_identify_moves_an_order_that_was_shown_again(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, event("phone", "page-1", 0, 0, "identify", customer=JO), bought("phone", 10 * MINUTE))
        await say(made, event("phone", "page-2", 1, 20 * MINUTE, "purchase", order=ORDER, props=EURO))
        await say(made, event("phone", "page-2", 2, 15 * MINUTE, "identify", customer=BEN), at=21 * MINUTE)
        assert await whose(made) == JO
        await say(made, event("phone", "page-2", 3, 5 * MINUTE, "identify", customer=BEN), at=22 * MINUTE)
        assert (await whose(made), await sums(made), (await sums(made, BEN)).orders) == (BEN, None, 1)


async def test_a_pages_refund_names_nobody(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        refund = event("phone", "page-1", 1, 1, "refund", order=ORDER, props=EURO)
        await say(made, event("phone", "page-1", 0, 0, "identify", customer=BEN), refund)
        await say(made, fact(ORDER, "order_state", 5, {"state": "paid"}))
        assert (await whose(made), await sums(made, BEN)) == ("", None)


@pytest.mark.parametrize("signed", [True, False])
async def test_what_a_server_says_comes_before_a_claim(redis_server: Any, signed: bool) -> None:
    async with timeline(redis_server) as made:
        order = bought("phone", 1, signed=signed)
        await say(made, order, fact(ORDER, "order_state", 2, {"state": "paid"}, customer=BEN))
        await say(made, event("phone", "page-1", 2, 60 * MINUTE, "identify", customer=JO))
        assert (await sums(made), (await sums(made, BEN)).orders) == (None, 1)


@pytest.mark.parametrize("is_last", [True, False])
async def test_a_claim_of_a_signed_order_replaces_no_servers_word(redis_server: Any, is_last: bool) -> None:
    named = fact(ORDER, "order_state", 2_000, {"state": "paid"}, customer=BEN)
    identified = event("phone", "page-1", 2, 60 * MINUTE, "identify", customer=JO)
    async with timeline(redis_server) as made:
        await say(made, bought("phone", 1, signed=True))
        await say(made, *((named, identified) if is_last else (identified, named)), at=60 * MINUTE)
        assert (await sums(made), (await sums(made, BEN)).orders) == (None, 1)


async def test_an_anonymous_order_is_nobodys(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await say(made, bought("~phone", 1), event("~phone", "page-1", 2, MINUTE, "identify", customer=JO))
        assert await sums(made) is None
