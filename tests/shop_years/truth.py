"""What all of it is worth, computed from the decisions alone, in exact fractions; and its files of JSON lines.

Amounts are whole minor units. The rules are those of docs/orders.md, put down here once more.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from tests.shop_years.catalogue import RATES
from tests.shop_years.decided import WITHOUT_COSTS, Cost, Order, Refund, Told, Years
from tests.shop_years.habits import MAIN
from tests.shop_years.pages import SERVICE_MINUTE

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class OrderTruth:
    """`back`: pieces that came back, by product; `named_back`: those of them that refunds name, or a cancellation."""

    number: str
    customer: str
    time: int
    currency: str
    value: int
    taken_back: int
    margin: int | None
    is_back: bool
    discount: int
    pieces: int
    pieces_back: int
    state: str
    states: dict[str, int]
    refunds: int
    of_page: bool
    sold: dict[str, str]
    back: dict[str, str]
    named_back: dict[str, str]
    buyer: str = ""  # whom the history names as its customer

    @property
    def kept(self) -> int:
        return self.value - self.taken_back


@dataclass
class ProductTruth:
    id: str
    orders: int = 0
    sold: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)


@dataclass
class Truth:
    """`totals`: what is left of each pair of the site's numbers, amounts by "name:currency"."""

    end: int
    orders: list[OrderTruth] = field(default_factory=list)
    products: list[ProductTruth] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)


def truth(made: Years) -> Truth:
    found = Truth(made.end, [_left(order_truth(order), order, made) for order in made.orders])
    found.products = _products(made, found.orders)
    for order in found.orders:
        _add(found.totals, order)
    for cost in made.costs:
        if cost.type == "contact":
            _add_contact(found.totals, cost)
    return found


def _left(found: OrderTruth, order: Order, made: Years) -> OrderTruth:
    """Who was erased has no orders. After a withdrawal an order goes on naming its customer, but in the history an
    order does not of which a browser alone told, as no server said whose it is.
    """
    gone = made.gone.get(order.customer)
    if gone is None:
        return found
    if gone.browser is None:
        return replace(found, customer="", buyer="")
    is_of_browser = order.told in (Told.PAGE, Told.SIGNED) and not order.states
    return replace(found, buyer="") if is_of_browser else found


# ---- an order


def order_truth(order: Order) -> OrderTruth:
    is_off = "cancelled" in order.states or any(refund.is_whole for refund in order.refunds)
    refunded = sum(_amount(refund, order) for refund in order.refunds if not refund.is_whole)
    taken_back = order.value if is_off else min(refunded, order.value)
    sold: dict[str, Decimal] = {line.product.id: line.quantity for line in order.lines}
    assert len(sold) == len(order.lines)
    named = sold if is_off else _named(order, sold)
    back = sold if "returned" in order.states else named
    return OrderTruth(
        number=order.number,
        customer=order.customer,
        time=order.time,
        currency=order.currency,
        value=order.value,
        taken_back=taken_back,
        margin=_margin(order, order.value - taken_back, back),
        is_back=is_off or 0 < order.value == taken_back,
        discount=order.discount,
        pieces=sum(map(_half_up, sold.values())),
        pieces_back=sum(map(_half_up, back.values())),
        state=_latest(order.states),
        states=order.states,
        refunds=len(order.refunds),
        of_page=order.told is Told.PAGE,
        sold=_texts(sold),
        back=_texts(back),
        named_back=_texts(named),
        buyer=order.customer,
    )


def _amount(refund: Refund, order: Order) -> int:
    if refund.value is not None:
        return refund.value
    prices = {line.product.id: line.price for line in order.lines}
    parts = (
        Fraction(prices[one.product.id] if one.price is None else one.price) * Fraction(one.quantity)
        for one in refund.goods
    )
    return _half_up(sum(parts, Fraction(0)))


def _named(order: Order, sold: dict[str, Decimal]) -> dict[str, Decimal]:
    """The pieces that refunds name, no more than were sold."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for refund in order.refunds:
        for one in refund.goods:
            found[one.product.id] += one.quantity
    return {id: min(count, sold[id]) for id, count in found.items()}


def _margin(order: Order, kept: int, back: dict[str, Decimal]) -> int | None:
    total = Fraction(0)
    for line in order.lines:
        rate = RATES.get(line.product.category)
        if line.cost is not None and order.told not in WITHOUT_COSTS:
            cost = Fraction(line.cost)
        elif rate is not None:
            cost = line.price * (1 - Fraction(rate))
        else:
            return None
        total += cost * Fraction(line.quantity - back.get(line.product.id, Decimal(0)))
    return kept - _half_up(total)


def _half_up(number: Fraction | Decimal) -> int:
    return floor(Fraction(number) + HALF)


STATES = ("placed", "paid", "shipped", "delivered", "returned", "cancelled")


def _latest(states: dict[str, int]) -> str:
    return max(states, key=lambda state: (states[state], STATES.index(state)), default="")


def _texts(pieces: dict[str, Decimal]) -> dict[str, str]:
    return {id: str(count) for id, count in pieces.items() if count}


# ---- products and totals


def _products(made: Years, orders: Iterable[OrderTruth]) -> list[ProductTruth]:
    found = {one.id: ProductTruth(one.id) for one in made.products}
    for order in orders:
        for id, count in order.sold.items():
            found[id].orders += 1
            found[id].sold += Decimal(count)
        for id, count in order.named_back.items():
            found[id].returned += Decimal(count)
    return list(found.values())


def _add(totals: Counter[str], order: OrderTruth) -> None:
    totals["orders"] += not order.is_back
    totals["pieces"] += order.pieces - order.pieces_back
    totals[f"revenue:{order.currency}"] += order.kept
    if order.of_page:
        totals[f"page_revenue:{order.currency}"] += order.kept
    if order.margin is None:
        totals[f"revenue_of_unknown_margin:{order.currency}"] += order.kept
    else:
        totals[f"margin:{order.currency}"] += order.margin


def _add_contact(totals: Counter[str], one: Cost) -> None:
    """Whoever was erased: a contact counts, and so does what it cost."""
    totals["contacts"] += 1
    totals[f"contact_cost:{one.currency}"] += one.cost or 0
    if one.minutes is not None:
        totals[f"contact_cost:{MAIN}"] += _half_up(Fraction(one.minutes) * Fraction(SERVICE_MINUTE) * 100)


# ---- its files


def write(folder: Path, found: Truth, customers: Iterable[Any]) -> None:
    """`orders.jsonl`, `products.jsonl`, `customers.jsonl`, and `totals.json` with the moment at which it holds."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"orders": found.orders, "products": found.products, "customers": customers}.items():
        lines = (json.dumps(asdict(row), default=str) for row in rows)
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    totals: dict[str, Any] = {"end": found.end, **{name: found.totals[name] for name in sorted(found.totals)}}
    (folder / "totals.json").write_text(json.dumps(totals, indent=1) + "\n")
