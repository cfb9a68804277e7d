"""What an order is worth as it is now: pure arithmetic in whole minor units of its currency.

Two things are kept apart. Money is taken back: all of it where the order is cancelled or refunded wholly, otherwise
the sum of its refunds, at most its value. Goods come back: see `came_back`; the state `returned` moves only them. The
margin is what was kept of the value, less the cost of the pieces that did not come back: an item's own cost, otherwise
its price less its category's rate. If neither is known of an item, the margin is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from crm.sites import interest_name
from wakeline.orders import Order
from wakeline.told import ITEM, Counted
from wakeline.vocabulary.money import half_up

MOST_VALUE = 10**12  # minor units: nine million such orders fit into a number of 64 bits

_ID, _PRICE, _QUANTITY, _CATEGORY, _DISCOUNT, _COST = map(
    ITEM.index, ("item_id", "price", "quantity", "item_category", "discount", "cost")
)


def worth(order: Order, rates: Mapping[str, float]) -> Counted | None:
    """What an order is worth, without its day and its standing; None: its value is not known, or too large.

    `rates`: share of the price that is earned, by category, as `crm.sites.interest_name` spells it.
    """
    value = _value(order)
    if value is None:
        return None
    is_off = is_wholly_taken_back(order)
    taken_back = value if is_off else min(_refunded(order), value) if order.refunds else 0
    back = came_back(order) if order.items else {}
    return Counted(
        currency=order.currency,
        value=value,
        taken_back=taken_back,
        margin=_margin(order, value - taken_back, back, rates),
        pieces=sum(map(half_up, _pieces(order.items).values())) if order.items else 0,
        pieces_back=sum(map(half_up, back.values())),
        is_back=is_off or 0 < value == taken_back,
    )


def is_too_large(order: Order) -> bool:
    return order.value is not None and abs(order.value) > MOST_VALUE


def is_over_refunded(order: Order) -> bool:
    """Whether more was refunded than bought, of an order whose value counts and is not wholly taken back."""
    value = _value(order)
    return value is not None and not is_wholly_taken_back(order) and _refunded(order) > value


def is_wholly_taken_back(order: Order) -> bool:
    return "cancelled" in order.states or any(refund.is_whole for refund in order.refunds)


def _value(order: Order) -> int | None:
    """Minor units; None: it is not known, or too large."""
    return max(order.value, 0) if order.value is not None and order.currency and not is_too_large(order) else None


def _refunded(order: Order) -> int:
    """The sum of the refunds in the order's currency, without those of items whose price nobody told."""
    prices = {item[_ID]: price for item in reversed(order.items) if (price := _of(item, _PRICE)) is not None}
    total = 0
    for refund in order.refunds:
        if refund.is_whole or refund.currency not in ("", order.currency):
            continue
        if refund.value is None:
            total += _price(refund.items, prices) or 0
        else:
            total += abs(refund.value)
    return total


def _price(items: Sequence[list[Any]], prices: Mapping[str, int]) -> int | None:
    """What these items cost together, at their own prices or those that they were sold for, by id; None: nobody told
    the price of one.
    """
    total = 0.0
    for item in items:
        price = _of(item, _PRICE)
        price = prices.get(item[_ID]) if price is None else price
        if price is None:
            return None
        total += price * _quantity(item)
    return half_up(total)


def came_back(order: Order) -> dict[str, float]:
    """How many pieces of each item came back, by its id.

    All of them, if the order is wholly taken back or `returned`; otherwise those that refunds list.
    """
    bought = _pieces(order.items)
    if is_wholly_taken_back(order) or "returned" in order.states:
        return bought
    back: dict[str, float] = {}
    for refund in order.refunds:  # which may list a hundred times as many items as the order has
        for item in refund.items:
            if (id := item[_ID]) in bought:
                back[id] = back.get(id, 0) + _quantity(item)
    return {id: min(count, bought[id]) for id, count in back.items()}


def kept_pieces(order: Order) -> dict[str, int]:
    """Whole pieces of each item that did not come back, by its id."""
    back = came_back(order)
    return {id: half_up(count) - half_up(back.get(id, 0)) for id, count in _pieces(order.items).items()}


def _pieces(items: Sequence[list[Any]]) -> dict[str, float]:
    """By the id of the item."""
    found: defaultdict[str, float] = defaultdict(float)
    for item in items:
        found[item[_ID]] += _quantity(item)
    return found


def category(item: list[Any]) -> str:
    """Of an item; "": none."""
    return _of(item, _CATEGORY) or ""


def discount_of(item: list[Any]) -> float:
    """What was taken off an item, all its pieces, minor units."""
    return (_of(item, _DISCOUNT) or 0) * _quantity(item)


def _margin(order: Order, kept: int, back: Mapping[str, float], rates: Mapping[str, float]) -> int | None:
    """`kept`: of the value; `back`: see `came_back`. None: an item's cost is unknown, or the margin is too large."""
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
    margin = kept - half_up(cost)
    return margin if abs(margin) <= MOST_VALUE else None


def _of(item: list[Any], index: int) -> Any:
    return item[index] if len(item) > index else None


def _quantity(item: list[Any]) -> float:
    count = _of(item, _QUANTITY)
    return 1 if count is None else max(count, 0)
