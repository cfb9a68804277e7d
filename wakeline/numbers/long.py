"""What is shown of weeks, months and years, and what targets may be set for."""

from __future__ import annotations

from collections.abc import Mapping

from wakeline.numbers.commerce import (
    CARTS,
    CARTS_ABANDONED,
    MARGIN,
    MARGIN_BACK,
    ORDERS,
    ORDERS_BACK,
    PIECES,
    REVENUE,
    REVENUE_BACK,
    TOP_PRODUCTS,
)
from wakeline.numbers.kinds import Count, Net, Ratio
from wakeline.numbers.visits import (
    BOUNCES,
    ENGAGED,
    IDENTIFIED,
    NEW_VISITORS,
    PAGE_VIEWS,
    SESSIONS,
    TOP_CAMPAIGNS,
    TOP_PAGES,
    TOP_SOURCES,
    VISITS,
)
from wakeline.vocabulary.money import major_units

NET_REVENUE = Net("revenue", "Value of orders, less what was refunded or cancelled", REVENUE, REVENUE_BACK)
NET_MARGIN = Net("margin", "Margin of orders of which it is known, less what was lost again", MARGIN, MARGIN_BACK)

LONG_COUNTS = (VISITS, PAGE_VIEWS, NEW_VISITORS, ORDERS)
LONG_NETS = (NET_REVENUE, NET_MARGIN)
LONG_TOPS = (TOP_PAGES, TOP_SOURCES, TOP_CAMPAIGNS, TOP_PRODUCTS)
DAYS, WEEKS, MONTHS = 7, 8, 24
"""How many are shown, with the present one."""
LONG: dict[str, tuple[Count | Net, ...]] = {
    "day": (VISITS, ORDERS, NET_REVENUE),
    "week": (VISITS, ORDERS, NET_REVENUE),
    "month": (*LONG_COUNTS, *LONG_NETS),
}
"""What is shown of each of them."""
LONG_VALUES = 8
"""Of each list of a span, at most."""
SPANS = {"28d": 28, "365d": 365, "730d": 730}
"""Spans of lists: the last days that are over."""

CONVERSION = Ratio("conversion", "Orders per visit", ORDERS, VISITS)
BASKET = Ratio("basket", "Net revenue per order", NET_REVENUE, ORDERS)
BOUNCE_RATE = Ratio(
    "bounce_rate", "Visits with one page view and nothing done, per visit that ended", BOUNCES, SESSIONS
)
ABANDONED_RATE = Ratio("abandoned_rate", "Carts abandoned per cart", CARTS_ABANDONED, CARTS)

TARGETED: dict[str, Count | Net | Ratio] = {
    number.metric: number
    for number in (VISITS, PAGE_VIEWS, NEW_VISITORS, IDENTIFIED, ENGAGED, ORDERS, ORDERS_BACK, PIECES, CARTS)
} | {each.name: each for each in (NET_REVENUE, NET_MARGIN, CONVERSION, BASKET, BOUNCE_RATE, ABANDONED_RATE)}
"""The numbers that a target may be set for, by name."""


def in_money(number: Count | Net | Ratio) -> bool:
    """Whether it is an amount in the site's main currency."""
    return isinstance(number, Net) or (isinstance(number, Ratio) and isinstance(number.part, Net))


def adds_up(number: Count | Net | Ratio) -> bool:
    """Whether it grows through a window, so that a part of the goal can be expected after a part of it."""
    return not isinstance(number, Ratio)


def value_of(number: Count | Net | Ratio, fields: Mapping[str, int], currency: str) -> float | None:
    """From fields of `keys.day`, added up or not; in units of the currency, seconds, or as a share.

    None: nothing is there to divide by, or the currency is not known.
    """
    if isinstance(number, Count):
        return fields.get(number.name, 0) * number.unit
    if isinstance(number, Net):
        if not currency:
            return None
        net = fields.get(number.gained.field(currency), 0) - fields.get(number.back.field(currency), 0)
        return float(major_units(net, currency))
    part, whole = value_of(number.part, fields, currency), value_of(number.whole, fields, currency)
    return part / whole if part is not None and whole else None
