"""What an order is worth as it is now: pure arithmetic in whole minor units of its currency.

Taken back is all of it where it is cancelled or refunded wholly, else the sum of its refunds, at most its value. What
is `returned` moves goods, not money. The margin is what was kept of the value, less the cost of what did not come back:
an item's own cost, else its price less its category's rate. If neither is known of an item, no margin is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import floor
from typing import Any, NamedTuple

from crm.sites import interest_name
from wakeline.orders import ALL, Order
from wakeline.told import ITEM

MOST_VALUE = 10**12  # minor units: nine million such orders fit into a number of 64 bits

_ID, _PRICE, _QUANTITY, _CATEGORY, _COST = map(ITEM.index, ("item_id", "price", "quantity", "item_category", "cost"))


class Worth(NamedTuple):
    """Amounts in minor units of the order's currency."""

    value: int
    taken: int  # of the value
    is_back: bool  # all of it, which may be worth nothing
    is_over: bool  # more was refunded than bought
    margin: int | None  # of what was kept
    pieces: int
    pieces_back: int
    kept: dict[str, int]  # see `kept`


def worth(order: Order, rates: Mapping[str, float]) -> Worth | None:
    """What an order is worth; None: its value is not known, or beyond MOST_VALUE.

    `rates`: share of the price that is earned, by category, as `crm.sites.interest_name` spells it.
    """
    value = order.value
    if value is None or not order.currency or abs(value) > MOST_VALUE:
        return None
    value = max(value, 0)
    is_off = is_taken_back(order)
    refunded = sum(amount for amount in _refunds(order) if amount is not None)
    taken = value if is_off else min(refunded, value)
    back = returned(order)
    bought = pieces(order.items)
    return Worth(
        value=value,
        taken=taken,
        is_back=is_off or 0 < value == taken,
        is_over=not is_off and refunded > value,
        margin=_margin(order, value - taken, back, rates),
        pieces=sum(map(_whole, bought.values())),
        pieces_back=sum(map(_whole, back.values())),
        kept=_left(bought, back),
    )


def is_taken_back(order: Order) -> bool:
    """Whether all of it is."""
    return "cancelled" in order.states or any(refund.value is ALL for refund in order.refunds)


def _refunds(order: Order) -> list[int | None]:
    """The amount of each refund in the order's currency; None: an item's price is not known."""
    found = []
    prices = {item[_ID]: price for item in reversed(order.items) if (price := _of(item, _PRICE)) is not None}
    for refund in order.refunds:
        if refund.value is ALL or refund.currency not in ("", order.currency):
            continue
        found.append(_sum(refund.value, prices) if isinstance(refund.value, list) else abs(refund.value))
    return found


def _sum(items: Sequence[list[Any]], prices: Mapping[str, int]) -> int | None:
    total = 0.0
    for item in items:
        price = _of(item, _PRICE) if len(item) > _PRICE else None
        price = prices.get(item[_ID]) if price is None else price
        if price is None:
            return None
        total += price * _quantity(item) if len(item) > _QUANTITY else price
    return floor(total + 0.5)


def returned(order: Order) -> dict[str, float]:
    """How many of each item came back, by its id: all where it is taken back or returned, else what refunds list."""
    bought = pieces(order.items)
    if is_taken_back(order) or "returned" in order.states:
        return bought
    back: dict[str, float] = {}
    for refund in order.refunds:  # which may list a hundred times as many items as the order has
        for item in refund.value if isinstance(refund.value, list) else ():
            id = item[_ID]
            if id in bought:
                back[id] = back.get(id, 0) + (_quantity(item) if len(item) > _QUANTITY else 1)
    return {id: min(count, bought[id]) for id, count in back.items()}


def kept(order: Order) -> dict[str, int]:
    """Whole pieces of each item that did not come back, by its id."""
    return _left(pieces(order.items), returned(order))


def _left(bought: Mapping[str, float], back: Mapping[str, float]) -> dict[str, int]:
    return {id: _whole(count) - _whole(back.get(id, 0)) for id, count in bought.items()}


def pieces(items: Sequence[list[Any]]) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for item in items:
        found[item[_ID]] += _quantity(item)
    return found


def category(item: list[Any]) -> str:
    """Of an item; "": none."""
    return _of(item, _CATEGORY) or ""


def _margin(order: Order, kept: int, back: Mapping[str, float], rates: Mapping[str, float]) -> int | None:
    if not order.items:
        return None
    left, cost = dict(back), 0.0
    for item in order.items:
        one = _of(item, _COST)
        if one is None:
            rate, price = rates.get(interest_name(category(item))), _of(item, _PRICE)
            if rate is None or price is None:
                return None
            one = price * (1 - rate)
        count = _quantity(item)
        gone = min(count, left.get(item[_ID], 0))
        left[item[_ID]] = left.get(item[_ID], 0) - gone
        cost += one * (count - gone)
    margin = kept - floor(cost + 0.5)
    return margin if abs(margin) <= MOST_VALUE else None


def _of(item: list[Any], index: int) -> Any:
    return item[index] if len(item) > index else None


def _quantity(item: list[Any]) -> float:
    count = _of(item, _QUANTITY)
    return 1 if count is None else max(count, 0)


def _whole(count: float) -> int:
    return floor(count + 0.5)
