"""The two years that a seed decides: always the same, with everything that may become of an order; and their truth.

tests/integration/test_shop_years.py tells them to a deployment.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from tests.shop_years import purchases, truth
from tests.shop_years.catalogue import Product
from tests.shop_years.decided import Back, Line, Order, Refund, Told, Years
from tests.shop_years.habits import years
from tests.shop_years.telling import tellings
from wakeline.durations import DAY_MS

NOW = 1_800_000_000_000
LAMP, PLANT = Product("lamp", "Lamp", "Lamps", 1_000, 400), Product("plant", "Plant", "Plants", 310, None)
BOWL = Product("bowl", "Bowl", "Textiles", 500, None)


def order(told: Told = Told.SHOP, *lines: tuple[Product, str], **fields: object) -> Order:
    sold = [Line(product, Decimal(count), product.price, product.cost) for product, count in lines or ((LAMP, "3"),)]
    value = sum(int(line.price * line.quantity) for line in sold)
    return Order("A-1", NOW, "C-1", "EUR", told, sold, value, **fields)  # type: ignore[arg-type]


def test_a_seed_decides_the_same_and_tells_it_the_same() -> None:
    first, second, other = (years(seed, 30, NOW) for seed in (1, 1, 2))
    assert first == second != other
    assert tellings(first, 1) == tellings(second, 1)


def test_everything_happens_that_may_become_of_an_order() -> None:
    made = years(1, 300, NOW)
    refunds = [refund for order in made.orders for refund in order.refunds]
    assert {order.told for order in made.orders} == set(Told)
    assert {order.currency for order in made.orders} == {"EUR", "JPY"}
    assert {state for order in made.orders for state in order.states} >= {"paid", "cancelled", "returned"}
    assert {(refund.value is None, not refund.goods) for refund in refunds} == {
        (value, goods) for value in (True, False) for goods in (True, False)
    }
    assert any(order.first_customer not in ("", order.customer) for order in made.orders if order.first)
    assert any(order.claimed for order in made.orders)
    assert any(order.identified_later for order in made.orders)


def test_no_order_or_cost_is_near_the_border_of_a_year() -> None:
    made = years(3, 100, NOW)
    for time in (*(order.time for order in made.orders), *(cost.time for cost in made.costs)):
        assert abs((made.end - time) / DAY_MS - 365) > 1


def test_what_an_order_is_worth() -> None:
    plain = truth.order_truth(order())
    assert (plain.value, plain.margin, plain.kept, plain.pieces) == (3_000, 1_800, 3_000, 3)
    part = Refund("R", NOW, None, [Back(LAMP, Decimal(1), None)])
    back = truth.order_truth(order(refunds=[part]))
    assert (back.taken_back, back.margin, back.pieces_back) == (1_000, 2_000 - 2 * 400, 1)
    goodwill = truth.order_truth(order(refunds=[Refund("R", NOW, 500)]))
    assert (goodwill.taken_back, goodwill.margin, goodwill.pieces_back) == (500, 2_500 - 1_200, 0)
    returned = truth.order_truth(order(states={"returned": NOW}))
    assert (returned.taken_back, returned.margin, returned.pieces_back) == (0, 3_000, 3)
    for off in (order(states={"cancelled": NOW}), order(refunds=[Refund("R", NOW)])):
        assert (truth.order_truth(off).taken_back, truth.order_truth(off).margin) == (3_000, 0)
        assert truth.order_truth(off).is_back


def test_what_is_known_of_its_costs() -> None:
    assert truth.order_truth(order(Told.PAGE)).margin == 3_000 - 3 * 550  # by the rate of lamps: a page knows no cost
    assert truth.order_truth(order(Told.SHOP, (PLANT, "1"))).margin == 310 - 202  # 201.5 goes up
    assert truth.order_truth(order(Told.SHOP, (BOWL, "1"))).margin is None


def test_it_lies_on_disk(tmp_path: Path) -> None:
    made = Years(NOW - 730 * DAY_MS, NOW, NOW, NOW, products=[LAMP], orders=[order()])
    found = truth.truth(made)
    truth.write(tmp_path, found, purchases.customers(made, found))
    (line,) = (tmp_path / "orders.jsonl").read_text().splitlines()
    assert json.loads(line)["margin"] == 1_800
    assert json.loads((tmp_path / "totals.json").read_text())["revenue:EUR"] == 3_000
