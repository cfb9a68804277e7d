"""What orders count for: on their site, whoever tells them, in any order, and whatever becomes of them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from crm import facts
from crm.commerce.worth import MOST_VALUE
from crm.out import Out
from crm.sites import SiteFacts
from crm.things.state import Thing
from tests.timeline import DAY, START, fact
from wakeline.definitions import LATE_MS
from wakeline.numbers import COUNTS, MONEYS, TOPS
from wakeline.record import Fact
from wakeline.settings import MarginRule, Site
from wakeline.told import BOUGHT, LEFT_OUT, ThingState

ORDER = "#" + "a" * 32
TODAY, YESTERDAY = SiteFacts(Site()).day(START), SiteFacts(Site()).day(START - DAY)
RUNNER = {"item_id": "runner-7", "price": 10_000, "quantity": 2, "item_category": "Shoes", "cost": 4_000}
BAG = {"item_id": "bag", "price": 5_000, "item_category": "Bags"}
SOLD = {"value": 25_000, "currency": "EUR", "items": [RUNNER, BAG], "coupon": "SPRING"}


def bought(at: int = 0, *, by: str = "server", **body: Any) -> Fact:
    return fact(ORDER, "purchase", at, SOLD | body, by=by)


def refund(at: int, id: str, **body: Any) -> Fact:
    return fact(ORDER, "refund", at, {"refund_id": id, "currency": "EUR"} | body)


def state(at: int, state: str) -> Fact:
    return fact(ORDER, "order_state", at, {"state": state})


class Shop:
    """One order at its home, and the numbers of its site."""

    def __init__(self, *margins: tuple[str, float], page_orders: bool = True) -> None:
        rules = tuple(MarginRule(category=category, rate=rate) for category, rate in margins)
        self.site = SiteFacts(Site(key="shop", margins=rules, page_orders=page_orders))
        self.out = Out(decay_zero=0, half_life=DAY)
        self.thing = Thing("shop", ORDER, ThingState())

    def hear(self, *told: Fact, now: int | None = None) -> Shop:
        for one in told:
            self.out.now = one.time if now is None else START + now
            self.out.enter(self.site, min(one.time, self.out.now))
            facts.take(one, self.thing, {}, self.out)
        return self

    def of(self, day: str) -> dict[str, int]:
        return {name: amount for name, amount in self.out.days["shop", day].items() if amount}

    def total(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for counts in self.out.days.values():
            for name, amount in counts.items():
                found[name] = found.get(name, 0) + amount
        return {name: amount for name, amount in found.items() if amount}

    def net(self) -> dict[str, int]:
        """Of each pair what is left."""
        total = self.total()
        names = {name.replace("_back", "") for name in total}
        net = {name: total.get(name, 0) - total.get(_back(name), 0) for name in names}
        return {name: amount for name, amount in net.items() if amount}

    def lists(self, day: str = TODAY) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for (_, what, bucket), runs in self.out.day_tops.runs().items():
            sums: dict[str, int] = {}
            for run in runs:
                for name, amount in run.items():
                    sums[name] = sums.get(name, 0) + amount
            if bucket == day and (left := {name: amount for name, amount in sums.items() if amount}):
                found[what] = left
        return found


def _back(name: str) -> str:
    return name.replace(":", "_back:") if ":" in name else f"{name}_back"


def test_an_order_counts_once_whoever_tells_it() -> None:
    shop = Shop(("bags", 0.4)).hear(bought(0, by="page"), bought(5), bought(5), bought(9, by="import"))
    assert shop.net() == {"orders": 1, "pieces": 3, "revenue:EUR": 25_000, "margin:EUR": 25_000 - 8_000 - 3_000}
    assert shop.lists() == {
        "products": {"runner-7": 2, "bag": 1},
        "categories": {"Shoes": 2, "Bags": 1},
        "coupons": {"SPRING": 1},
    }


def test_only_the_order_of_what_is_told_may_differ() -> None:
    """A page, a server, states and refunds: what is left is the same in whatever order they come."""
    told = [
        bought(0, by="page", value=20_000),
        bought(5),
        refund(6, "one", value=2_000),
        refund(7, "two", items=[{"item_id": "runner-7"}]),
        state(8, "shipped"),
    ]
    wanted = {"orders": 1, "pieces": 2, "revenue:EUR": 13_000, "margin:EUR": 13_000 - 4_000 - 3_000}
    for order in itertools.permutations(told):
        shop = Shop(("Bags", 0.4)).hear(*order, now=60_000)
        assert shop.net() == wanted
        assert shop.lists() == {
            "products": {"runner-7": 1, "bag": 1},
            "categories": {"Shoes": 1, "Bags": 1},
            "coupons": {"SPRING": 1},
        }
        assert all(amount >= 0 for amount in shop.total().values())


@pytest.mark.parametrize(
    ("more", "left", "margin"),
    [
        pytest.param([state(5, "cancelled")], 0, 0, id="cancelled"),
        pytest.param([refund(5, "all")], 0, 0, id="refunded wholly"),
        pytest.param([refund(5, "one", value=10_000)], 15_000, 4_000, id="money, and the goods stay"),
        pytest.param([refund(5, "one", items=[BAG])], 20_000, 12_000, id="an item"),
        pytest.param([refund(5, "one", value=4_000, items=[BAG])], 21_000, 13_000, id="an item, for less than it cost"),
        pytest.param([refund(5, "one", items=[BAG | {"price": 1_000}])], 24_000, 16_000, id="an item at its own price"),
        pytest.param([refund(5, "one", value=90_000)], 0, -11_000, id="more than was bought"),
        pytest.param([state(5, "returned")], 25_000, 25_000, id="goods, and the money stays"),
        pytest.param([refund(5, "one", value=5_000, currency="USD")], 25_000, 14_000, id="another currency"),
        pytest.param([refund(5, "one", items=[{"item_id": "lamp"}])], 25_000, 14_000, id="an item of no known price"),
    ],
)
def test_what_is_taken_back(more: list[Fact], left: int, margin: int) -> None:
    net = Shop(("bags", 0.4)).hear(bought(), *more).net()
    assert (net.get("revenue:EUR", 0), net.get("margin:EUR", 0)) == (left, margin)


def test_an_order_that_is_worth_nothing_is_an_order() -> None:
    """As one that a coupon paid."""
    shop = Shop().hear(bought(value=0))
    assert (shop.net(), shop.lists()["coupons"]) == ({"orders": 1, "pieces": 3}, {"SPRING": 1})
    shop.hear(state(5, "cancelled"))
    assert (shop.net(), shop.lists()) == ({}, {})


def test_both_numbers_of_a_pair_only_rise() -> None:
    rng = random.Random(1)
    for _ in range(300):
        shop, before = Shop(("bags", 0.4)), {}
        for at in range(8):
            by, value = rng.choice(("page", "server")), rng.randrange(30_000)
            one = rng.choice(
                (bought(at, by=by, value=value), refund(at, f"r-{at % 3}", value=value), state(at, "cancelled"))
            )
            shop.hear(one, now=60_000)
            total = shop.total()
            assert all(total.get(name, 0) >= amount for name, amount in before.items())
            before = total


def test_no_more_comes_back_than_was_bought() -> None:
    net = Shop(("bags", 0.4)).hear(bought(), refund(5, "one", items=[BAG | {"quantity": 9}])).net()
    assert (net["pieces"], net.get("revenue:EUR", 0), net["margin:EUR"]) == (2, 0, -8_000)


def test_a_pages_refund_gives_way_as_soon_as_a_server_speaks_of_the_order() -> None:
    shop = Shop().hear(bought(by="page"), fact(ORDER, "refund", 5, {"value": 9_000, "currency": "EUR"}, by="page"))
    assert shop.net()["revenue:EUR"] == 16_000
    shop.hear(refund(6, "one", value=2_000))  # the page's 90 are not taken back any more, and the server's 20 are
    assert shop.net()["revenue:EUR"] == 23_000
    assert (shop.total()["revenue:EUR"], shop.total()["revenue_back:EUR"]) == (32_000, 9_000), "both only rise"


def test_an_amended_order_counts_what_it_is_now() -> None:
    shop = Shop().hear(bought(0, value=30_000), bought(1, value=25_000))
    assert (shop.total()["revenue:EUR"], shop.total()["revenue_back:EUR"]) == (30_000, 5_000)
    moved = Shop().hear(bought(0, currency="USD"), bought(1))
    assert moved.net()["revenue:EUR"] == 25_000
    assert "revenue:USD" not in moved.net()


def test_orders_that_only_a_page_told_are_apart_until_others_tell_them() -> None:
    shop = Shop().hear(bought(0, by="page"))
    assert (shop.net()["page_revenue:EUR"], shop.net()["revenue:EUR"]) == (25_000, 25_000)
    shop.hear(state(5, "paid"))
    assert "page_revenue:EUR" not in shop.net()
    assert shop.net()["revenue:EUR"] == 25_000
    signed = Shop().hear(bought(0, by="signed"))
    assert "page_revenue:EUR" not in signed.total()


def test_a_site_may_leave_such_orders_out() -> None:
    shop = Shop(page_orders=False).hear(bought(0, by="page"))
    assert shop.net() == {"page_revenue:EUR": 25_000}
    assert shop.lists() == {}
    assert shop.thing.state.counted is not None
    assert shop.thing.state.counted.standing == LEFT_OUT
    shop.hear(state(5, "paid"))
    assert (shop.net()["orders"], shop.net()["revenue:EUR"]) == (1, 25_000)
    assert shop.lists()["coupons"] == {"SPRING": 1}


def test_a_changed_rate_counts_with_the_next_fact_and_takes_nothing_back_twice() -> None:
    shop = Shop(("bags", 0.4)).hear(bought())
    shop.site = SiteFacts(Site(key="shop", margins=(MarginRule(category="bags", rate=0.2),)))
    assert shop.hear(state(5, "paid")).net()["margin:EUR"] == 25_000 - 8_000 - 4_000
    shop.site = SiteFacts(Site(key="shop"))
    shop.hear(state(6, "shipped"))
    assert "margin:EUR" not in shop.net()
    assert shop.net()["revenue_of_unknown_margin:EUR"] == 25_000


def test_an_order_of_an_earlier_version_counts_with_its_next_fact() -> None:
    shop = Shop().hear(bought())
    told = shop.thing.state.told
    for one in told:
        del one.fields[BOUGHT]  # which it did not store
    shop = Shop()
    shop.thing.state = ThingState(told=told)
    shop.hear(refund(DAY, "one", value=5_000))
    assert (shop.net()["orders"], shop.net()["revenue:EUR"]) == (1, 20_000)
    assert shop.of(TODAY)["revenue:EUR"] == 25_000, "on the order's day"
    assert shop.lists()["products"] == {"runner-7": 2, "bag": 1}


# ---- days


def test_what_is_gained_is_of_the_orders_day_and_what_is_taken_back_of_that_on_which_it_is_told() -> None:
    shop = Shop().hear(bought(-DAY), refund(0, "one", value=5_000))
    assert shop.of(YESTERDAY)["revenue:EUR"] == 25_000
    assert shop.of(TODAY) == {"revenue_back:EUR": 5_000, "revenue_of_unknown_margin_back:EUR": 5_000}
    assert shop.lists(YESTERDAY)["products"] == {"runner-7": 2, "bag": 1}


def test_an_earlier_word_moves_an_order_to_its_day() -> None:
    late = Shop().hear(bought(0), bought(-DAY, by="page"), now=60_000)
    early = Shop().hear(bought(-DAY, by="page"), bought(0), now=60_000)
    for shop in (late, early):
        assert shop.of(YESTERDAY)["revenue:EUR"] == 25_000
        assert shop.of(YESTERDAY)["orders"] == 1
        assert "revenue:EUR" not in shop.of(TODAY)
        assert shop.lists() == {}
        assert shop.lists(YESTERDAY)["coupons"] == {"SPRING": 1}


def test_an_order_that_is_told_to_be_of_tomorrow_is_of_today() -> None:
    shop = Shop().hear(bought(3 * DAY), now=0)
    assert shop.of(TODAY)["orders"] == 1
    assert shop.lists()["coupons"] == {"SPRING": 1}


def test_of_a_day_that_is_past_only_totals_change() -> None:
    old = -LATE_MS - DAY
    shop = Shop().hear(bought(old, by="import"), now=0)
    assert shop.of("") == {"orders": 1, "pieces": 3, "revenue:EUR": 25_000, "revenue_of_unknown_margin:EUR": 25_000}
    assert {day for _, day in shop.out.days if shop.of(day)} == {""}
    assert shop.lists(SiteFacts(Site()).day(START + old)) == {}
    imported = fact(
        ORDER, "refund", old + 5, {"refund_id": "r", "value": 5_000, "currency": "EUR"}, by="import", batch="b"
    )
    shop.hear(imported, now=0)
    assert shop.of("")["revenue_back:EUR"] == 5_000, "an import takes back on its own day"


def test_a_day_that_is_past_keeps_what_it_counted_of_an_order() -> None:
    shop = Shop().hear(bought())
    was, lists = shop.of(TODAY), shop.lists()
    for days in range(1, 30):
        shop.hear(refund(days * DAY, f"r-{days}", value=100))
        assert shop.of(TODAY) == was, f"after {days} days"
        assert shop.lists() == lists
    assert shop.net()["revenue:EUR"] == 25_000 - 29 * 100
    shop.hear(bought(1, value=30_000), now=30 * DAY)
    assert shop.of(TODAY) == was
    assert shop.of("")["revenue:EUR"] == 5_000


# ---- implausible data


@pytest.mark.parametrize(
    ("told", "counter"),
    [
        pytest.param([fact(ORDER, "purchase", 0, {"items": [BAG]})], "orders_unpriced", id="no amount"),
        pytest.param([bought(value=MOST_VALUE + 1)], "orders_too_large", id="an amount beyond all"),
        pytest.param(
            [bought(), refund(1, "one", value=25_001)], "orders_over_refunded", id="more refunded than bought"
        ),
        pytest.param(
            [state(1, "delivered"), state(2, "shipped")], "order_states_back", id="a state that goes backwards"
        ),
    ],
)
def test_what_cannot_be_so_is_counted_once(told: list[Fact], counter: str) -> None:
    shop = Shop()
    for one in (*told, *told):
        shop.out.now = START + DAY
        shop.out.enter(shop.site, one.time)
        facts.take(one, shop.thing, {}, shop.out)
    assert shop.total()[counter] == 1


def test_an_order_that_was_refunded_too_much_is_one_whatever_follows() -> None:
    shop = Shop().hear(bought(), refund(1, "one", value=30_000), state(2, "paid"), refund(3, "two", value=1))
    assert shop.total()["orders_over_refunded"] == 1


def test_a_cancelled_order_is_in_no_list() -> None:
    assert Shop().hear(bought(), state(1, "cancelled")).lists() == {}


def test_an_order_that_is_too_large_is_in_no_number() -> None:
    shop = Shop().hear(bought(value=MOST_VALUE + 1))
    assert shop.net() == {"orders_too_large": 1}
    assert shop.hear(bought(1, value=MOST_VALUE)).net()["revenue:EUR"] == MOST_VALUE


def test_another_customer_of_an_order_is_counted_by_the_processor() -> None:
    shop = Shop()
    for at, who in enumerate(("@a", "@a", "@b")):
        shop.out.now = START + at
        shop.out.enter(shop.site, shop.out.now)
        named = {who: Thing("shop", ORDER, ThingState())}
        facts.take(fact(ORDER, "purchase", at, SOLD, customer=who), shop.thing, named, shop.out)
    assert dict(shop.out.odd) == {"other_customer": 1}


def test_an_order_of_a_thousand_items_or_of_pieces_without_end_counts() -> None:
    many = [{"item_id": f"item-{n}", "price": 100, "cost": 50, "quantity": 0.5} for n in range(200)]
    shop = Shop().hear(bought(value=10_000, items=many))
    assert shop.net() == {"orders": 1, "pieces": 200, "revenue:EUR": 10_000, "margin:EUR": 5_000}


def test_every_number_of_orders_is_one_that_is_declared() -> None:
    names = {number.name for number in (*COUNTS, *MONEYS)}
    shop = Shop().hear(bought(by="page"), refund(1, "one", value=99_000), state(2, "cancelled"))
    assert {name.partition(":")[0] for name in shop.total()} <= names
    assert set(shop.lists()) <= {top.name for top in TOPS}
