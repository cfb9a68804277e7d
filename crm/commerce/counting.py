"""The numbers of a site follow its orders: each fact counts as the difference that it makes to its order.

So an order counts once, whoever tells it and however often, in any order; a refund or a cancellation takes back what
it says; and all that was counted of an order is stored with it, so that a changed setting takes nothing back wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from crm.commerce.worth import category, is_over_refunded, is_too_large, kept_pieces, worth
from crm.out import Out
from crm.things.digests import digest
from crm.things.state import Thing
from wakeline.definitions import LATE_MS
from wakeline.kept import Kept
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

PAIRS: Mapping[Count | Money, Count | Money] = {
    ORDERS: ORDERS_BACK,
    PIECES: PIECES_BACK,
    REVENUE: REVENUE_BACK,
    PAGE_REVENUE: PAGE_REVENUE_BACK,
    MARGIN: MARGIN_BACK,
    UNKNOWN_MARGIN: UNKNOWN_MARGIN_BACK,
}
"""What is gained -> what is taken back of it. Both only rise: what falls in one is added to the other."""
UNCOUNTED = Counted()
COUPON = stored_name("coupon")
OTHER_CUSTOMER = "other_customer"  # of an order that has one


class Before(NamedTuple):
    """An order before a fact is added to it."""

    order: Order
    coupon: str
    counted: Counted | None


class Share(NamedTuple):
    """What is of one order in the two numbers of a pair."""

    gained: int
    back: int


NONE = Share(0, 0)


def before(thing: Thing) -> Before:
    told = thing.state.told
    return Before(order(told), value_of(told, COUPON) or "", thing.state.counted)


def count(fact: Fact, was: Before, thing: Thing, out: Out) -> None:
    """Count what a fact changed of its order; `was`: the order before it."""
    told = thing.state.told
    now, coupon = order(told), value_of(told, COUPON) or ""
    old, new = was.counted or UNCOUNTED, worth(now, out.site.margins) or UNCOUNTED
    if old.day < _oldest_day(out):  # it keeps what it counted
        old = replace(old, day="")
    if new is not UNCOUNTED:
        new.day = _day(value_of(told, BOUGHT) or (teller_of(told, VALUE) or fact).time, out)
        new.standing = _standing(told, out)
    if new != old:
        _count_difference(old, new, _day(min(fact.time, out.now) if fact.batch else out.now, out), out)
        thing.state.counted = new
    _count_lists(was, now, coupon, old=old, new=new, out=out)
    said = digest(fact)
    if any(one.digest == said for one in told):  # otherwise it says nothing new, and may be one that is repeated
        _count_oddities(fact, was.order, now, out)


def _day(time: int, out: Out) -> str:
    """The day on which something of this time (ms) counts; "": one that is past, so that it is in totals only."""
    day = out.site.day(min(time, out.now))
    return day if day >= _oldest_day(out) else ""


def _oldest_day(out: Out) -> str:
    """The oldest day that still changes."""
    return out.site.day(out.now - LATE_MS)


def _standing(told: Sequence[Kept], out: Out) -> int:
    if any(one.rank == RANK_OF_OTHERS for one in told):
        return CONFIRMED
    return PAGE_ONLY if out.site.page_orders else LEFT_OUT


# ---- pairs of numbers


def _shares(one: Counted) -> dict[Count | Money, Share]:
    """What is of an order in each of PAIRS; in those that are missing, nothing."""
    if not one.currency:
        return {}
    found: dict[Count | Money, Share] = {}
    if one.standing != CONFIRMED:
        found[PAGE_REVENUE] = Share(one.value, one.taken_back)
    if one.standing == LEFT_OUT:
        return found
    found[ORDERS] = Share(1, int(one.is_back))
    found[PIECES] = Share(one.pieces, one.pieces_back)
    found[REVENUE] = Share(one.value, one.taken_back)
    if one.margin is None:
        found[UNKNOWN_MARGIN] = Share(one.value - one.taken_back, 0)
    else:
        found[MARGIN] = Share(max(one.margin, 0), max(-one.margin, 0))
    return found


def _count_difference(old: Counted, new: Counted, told_on: str, out: Out) -> None:
    """Count what changed: what is gained on the order's day, what is taken back on the day `told_on`.

    What was gained on another day than is known now moves to that day. Of another currency all is taken back.
    """
    was, now = _shares(old), _shares(new)
    day = new.day if new.currency else old.day
    for gained, back in PAIRS.items():
        former, present = was.get(gained, NONE), now.get(gained, NONE)
        if former.gained and old.day != day:
            out.count_at(gained, -former.gained, day=old.day, currency=old.currency)
            out.count_at(gained, former.gained, day=day, currency=old.currency)
        changes = [(former, present, new.currency)]
        if isinstance(gained, Money) and old.currency != new.currency:
            changes = [(former, NONE, old.currency), (NONE, present, new.currency)]
        for start, end, currency in changes:
            gain, loss = end.gained - start.gained, end.back - start.back
            if amount := max(gain, 0) + max(-loss, 0):
                out.count_at(gained, amount, day=day, currency=currency)
            if amount := max(-gain, 0) + max(loss, 0):
                out.count_at(back, amount, day=told_on, currency=currency)


# ---- lists of a day: products, categories and coupons


def _count_lists(was: Before, now: Order, coupon: str, *, old: Counted, new: Counted, out: Out) -> None:
    """The lists of the order's day have what is kept of it."""
    lost = _listed(was.order, was.coupon, old)
    found = _listed(now, coupon, new)
    if lost == found and old.day == new.day:
        return
    for (top, name), amount in lost.items():
        if old.day != new.day or (top, name) not in found:
            out.top_of_day(top, name, -amount, day=old.day)
    for (top, name), amount in found.items():
        former = lost.get((top, name), 0) if old.day == new.day else 0
        out.top_of_day(top, name, amount - former, day=new.day)


