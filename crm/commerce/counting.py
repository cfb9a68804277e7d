"""The numbers of a site follow its orders: each fact counts as the difference that it makes to its order.

So an order counts once, whoever tells it and however often, in any order; a refund or a cancellation takes back what
it says; and all that was counted of an order is stored with it, so that a changed setting takes nothing back wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    REVENUE_LIVE,
    TOP_CATEGORIES,
    TOP_COUPONS,
    TOP_PRODUCTS,
    UNKNOWN_MARGIN,
    UNKNOWN_MARGIN_BACK,
    Count,
    Money,
    Top,
)
from wakeline.orders import Order, order
from wakeline.record import Fact
from wakeline.told import CONFIRMED, LEFT_OUT, PAGE_ONLY, RANK_OF_OTHERS, Counted
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.types import ORDER_STATE, PURCHASE

PAIRS: tuple[tuple[Count | Money, Count | Money], ...] = (
    (ORDERS, ORDERS_BACK),
    (PIECES, PIECES_BACK),
    (REVENUE, REVENUE_BACK),
    (PAGE_REVENUE, PAGE_REVENUE_BACK),
    (MARGIN, MARGIN_BACK),
    (UNKNOWN_MARGIN, UNKNOWN_MARGIN_BACK),
)
"""What is gained, and what is taken back of it. Both only rise: what falls in one is added to the other."""
REVENUE_PAIR = PAIRS.index((REVENUE, REVENUE_BACK))
Share = tuple[int, int]
"""What is of one order in the two numbers of a pair."""
NONE: Share = (0, 0)
NOTHING = (NONE,) * len(PAIRS)
UNCOUNTED = Counted()
OTHER_CUSTOMER = "other_customer"  # of an order that has one


class Known(NamedTuple):
    """An order as it is now, and what of it is counted."""

    order: Order
    counted: Counted


UNHEARD = Known(order([]), UNCOUNTED)


def known(thing: Thing) -> Known:
    state = thing.state
    return Known(order(state.told), state.counted or UNCOUNTED) if state.told else UNHEARD


def count(fact: Fact, was: Known, thing: Thing, out: Out) -> Known:
    """Count what a fact changed of its order; `was`: the order before it. Returns the order after it."""
    told, oldest = thing.state.told, out.site.day(out.now - LATE_MS)
    now, old = order(told), was.counted
    new = worth(now, out.site.margins) or UNCOUNTED
    if old.day and old.day < oldest:  # it keeps what it counted
        old = replace(old, day="")
    if new is not UNCOUNTED:
        new.day = _day(now.bought, oldest, out)
        new.standing = _standing(told, out)
    told_at = fact.time if fact.batch else out.now
    if new != old or now.bought != was.order.bought:
        _count_live(was.order.bought, now.bought, old, new, told_at, out)
    if new != old:
        _count_difference(old, new, _day(told_at, oldest, out), out)
        thing.state.counted = new
    if old.day or new.day:
        _count_lists(was.order, now, old=old, new=new, out=out)
    odd = _oddities(fact, was.order, now)
    if odd:
        said = digest(fact)
        if any(one.digest == said for one in told):  # otherwise it says nothing new, and may be one that is repeated
            for number in odd:
                if number is None:
                    out.odd[OTHER_CUSTOMER] += 1  # no number of the site: a replay knows nobody who was erased since
                else:
                    out.count_at(number, 1, day=_day(fact.time, oldest, out))
    return Known(now, new)


def _day(time: int, oldest: str, out: Out) -> str:
    """The day on which something of this time (ms) counts; "": one before the `oldest` that still changes, so that it
    is in totals only.
    """
    day = out.site.day(time if time < out.now else out.now)
    return day if day >= oldest else ""


def _standing(told: Sequence[Kept], out: Out) -> int:
    if told[-1].rank == RANK_OF_OTHERS:  # they are in the order of their ranks
        return CONFIRMED
    return PAGE_ONLY if out.site.page_orders else LEFT_OUT


# ---- pairs of numbers


def _shares(one: Counted) -> tuple[Share, ...]:
    """What is of an order in each of PAIRS."""
    if not one.currency:
        return NOTHING
    value = one.value, one.taken_back
    of_page = NONE if one.standing == CONFIRMED else value
    if one.standing == LEFT_OUT:
        return NONE, NONE, NONE, of_page, NONE, NONE
    margin = one.margin
    if margin is None:
        known, unknown = NONE, (one.value - one.taken_back, 0)
    else:
        known, unknown = (margin, 0) if margin >= 0 else (0, -margin), NONE
    return (1, int(one.is_back)), (one.pieces, one.pieces_back), value, of_page, known, unknown


def _count_difference(old: Counted, new: Counted, told_on: str, out: Out) -> None:
    """Count what changed: what is gained on the order's day, what is taken back on the day `told_on`.

    What was gained on another day than is known now moves to that day. Of another currency all is taken back.
    """
    day = new.day if new.currency else old.day
    for (gained, back), former, present in zip(PAIRS, _shares(old), _shares(new), strict=True):
        if former is present or (former == present and old.day == day and old.currency == new.currency):
            continue
        if former[0] and old.day != day:
            out.count_at(gained, -former[0], day=old.day, currency=old.currency)
            out.count_at(gained, former[0], day=day, currency=old.currency)
        if old.currency != new.currency and former != NONE and isinstance(gained, Money):
            _rise(gained, back, former, NONE, day, told_on, old.currency, out)
            former = NONE
        _rise(gained, back, former, present, day, told_on, new.currency, out)


def _rise(
    gained: Count | Money, back: Count | Money, former: Share, present: Share, day: str, told_on: str, currency: str,
    out: Out,
) -> None:  # fmt: skip
    gain, loss = present[0] - former[0], present[1] - former[1]
    if gain > 0 or loss < 0:
        out.count_at(gained, max(gain, 0) + max(-loss, 0), day=day, currency=currency)
    if gain < 0 or loss > 0:
        out.count_at(back, max(-gain, 0) + max(loss, 0), day=told_on, currency=currency)


def _count_live(was: int, bought: int, old: Counted, new: Counted, told_at: int, out: Out) -> None:
    """The same of what is gained in the live windows: when the order was made, less what is taken back when it is told.

    `was`, `bought`: when the order was made, as known before and now, ms.
    """
    former, present = _shares(old)[REVENUE_PAIR], _shares(new)[REVENUE_PAIR]
    if old.currency != new.currency:
        out.money(REVENUE_LIVE, told_at, former[1] - former[0], currency=old.currency)
        former = NONE
    elif was != bought:
        out.money(REVENUE_LIVE, was, -former[0], currency=old.currency)
        out.money(REVENUE_LIVE, bought, former[0], currency=old.currency)
    gain, loss = present[0] - former[0], present[1] - former[1]
    out.money(REVENUE_LIVE, bought, max(gain, 0) + max(-loss, 0), currency=new.currency)
    out.money(REVENUE_LIVE, told_at, min(gain, 0) + min(-loss, 0), currency=new.currency)


# ---- lists of a day: products, categories and coupons


def _count_lists(was: Order, now: Order, *, old: Counted, new: Counted, out: Out) -> None:
    """The lists of the order's day have what is kept of it."""
    lost, found = _listed(was, old), _listed(now, new)
    if lost == found and old.day == new.day:
        return
    for (top, name), amount in lost.items():
        if old.day != new.day or (top, name) not in found:
            out.top_of_day(top, name, -amount, day=old.day)
    for (top, name), amount in found.items():
        former = lost.get((top, name), 0) if old.day == new.day else 0
        out.top_of_day(top, name, amount - former, day=new.day)


