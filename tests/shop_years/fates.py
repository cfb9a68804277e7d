"""What becomes of an order: it is paid, shipped, amended, refunded in parts or wholly, cancelled, returned."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from tests.shop_years.decided import Back, Customer, Line, Order, Refund, Told, Years, worth
from wakeline.durations import DAY_MS, MINUTE_MS

AMENDED, CANCELLED, GOODWILL = 0.06, 0.04, 0.03  # of all orders
CLAIMED = 0.1  # of those that a page told, and others too
HOUR_MS = 60 * MINUTE_MS


def befall(
    order: Order, one: Customer, made: Years, other_lines: Callable[[], list[Line]], chance: random.Random
) -> None:
    """Decide it. Only what still happens before the end of the history does."""

    def after(least_ms: int, most_ms: int) -> int:
        """A whole second after the order; 0: it is not over yet."""
        at = order.time + chance.randrange(least_ms, most_ms) // 1_000 * 1_000
        return at if at < made.end - MINUTE_MS else 0

    if order.told is Told.PAGE:
        _of_page(order, one, after, made, chance)
        return
    if order.told is Told.PAID:
        order.states["paid"] = order.time + 1_000
    if order.told in (Told.SHOP, Told.BOTH) and chance.random() < AMENDED and (at := after(MINUTE_MS, 3 * HOUR_MS)):
        order.first, order.amended = (order.lines, order.value), at
        order.lines = other_lines()
        order.value = worth(order.lines)
        order.discount = 0
        order.first_customer = order.customer
        if order.told is Told.SHOP and order.customer and chance.random() < 0.5:
            order.first_customer = chance.choice(("", chance.choice(made.customers).id))
    if chance.random() < CANCELLED and (at := after(HOUR_MS, DAY_MS)):
        order.states["cancelled"] = at
    elif order.told is not Told.SIGNED:
        for state, most in (("paid", HOUR_MS), ("shipped", 2 * DAY_MS), ("delivered", 6 * DAY_MS)):
            if state not in order.states and chance.random() < 0.4 and (at := after(1_000, most)):
                order.states[state] = at
    if chance.random() < one.returns and (at := after(2 * DAY_MS, 30 * DAY_MS)):
        _give_back(order, at, chance)
    if chance.random() < GOODWILL and (at := after(DAY_MS, 40 * DAY_MS)):
        most = max(2, order.value // 3)
        order.refunds.append(Refund(_id(order), at, chance.randrange(1, most)))
    if (
        order.told is not Told.SHOP
        and order.customer
        and chance.random() < CLAIMED
        and (at := after(MINUTE_MS, DAY_MS))
    ):
        order.claimed.append(Refund(f"P-{order.number}", at, chance.choice((None, 1, order.value))))
    if chance.random() < 0.004 and (at := after(DAY_MS, 9 * DAY_MS)):  # more than it was worth
        order.refunds.append(Refund(_id(order), at, order.value + 100))


def _of_page(order: Order, one: Customer, after: Callable[[int, int], int], made: Years, chance: random.Random) -> None:
    """What a page tells may be all that is known; it may take back too. What guests did is not taken after two days."""
    if chance.random() < one.returns and (at := after(MINUTE_MS, 3 * DAY_MS)) and (order.customer or at < made.live):
        kind = chance.randrange(3)
        if kind == 0:
            order.refunds.append(Refund(_id(order), at))
        elif kind == 1:
            order.refunds.append(Refund(_id(order), at, chance.randrange(1, max(2, order.value))))
        else:
            order.refunds.append(Refund(_id(order), at, None, _goods(order, chance, priced=False)))


def _give_back(order: Order, at: int, chance: random.Random) -> None:
    """Goods come back: with their money, with an amount, without any."""
    kind = chance.choice(("items", "items", "priced", "both", "whole", "returned", "twice"))
    if kind in ("items", "twice"):
        order.refunds.append(Refund(_id(order), at, None, _goods(order, chance, priced=False)))
    if kind == "twice":
        order.refunds.append(Refund(_id(order), at + 1_000, None, _goods(order, chance, priced=False)))
    if kind == "priced":
        order.refunds.append(Refund(_id(order), at, None, _goods(order, chance, priced=True)))
    if kind in ("both", "returned"):
        goods = _goods(order, chance, priced=True) if kind == "both" else []
        order.refunds.append(Refund(_id(order), at, chance.randrange(1, max(2, order.value)), goods))
    if kind == "whole":
        order.refunds.append(Refund(_id(order), at))
    if kind == "returned" and order.told is not Told.SIGNED:
        order.states["returned"] = at


def _goods(order: Order, chance: random.Random, *, priced: bool) -> list[Back]:
    """Some of what was bought, now and then more of it than was; all of it wherever a piece cannot be divided."""
    found = []
    for line in chance.sample(order.lines, chance.randint(1, len(order.lines))):
        whole = line.quantity == line.quantity.to_integral_value() and line.quantity > 1
        quantity = Decimal(chance.randint(1, int(line.quantity))) if whole else line.quantity
        if chance.random() < 0.02:
            quantity = line.quantity + 1
        price = line.price * 9 // 10 if priced else None
        found.append(Back(line.product, quantity, price))
    return found


def _id(order: Order) -> str:
    return f"R-{order.number}-{len(order.refunds) + 1}"
