"""Days from an order to its delivery in SQL, by order and by month: those that readers of the order get."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.sealed import seal
from tests.telling import fact, order
from tests.test_reports_orders import SOLD, A, told
from tests.test_reports_query import answer
from tests.timeline import DAY, START
from wakeline.orders import Order
from wakeline.thing_fields import delivery_days


def test_days_to_delivery_are_those_that_readers_of_the_order_get(tmp_path: Path) -> None:
    after = {"A": 2 * DAY, "B": 2 * DAY + DAY // 4, "C": DAY // 20 - 1, "D": DAY // 20, "E": 0, "F": -1, "G": None}
    came = [fact(order(name), "purchase", **SOLD) for name in after]
    came += [fact(order(name), "order_state", at, state="delivered") for name, at in after.items() if at is not None]
    history = seal(tmp_path, told(*came))
    found = dict(answer(history, "select order_key, delivery_days from orders"))
    assert found == {order(name): delivery_days(delivered(at)) for name, at in after.items()}
    assert [found[order(name)] for name in after] == [2, 2.3, 0, 0.1, 0, None, None]
    sql = "select month, orders, delivered, median_days, days_of_slowest_tenth from deliveries"
    assert answer(history, sql) == [(date(2027, 1, 1), 7, 5, 0.1, 2.3)]


def delivered(at: int | None) -> Order:
    states = {} if at is None else {"delivered": START + at}
    return Order(value=1, currency="EUR", items=[], customer="", visitor="", states=states, refunds=[], bought=START)


def test_cancelled_orders_are_no_deliveries(tmp_path: Path) -> None:
    came = told(
        fact(A, "purchase", **SOLD),
        fact(A, "order_state", 5, state="delivered"),
        fact(order("B"), "purchase", 31 * DAY, **SOLD),
        fact(order("C"), "purchase", **SOLD),
        fact(order("C"), "order_state", 6, state="delivered"),
        fact(order("C"), "order_state", 7, state="cancelled"),
    )
    asked = "select month, orders, delivered, median_days from deliveries order by month"
    assert answer(seal(tmp_path, came), asked) == [(date(2027, 1, 1), 1, 1, 0), (date(2027, 2, 1), 1, 0, None)]
