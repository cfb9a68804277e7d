"""The numbers of a site follow its orders: each fact counts as the difference that it makes to its order.

So an order counts once, whoever tells it and however often, in any order; a refund or a cancellation takes back what
it says; and all that was counted of an order is stored with it, so that a changed setting takes nothing back wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from crm.commerce.worth import MOST_VALUE, category, kept, worth
from crm.out import Out
from crm.things.digests import digest
from crm.things.state import Thing
from wakeline.definitions import LATE_MS
from wakeline.numbers import (
    MARGIN,
    MARGIN_BACK,
    ORDER_STATES_BACK,
    ORDERS,
    ORDERS_BACK,
    ORDERS_OVER_REFUNDED,
    ORDERS_TOO_LARGE,
    ORDERS_UNPRICED,
    PAGE_REVENUE,
    PAGE_REVENUE_BACK,
    PIECES,
    PIECES_BACK,
    REVENUE,
    REVENUE_BACK,
    TOP_CATEGORIES,
    TOP_COUPONS,
    TOP_PRODUCTS,
    UNKNOWN_MARGIN,
    UNKNOWN_MARGIN_BACK,
    Count,
    Money,
    Top,
)
from wakeline.orders import VALUE, Order, order
from wakeline.record import Fact
from wakeline.told import (
    BOUGHT,
    CONFIRMED,
    LEFT_OUT,
    PAGE_ONLY,
    RANK_OF_OTHERS,
    Counted,
    stored_name,
    teller_of,
    value_of,
)
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.types import ORDER_STATE, PURCHASE

NOTHING = Counted()
COUPON = stored_name("coupon")
OTHER_CUSTOMER = "other_customer"  # of an order that has one


class Before(NamedTuple):
    """An order before a fact is added to it."""

    order: Order
    coupon: str
    counted: Counted | None


class Parts(NamedTuple):
    """What of an order counts: the amounts of a pair that only rise."""

    gained: int
    back: int


def before(thing: Thing) -> Before:
    told = thing.state.told
    return Before(order(told), value_of(told, COUPON) or "", thing.state.counted)


def count(fact: Fact, was: Before, thing: Thing, out: Out) -> None:
    """Count what a fact changed of its order; `was`: the order before it."""
    told = thing.state.told
    now, coupon = order(told), value_of(told, COUPON) or ""
    worths = worth(now, out.site.margins)
    teller = teller_of(told, VALUE)
    bought = value_of(told, BOUGHT) or (teller or fact).time
    of_page = CONFIRMED
    if not any(one.rank == RANK_OF_OTHERS for one in told):
        of_page = PAGE_ONLY if out.site.page_orders else LEFT_OUT
    new = NOTHING
    if worths is not None:
        new = Counted(
            day=_day(bought, out), currency=now.currency, value=worths.value, taken=worths.taken, margin=worths.margin,
            pieces=worths.pieces, pieces_back=worths.pieces_back, of_page=of_page, is_back=worths.is_back,
        )  # fmt: skip
    old = was.counted or NOTHING
    if old.day < _oldest_day(out):
        old = replace(old, day="")
    heard = _day(min(fact.time, out.now) if fact.batch else out.now, out)
    if new != old:
        _difference(old, new, heard, out)
        thing.state.counted = new
    left = worths.kept if worths is not None else {}
    _lists(_listed(was.order, was.coupon, old), _listed(now, coupon, new, left), old=old, new=new, out=out)
    said = digest(fact)
    if any(one.digest == said for one in told):  # else it says nothing new, and may be one that is told again
        _oddities(fact, was.order, now, worths is not None and worths.is_over, out)


def _day(time: int, out: Out) -> str:
    """The day on which something of this time (ms) counts; "": one that is past, so that it is in totals only."""
    day = out.site.day(min(time, out.now))
    return day if day >= _oldest_day(out) else ""


def _oldest_day(out: Out) -> str:
    """The oldest day that still changes."""
    return out.site.day(out.now - LATE_MS)


def _counts(one: Counted) -> tuple[tuple[Count, Count, Parts], ...]:
    if not one.currency or one.of_page == LEFT_OUT:
        return ((ORDERS, ORDERS_BACK, Parts(0, 0)), (PIECES, PIECES_BACK, Parts(0, 0)))
    return (
        (ORDERS, ORDERS_BACK, Parts(1, int(one.is_back))),
        (PIECES, PIECES_BACK, Parts(one.pieces, one.pieces_back)),
    )


def _moneys(one: Counted) -> tuple[tuple[Money, Money, Parts], ...]:
    counts = one.of_page != LEFT_OUT
    margin, kept_value = one.margin, one.value - one.taken
    return (
        (REVENUE, REVENUE_BACK, Parts(one.value * counts, one.taken * counts)),
        (PAGE_REVENUE, PAGE_REVENUE_BACK, Parts(one.value, one.taken) if one.of_page != CONFIRMED else Parts(0, 0)),
        (MARGIN, MARGIN_BACK, Parts(max(margin or 0, 0) * counts, max(-(margin or 0), 0) * counts)),
        (UNKNOWN_MARGIN, UNKNOWN_MARGIN_BACK, Parts(kept_value * counts if margin is None else 0, 0)),
    )


def _difference(old: Counted, new: Counted, heard: str, out: Out) -> None:
    """Count what changed. What was gained on another day than is known now moves to that day."""
    if old.currency and old.day != new.day and new.currency:
        for number, _, parts in _counts(old):
            out.count_at(number, -parts.gained, day=old.day)
            out.count_at(number, parts.gained, day=new.day)
        for money, _, parts in _moneys(old):
            out.count_at(money, -parts.gained, day=old.day, currency=old.currency)
            out.count_at(money, parts.gained, day=new.day, currency=old.currency)
    day = new.day if new.currency else old.day
    for (gained, back, was), (_, _, now) in zip(_counts(old), _counts(new), strict=True):
        _rise(gained, now.gained - was.gained, back, now.back - was.back, day, heard, "", out)
    if old.currency not in ("", new.currency):
        for gained_money, back_money, was in _moneys(old):
            _rise(gained_money, -was.gained, back_money, -was.back, day, heard, old.currency, out)
        old = NOTHING
    for (gained_money, back_money, was), (_, _, now) in zip(_moneys(old), _moneys(new), strict=True):
        _rise(gained_money, now.gained - was.gained, back_money, now.back - was.back, day, heard, new.currency, out)


def _rise(
    gained: Count | Money, more: int, back: Count | Money, less: int, day: str, heard: str, currency: str, out: Out
) -> None:
    """Both numbers of a pair only rise: what falls in one is added to the other."""
    if rise := max(more, 0) + max(-less, 0):
        out.count_at(gained, rise, day=day, currency=currency)
    if rise := max(-more, 0) + max(less, 0):
        out.count_at(back, rise, day=heard, currency=currency)


# ---- lists of a day: products, categories and coupons


Listed = dict[tuple[Top, str], int]


def _lists(lost: Listed, found: Listed, *, old: Counted, new: Counted, out: Out) -> None:
    """The lists of the order's day have what is kept of it."""
    if lost == found and old.day == new.day:
        return
    for (top, name), amount in lost.items():
        if old.day != new.day or (top, name) not in found:
            out.top_of_day(top, name, -amount, day=old.day)
    for (top, name), amount in found.items():
        former = lost.get((top, name), 0) if old.day == new.day else 0
        out.top_of_day(top, name, amount - former, day=new.day)


