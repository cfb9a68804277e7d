"""What orders and other things tell their customer's account: what they earned, what they cost, whom they reached.

Each tells the customer that it names what it comes to now, whenever that changes, and a customer that it names no
longer that it comes to nothing. After an erasure, which wipes the account, things in which a later fact still names the
customer tell all again: see `unlinked`. So the account is the same in a replay, wherever an erasure lies between facts.
`crm.identity.account` has what the customer makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from crm.commerce.counting import Known, known
from crm.commerce.worth import MOST_VALUE, discount_of
from crm.out import Out
from crm.service.reached import reached
from crm.things.digests import short
from crm.things.state import Thing
from wakeline.account import Booked, Booking, Contact, Contacted, moment_of
from wakeline.kept import Kept
from wakeline.orders import Order
from wakeline.record import CustomerShare, Fact
from wakeline.told import (
    BEGAN,
    CAME_IN,
    CURRENCY,
    EARLIEST,
    LEFT_OUT,
    WENT_OUT,
    customer_of,
    stored_name,
    teller_of,
    value_of,
)
from wakeline.vocabulary import things
from wakeline.vocabulary.money import FACTORS, half_up

COST, DISCOUNT = stored_name("cost"), stored_name("discount")
COSTING = (things.CONTACT, things.SERVICE_ORDER, things.SENT)
MINUTES_OF = "+min"  # suffix of the id of a cost by the minute, where the thing's own cost is in another currency
NOTHING = Booking()

Bookings = Mapping[tuple[str, bool], Booking]  # by id and `is_cost`


class Standing(NamedTuple):
    """Whom a thing names, and what it comes to for that customer."""

    customer: str
    since: int  # when that was said, ms
    bookings: Bookings
    contacted: int = 0  # when it reached that customer, ms; 0: it did not


NOBODYS = Standing("", 0, {})


def standing(thing: Thing, order: Known | None, out: Out) -> Standing:
    """Of a thing as it is now; `order`: what it is as an order, None: it is none."""
    customer, since = customer_of(thing.state.told)
    if not customer:
        return NOBODYS
    bookings = _of_order(thing, order) if order is not None else _of_cost(thing)
    return Standing(customer, min(since, out.now), bookings, reached(thing))


def rate(thing: Thing, order: Known | None, out: Out) -> None:
    """Note what a thing costs by the site's settings, which may change: what it told before is taken back as it was."""
    site, cost = out.site, 0
    if order is not None:
        cost = site.return_cost if _came_back(order) else 0
    elif thing.kind is things.SENT:
        if site.send_costs and teller_of(thing.state.told, COST) is None:
            cost = site.send_costs.get(value_of(thing.state.told, "campaign") or "", 0)
    elif thing.kind in COSTING and (minutes := value_of(thing.state.told, "minutes")):
        cost = half_up(minutes * site.minute_cost)
    thing.state.rated = (site.currency, cost) if cost and site.currency else None


def tell(fact: Fact, is_named: bool, thing: Thing, was: Standing, now: Standing, out: Out) -> None:
    """Tell customers what a fact changed. `is_named`: the customer of the fact, whom nobody erased."""
    if was.customer and was.customer != now.customer and (was.bookings or was.contacted):
        gone = [Booked(id, is_cost, NOTHING, one) for (id, is_cost), one in was.bookings.items()]
        _send(thing, was, gone, out, contacted=_contact(thing, 0, was), is_gone=True)
    former = was if was.customer == now.customer else NOBODYS
    is_earlier = now.since < was.since
    changed = _changed(former.bookings, now.bookings, is_earlier=is_earlier) if now.customer else []
    reaches = now.contacted != former.contacted or (is_earlier and now.contacted)
    contacted = _contact(thing, now.contacted, former) if now.customer and reaches else []
    if changed or contacted:
        _send(thing, now, changed, out, contacted=contacted)
    last = min(fact.time, out.now)
    if is_named and not ((changed or contacted) and fact.customer == now.customer and last == now.since):
        _send(thing, Standing(fact.customer, last, {}), [], out)