def _listed(one: Order, counted: Counted) -> dict[tuple[Top, str], int]:
    if not counted.day or not counted.currency or counted.standing == LEFT_OUT:
        return {}
    found: dict[tuple[Top, str], int] = {}
    categories = {item[0]: category(item) for item in reversed(one.items)}
    for id, count in kept_pieces(one).items():
        found[TOP_PRODUCTS, id] = count
        if name := categories.get(id):
            found[TOP_CATEGORIES, name] = found.get((TOP_CATEGORIES, name), 0) + count
    if one.coupon and not counted.is_back:
        found[TOP_COUPONS, one.coupon] = 1
    return {of: count for of, count in found.items() if count}


# ---- implausible data


def _oddities(fact: Fact, was: Order, now: Order) -> list[Count | None]:
    """What of a fact cannot be so; None: it names another customer."""
    found: list[Count | None] = []
    if fact.type == PURCHASE and now.value is None:
        found.append(ORDERS_UNPRICED)
    if is_too_large(now) and not is_too_large(was):
        found.append(ORDERS_TOO_LARGE)
    if now.refunds and is_over_refunded(now) and not is_over_refunded(was):
        found.append(ORDERS_OVER_REFUNDED)
    if fact.customer and was.customer not in (fact.customer, ""):
        found.append(None)
    if fact.type == ORDER_STATE and _is_backwards(fact, was):
        found.append(ORDER_STATES_BACK)
    return found


def _is_backwards(fact: Fact, was: Order) -> bool:
    """Whether its state comes before one that the order had been in by then."""
    state, at = fact.body["state"], fact.body.get("at", fact.time)
    rank = ORDER_STATES.index(state)
    return any(ORDER_STATES.index(other) > rank and since < at for other, since in was.states.items())