def _listed(one: Order, coupon: str, counted: Counted, left: Mapping[str, int] | None = None) -> Listed:
    """What the lists have of an order. `left`: what `kept` says of it, where that is known."""
    if not counted.day or not counted.currency or counted.of_page == LEFT_OUT:
        return {}
    found: Listed = {}
    left = kept(one) if left is None else left
    categories = {item[0]: category(item) for item in reversed(one.items)}
    for id, count in left.items():
        found[TOP_PRODUCTS, id] = count
        if name := categories.get(id):
            found[TOP_CATEGORIES, name] = found.get((TOP_CATEGORIES, name), 0) + count
    if coupon and not counted.is_back:
        found[TOP_COUPONS, coupon] = 1
    return {of: count for of, count in found.items() if count}


# ---- what cannot be so


def _oddities(fact: Fact, was: Order, now: Order, is_over: bool, out: Out) -> None:
    day = _day(fact.time, out)
    if fact.type == PURCHASE and now.value is None:
        out.count_at(ORDERS_UNPRICED, 1, day=day)
    if _is_too_large(now) and not _is_too_large(was):
        out.count_at(ORDERS_TOO_LARGE, 1, day=day)
    if is_over:
        former = worth(was, {})
        if former is None or not former.is_over:
            out.count_at(ORDERS_OVER_REFUNDED, 1, day=day)
    if fact.customer and was.customer not in (fact.customer, ""):
        out.odd[OTHER_CUSTOMER] += 1  # no number of the site, as a replay knows nobody who was erased since
    if fact.type == ORDER_STATE and _is_backwards(fact, was):
        out.count_at(ORDER_STATES_BACK, 1, day=day)


def _is_too_large(one: Order) -> bool:
    return one.value is not None and abs(one.value) > MOST_VALUE


def _is_backwards(fact: Fact, was: Order) -> bool:
    """Whether its state comes before one that the order had been in by then."""
    state, at = fact.body["state"], fact.body.get("at", fact.time)
    rank = ORDER_STATES.index(state)
    return any(ORDER_STATES.index(other) > rank and since < at for other, since in was.states.items())
