"""A customer's account: what it bought, what it cost, when it was contacted, as `crm.commerce.accounts` tells it.

A booking that is told again takes the place of the former one. What is too old to be kept one by one is in sums, to
which only the difference is added; that is why a thing says, too, what it told before. Contacts are in
`crm.identity.contacts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from msgspec.structs import replace

from crm.identity import contacts
from crm.identity.state import Customer
from crm.out import Out
from crm.sites import SiteFacts
from crm.things.digests import short
from wakeline.account import (
    MOST_COSTS,
    MOST_CURRENCIES,
    MOST_ORDERS,
    YEAR_MS,
    Account,
    Booked,
    Booking,
    Contacted,
    Sums,
    is_later,
    of_currency,
    sums_of,
)
from wakeline.durations import DAY_MS
from wakeline.record import CustomerShare
from wakeline.told import CURRENCY, stored_name, teller_of
from wakeline.vocabulary.things import is_thing

BEFORE = stored_name("value_before")
VIA = "@"  # begins the suffix of a booking that was told to another id


def hear_of_thing(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Hear of a thing that names the customer, or did."""
    if share.first_seen:
        customer.hear(share.first_seen, share.last_seen)
    if share.booked:
        enter(share.booked, customer, out, is_in_order=True)
    if share.contacted:
        contacts.enter(share.contacted, customer, out)


def enter(booked: Iterable[Booked], customer: Customer, out: Out, *, is_in_order: bool = False) -> None:
    """Enter bookings into the customer's account. `is_in_order`: as their thing told them, one after the other."""
    account = customer.state.account or Account()
    if customer.ranks is None and out.site.currency:
        customer.highest = _amounts(customer, out)
    if book(account, booked, out.now, is_in_order=is_in_order):
        customer.state.account = account
        _changed(customer, out)


def contacts_passed_on(contacted: Iterable[Contacted], via: str) -> list[Contacted]:
    """The same as `passed_on` of contacts."""
    return [Contacted(_of(one.id, via), one.now, one.was) for one in contacted]


def passed_on(booked: Iterable[Booked], via: str) -> list[Booked]:
    """Bookings as they are told to another id of the customer, which takes them apart from those told to itself.

    A thing that names one id and then another tells both, and what they pass on of that may come in any order.
    """
    return [Booked(_of(one.id, via), one.is_cost, one.now, one.was) for one in booked]


def moved(account: Account | None, via: str) -> Account | None:
    """The same of a whole account."""
    if account is None:
        return None
    orders, costs = ({_of(id, via): one for id, one in kept.items()} for kept in (account.orders, account.costs))
    reached = {_of(id, via): one for id, one in account.contacts.items()}
    return replace(account, orders=orders, costs=costs, contacts=reached)


def _of(id: str, via: str) -> str:
    return id if VIA in id else f"{id}{VIA}{short(via)}"


def end_record(customer: Customer, out: Out) -> None:
    """End the record, and of the account what facts told, of a customer that an erasure covers without its things.

    These tell all again, but of what is only in the sums, that says nothing new.
    """
    former = customer.state.account
    customer.end_record()
    if former is None:
        return
    if former.contacts:
        customer.state.account = Account(contacts=former.contacts)
    costs = {id: one for id, one in former.costs.items() if is_thing(id)}
    if _hear_of(former.orders, costs, customer):
        customer.state.account = replace(former, costs=costs)
        _changed(customer, out)


def _hear_of(orders: Mapping[str, Booking], costs: Mapping[str, Booking], customer: Customer) -> bool:
    """Note when things said that the customer is the one; whether any did."""
    named = [one.since for kept in (orders, costs) for id, one in kept.items() if is_thing(id) and one.since]
    if named:
        customer.hear(min(named), max(named))
    return bool(named)


def told_by_facts(customer: Customer, *, after: int) -> list[Booked]:
    """The bookings of which no thing tells again, such as a promotion's, later than `after` (ms)."""
    costs = customer.state.account.costs if customer.state.account is not None else {}
    return [Booked(id, True, one) for id, one in costs.items() if not is_thing(id) and one.time > after]


def add(other: Account, customer: Customer, out: Out, *, first_heard: int) -> None:
    """Add the account of another id of the same customer, without what an erasure takes.

    Things tell all again that is later than that. What facts told is of the record: see `crm.identity.record`.
    `first_heard`: since when the other id is known, ms.
    """
    state, upto = customer.state, customer.tombstone
    has_record = bool(state.returned or not upto)
    orders, costs = (
        {id: one for id, one in kept.items() if one.since > upto and (has_record or is_thing(id))}
        for kept in (other.orders, other.costs)
    )
    reached = {id: one for id, one in other.contacts.items() if one.since > upto}
    left = replace(other, orders=orders, costs=costs) if first_heard > upto else Account(orders, costs)
    left.contacts = reached
    _hear_of(orders, costs, customer)
    if orders or costs or left.older or reached:
        account = state.account or Account()
        merge(account, left, out.now)
        state.account = account
        _changed(customer, out)