def unlinked(thing: Thing, id: str, out: Out) -> None:
    """Tell a customer that was erased what a thing comes to which later facts still name it."""
    now = standing(thing, known(thing) if thing.kind is things.ORDER else None, out)
    if now.customer == id and (now.bookings or now.contacted):
        booked = [Booked(*key, one, one) for key, one in now.bookings.items()]
        _send(thing, now, booked, out, contacted=_contact(thing, now.contacted, now))


def _contact(thing: Thing, time: int, was: Standing) -> list[Contacted]:
    """What is told of a contact that is now of `time` (ms; 0: it is none); empty: nothing, as it was none."""
    return [Contacted(short(thing.id), Contact(time=time), was.contacted)] if time or was.contacted else []


def _send(
    thing: Thing,
    to: Standing,
    booked: list[Booked],
    out: Out,
    *,
    contacted: Sequence[Contacted] = (),
    is_gone: bool = False,
) -> None:
    told = moment_of(out.now, out.offset)
    for one in booked:
        one.now = replace(one.now, told=told, since=to.since)
    for each in contacted:
        each.now = replace(each.now, told=told, since=to.since)
    seen = 0 if is_gone else to.since
    out.tell(
        CustomerShare(
            site=thing.site, customer=to.customer, visitor=thing.id,
            since=to.since, first_seen=seen, last_seen=seen, booked=booked,
            contacted=list(contacted),
        )
    )  # fmt: skip


def _changed(was: Bookings, now: Bookings, *, is_earlier: bool) -> list[Booked]:
    """`is_earlier`: the customer was said to be the one earlier than was told: of the same bookings that is new."""
    found = [Booked(*key, one, was.get(key)) for key, one in now.items() if is_earlier or one != was.get(key)]
    found += [Booked(*key, NOTHING, one) for key, one in was.items() if key not in now]
    return found


# ---- what a thing comes to


def _came_back(order: Known) -> bool:
    states = order.order.states
    return bool(order.counted.pieces_back) and ("cancelled" not in states or "returned" in states)


def _of_order(thing: Thing, order: Known) -> Bookings:
    one, counted = order
    if not counted.currency or counted.standing == LEFT_OUT:
        return {}
    found = {
        (thing.id, False): Booking(
            time=one.bought,
            currency=counted.currency,
            value=counted.value - counted.taken_back,
            margin=counted.margin,
            discount=0 if counted.is_back else _discount(thing.state.told, one),
            orders=int(not counted.is_back),
        )
    }
    if thing.state.rated is not None:
        currency, cost = thing.state.rated
        found[thing.id, True] = Booking(time=one.bought, currency=currency, cost=cost)
    return found


def _discount(told: list[Kept], one: Order) -> int:
    """What was taken off an order, minor units; where nobody said that, what was taken off its items."""
    said = teller_of(told, DISCOUNT)
    if said is not None and said.fields.get(CURRENCY, one.currency) == one.currency:
        found: float = said.fields[DISCOUNT]
    else:
        found = sum((discount_of(item) for item in one.items), 0.0)
    return half_up(found) if 0 <= found <= MOST_VALUE else 0


def costs_of(thing: Thing) -> dict[str, int]:
    """What a thing costs, as told and by its minutes: currency -> minor units; see `rate`."""
    told = thing.state.told if thing.kind in COSTING else []
    costs: dict[str, int] = {}
    own = teller_of(told, COST)
    if own is not None and (currency := own.fields.get(CURRENCY, "")) in FACTORS:
        costs[currency] = own.fields[COST]
    if thing.state.rated is not None:
        currency, cost = thing.state.rated
        costs[currency] = costs.get(currency, 0) + cost
    return costs


def _of_cost(thing: Thing) -> Bookings:
    costs = costs_of(thing)
    if not any(costs.values()):
        return {}
    time = _began(thing.state.told)
    return {
        (thing.id + MINUTES_OF * number, True): Booking(time=time, currency=currency, cost=cost)
        for number, (currency, cost) in enumerate(costs.items())
        if cost
    }


def _began(told: list[Kept]) -> int:
    """The earliest time of its states, or of its facts if it has none, ms."""
    said = {name: value for fact in told for name, value in fact.fields.items() if name.startswith(EARLIEST)}
    first = said.pop(BEGAN, 0) or min(fact.time for fact in told)  # an earlier version did not store it
    for direction in (CAME_IN, WENT_OUT):
        said.pop(direction, None)
    return min(said.values(), default=first)