def _listed(one: Order, coupon: str, counted: Counted) -> dict[tuple[Top, str], int]:
    if not counted.day or not counted.currency or counted.standing == LEFT_OUT:
        return {}
    found: dict[tuple[Top, str], int] = {}
    categories = {item[0]: category(item) for item in reversed(one.items)}
    for id, count in kept_pieces(one).items():
        found[TOP_PRODUCTS, id] = count
        if name := categories.get(id):
            found[TOP_CATEGORIES, name] = found.get((TOP_CATEGORIES, name), 0) + count
    if coupon and not counted.is_back:
        found[TOP_COUPONS, coupon] = 1
    return {of: count for of, count in found.items() if count}


# ---- implausible data


def _count_oddities(fact: Fact, was: Order, now: Order, out: Out) -> None:
    day = _day(fact.time, out)
    if fact.type == PURCHASE and now.value is None:
        out.count_at(ORDERS_UNPRICED, 1, day=day)
    if is_too_large(now) and not is_too_large(was):
        out.count_at(ORDERS_TOO_LARGE, 1, day=day)
    if is_over_refunded(now) and not is_over_refunded(was):
        out.count_at(ORDERS_OVER_REFUNDED, 1, day=day)
    if fact.customer and was.customer not in (fact.customer, ""):
        out.odd[OTHER_CUSTOMER] += 1  # no number of the site, as a replay knows nobody who was erased since
    if fact.type == ORDER_STATE and _is_backwards(fact, was):
        out.count_at(ORDER_STATES_BACK, 1, day=day)


def _is_backwards(fact: Fact, was: Order) -> bool:
    """Whether its state comes before one that the order had been in by then."""
    state, at = fact.body["state"], fact.body.get("at", fact.time)
    rank = ORDER_STATES.index(state)
    return any(ORDER_STATES.index(other) > rank and since < at for other, since in was.states.items())