def rank(customer: Customer, out: Out) -> None:
    """Compute by what the customer is ranked, as of now."""
    found = _amounts(customer, out)
    if not out.site.currency:
        return
    if customer.highest is not None:
        customer.highest = tuple(map(max, customer.highest, found))
    customer.ranks = found


def _amounts(customer: Customer, out: Out) -> tuple[int, ...]:
    account, currency = customer.state.account or Account(), out.site.currency
    value, *others = account.ranks(currency, out.now)
    return value + _value_before(customer, currency), *others


def _value_before(customer: Customer, currency: str) -> int:
    said = teller_of(customer.state.record, BEFORE)
    return int(said.fields[BEFORE]) if said is not None and said.fields.get(CURRENCY) == currency else 0


def next_leaving(customer: Customer, site: SiteFacts) -> int:
    """When the next booking leaves the last 365 days, append time, ms; 0: none will."""
    account = customer.state.account
    return account.leaves if account is not None else 0


def leave(customer: Customer, out: Out) -> None:
    """A booking has left the last 365 days."""
    _changed(customer, out)


def _changed(customer: Customer, out: Out) -> None:
    customer.has_new_deadlines = True
    rank(customer, out)


def book(account: Account, booked: Iterable[Booked], now: int, *, is_in_order: bool = False) -> bool:
    """Enter bookings; `now`: append time, ms. Returns whether that changed anything. `is_in_order`: see `enter`."""
    is_changed = False
    for one in booked:
        kept, upto = (account.costs, account.costs_upto) if one.is_cost else (account.orders, account.orders_upto)
        former = kept.get(one.id)
        if former is not None:
            if not _is_newer(one.now, former, is_in_order=is_in_order):
                continue
            kept[one.id] = one.now
            if one.now.is_same(former):
                continue
        elif one.was is not None and one.was.time <= upto:  # it is among the older ones
            if one.now.is_same(one.was):
                continue
            _add(account, one.was, now, sign=-1)
            if one.was.orders:  # it may be another customer's now
                account.first = 0 if account.first == one.was.time else account.first
                account.last = 0 if account.last == one.was.time else account.last
            if one.now.time <= upto:
                _add(account, one.now, now)
            else:
                kept[one.id] = one.now
        elif one.was is None and not one.now.currency:
            continue
        else:
            kept[one.id] = one.now
        is_changed = True
    if is_changed:
        _fold(account, now)
    return is_changed


def _is_newer(new: Booking, former: Booking, *, is_in_order: bool) -> bool:
    """Else it came by another way, through another id of the customer, and late.

    A thing that names one id and then another tells both in one moment that it comes to nothing, and to something. So
    it does to one of them of which it hears twice in one record of its lane: then the last is the newer one.
    """
    return is_later(new.told, former.told) or (new.told == former.told and (is_in_order or bool(new.currency)))


def merge(account: Account, other: Account, now: int) -> None:
    """Add the account of another id of the same customer."""
    _add_all(account.older, other.older)
    for day, theirs in other.days.items():
        _add_all(account.days.setdefault(day, {}), theirs)
    account.first = min(filter(None, (account.first, other.first)), default=0)
    account.last = max(account.last, other.last)
    account.orders_upto = max(account.orders_upto, other.orders_upto)
    account.costs_upto = max(account.costs_upto, other.costs_upto)
    for kept, is_cost in ((other.orders, False), (other.costs, True)):
        book(account, [Booked(id, is_cost, one) for id, one in kept.items()], now)
    contacts.merge(account, other.contacts, now)


def _add_all(sums: dict[str, Sums], others: Mapping[str, Sums]) -> None:
    for currency, one in others.items():
        of_currency(sums, currency).add(one)


def _fold(account: Account, now: int) -> None:
    """Add the oldest bookings to the sums, as far as there are too many."""
    while len(account.orders) > MOST_ORDERS:
        account.orders_upto = max(account.orders_upto, _fold_one(account, account.orders, now))
    while len(account.costs) > MOST_COSTS:
        account.costs_upto = max(account.costs_upto, _fold_one(account, account.costs, now))
    if account.days:
        oldest = (now - YEAR_MS) // DAY_MS
        for day in [day for day in account.days if day < oldest]:
            del account.days[day]


def _fold_one(account: Account, kept: dict[str, Booking], now: int) -> int:
    id = min(kept, key=lambda id: (bool(kept[id].currency), kept[id].time, id))  # first those that came to nothing
    one = kept.pop(id)
    _add(account, one, now)
    return one.time


def _add(account: Account, one: Booking, now: int, sign: int = 1) -> None:
    if not one.currency:
        return
    sums = sums_of(one)
    of_currency(account.older, one.currency).add(sums, sign)
    if one.time > now - YEAR_MS and one.currency in islice(account.older, MOST_CURRENCIES):
        of_currency(account.days.setdefault(one.time // DAY_MS, {}), one.currency).add(sums, sign)
    if one.orders and sign > 0:
        account.first = min(account.first or one.time, one.time)
        account.last = max(account.last, one.time)
