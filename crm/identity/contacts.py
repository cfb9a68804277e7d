"""When a customer was contacted, as `crm.commerce.accounts` tells it: the latest days of its account, one by one.

A contact that is told again takes the place of the former one. What facts say later moves a contact to an earlier time
or takes it out, so one that is too old to count never counts again, and is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crm.identity.state import Customer
from crm.out import Out
from wakeline.account import CONTACTS_KEPT_MS, MOST_CONTACTS, OFFSET_BITS, Account, Contact, Contacted, is_later


def enter(contacted: Iterable[Contacted], customer: Customer, out: Out) -> None:
    """Enter contacts into the customer's account, as their thing told them, one after the other."""
    account = customer.state.account or Account()
    book(account, contacted, out.now, is_in_order=True)
    customer.state.account = account if account != Account() else None


def book(account: Account, contacted: Iterable[Contacted], now: int, *, is_in_order: bool = False) -> None:
    """Enter contacts; `now`: append time, ms. `is_in_order`: as their thing told them, see `account.book`.

    One that came to nothing stays for as long as others do, since what was told of it before may come later by another
    way. Beyond MOST_CONTACTS the earliest ones go.
    """
    kept, over = account.contacts, now - CONTACTS_KEPT_MS
    for one in contacted:
        former = kept.get(one.id)
        if former is None:
            if max(one.now.time, one.was) > over:
                kept[one.id] = one.now
        elif is_later(one.now.told, former.told) or (
            one.now.told == former.told and (is_in_order or bool(one.now.time))
        ):
            kept[one.id] = one.now
    _drop(kept, over)


def merge(account: Account, others: Mapping[str, Contact], now: int) -> None:
    """Add the contacts of another id of the same customer."""
    book(account, [Contacted(id, one, one.time) for id, one in others.items()], now)


def _drop(kept: dict[str, Contact], over: int) -> None:
    """Drop what no later word can be about: what is of before `over` (ms), and was told before that."""
    for id in [id for id, one in kept.items() if one.time <= over and one.told >> OFFSET_BITS <= over]:
        del kept[id]
    while len(kept) > MOST_CONTACTS:
        del kept[min(kept, key=lambda id: (kept[id].time, id))]
