"""What each customer's orders are worth and what it costs to serve, computed from the decisions alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from tests.shop_years.decided import Cost, Customer, Years
from tests.shop_years.habits import MAIN
from tests.shop_years.pages import RETURN, SERVICE_MINUTE
from tests.shop_years.truth import OrderTruth, Truth
from wakeline.durations import DAY_MS

YEAR_MS = 365 * DAY_MS
MOST_KEPT = 64  # orders that are known one by one


@dataclass
class EarnedTruth:
    """In one currency, minor units."""

    currency: str
    orders: int = 0
    revenue: int = 0
    margin: int = 0
    revenue_of_unknown_margin: int = 0
    discount: int = 0
    cost_to_serve: int = 0
    profit: int = 0


@dataclass
class CustomerTruth:
    """Times are ms, the latest first.

    Of a customer with so many orders that not `are_all_known` one by one, `times` has those that surely are: an order
    that turned out to be another customer's may have put the oldest one among the sums before. If its first order was
    taken back, or turned out to be another customer's, a later one is its first: one of `maybe_first`.
    """

    id: str
    ids: tuple[str, ...]  # with the other one
    orders: int
    orders_before: int
    first: int | None
    last: int | None
    times: list[int]
    are_all_known: bool = True
    maybe_first: list[int] = field(default_factory=list)
    all_time: list[EarnedTruth] = field(default_factory=list)
    year: list[EarnedTruth] = field(default_factory=list)


def customers(made: Years, truth: Truth) -> list[CustomerTruth]:
    """Of customers who bought something or cost something."""
    orders: defaultdict[str, list[OrderTruth]] = defaultdict(list)
    mistaken: defaultdict[str, list[int]] = defaultdict(list)
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    for order in truth.orders:
        orders[order.customer].append(order)
    for order in made.orders:
        if order.buyer_at_first() != order.customer:
            mistaken[order.buyer_at_first()].append(order.time)
    for cost in made.costs:
        costs[cost.customer].append(cost)
    every = []
    for one in made.customers:
        bought = [order for id in one.ids for order in orders[id]]
        others = [time for id in one.ids for time in mistaken[id]]
        every.append(_customer(one, bought, others, [cost for id in one.ids for cost in costs[id]], made.end))
    return [one for one in every if one.orders or one.all_time]


def _customer(
    one: Customer, orders: Sequence[OrderTruth], others: list[int], costs: Sequence[Cost], end: int
) -> CustomerTruth:
    """`others`: times of orders that were said to be its own at first."""
    is_all_known = len(orders) + len(others) <= MOST_KEPT
    most = MOST_KEPT if is_all_known else MOST_KEPT - len(others)
    kept = [order.time for order in orders if not order.is_back]
    latest = sorted(orders, key=lambda order: order.time, reverse=True)[:most]
    found = CustomerTruth(
        id=one.id,
        ids=one.ids,
        orders=len(kept) + one.orders_before,
        orders_before=one.orders_before,
        first=min(kept, default=None),
        last=max(kept, default=None),
        times=[order.time for order in latest if not order.is_back],
        are_all_known=is_all_known,
        maybe_first=[] if is_all_known else [*others, *(order.time for order in orders)],
        all_time=_earned(orders, costs, 0),
        year=_earned(orders, costs, end - YEAR_MS),
    )
    if one.orders_before:
        before = next((each for each in found.all_time if each.currency == one.currency), None)
        if before is None:
            before = EarnedTruth(one.currency)
            found.all_time.append(before)
        before.revenue += one.value_before
        before.revenue_of_unknown_margin += one.value_before
    return found


def _earned(orders: Sequence[OrderTruth], costs: Sequence[Cost], since: int) -> list[EarnedTruth]:
    found: dict[str, EarnedTruth] = {}

    def of(currency: str) -> EarnedTruth:
        return found.setdefault(currency, EarnedTruth(currency))

    for order in orders:
        if order.time < since:
            continue
        earned = of(order.currency)
        earned.orders += not order.is_back
        earned.revenue += order.kept
        if order.margin is None:
            earned.revenue_of_unknown_margin += order.kept
        else:
            earned.margin += order.margin
        if not order.is_back:
            earned.discount += order.discount
        if order.pieces_back and ("cancelled" not in order.states or "returned" in order.states):
            of(MAIN).cost_to_serve += _minor(Fraction(RETURN))
    for cost in costs:
        if cost.time < since:
            continue
        if cost.cost is not None:
            of(cost.currency).cost_to_serve += cost.cost
        elif cost.of_plan:
            of(MAIN).cost_to_serve += cost.of_plan
        if cost.minutes is not None:
            of(MAIN).cost_to_serve += _minor(Fraction(cost.minutes) * Fraction(SERVICE_MINUTE))
    for earned in found.values():
        earned.profit = earned.margin - earned.cost_to_serve
    return [earned for earned in found.values() if earned != EarnedTruth(earned.currency)]


def _minor(euros: Fraction) -> int:
    """Cents, rounded half up."""
    return floor(euros * 100 + Fraction(1, 2))
