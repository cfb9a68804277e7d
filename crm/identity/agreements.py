"""What a page says was agreed to: it reaches the record of the visitor's customer, below what servers say of consent.

That is consent to `full` with its version, wording or purposes. A page's withdrawal goes another way, see
`crm.identity.consent`: it ends the page part of the customer, and with it what pages said was agreed to before.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from crm.identity.state import Customer
from crm.out import Out
from crm.state import Visitor
from crm.things import forms
from crm.things.digests import PAGE, digest
from crm.things.merging import merge
from wakeline.event import CONSENT, ConsentLevel
from wakeline.kept import Fields, Kept
from wakeline.record import Agreed, Event, Fact
from wakeline.told import RANK_OF_PAGES

CONSENTED = forms.table(CONSENT)


def note(event: Event, visitor: Visitor, out: Out) -> None:
    """Keep the latest of a visitor, and tell its customer, or the one to which it will be linked."""
    if event.level != ConsentLevel.FULL or not visitor.may_profile:
        return
    state = visitor.state
    agreed = _agreed(event)
    if agreed is None:
        return
    if visitor.share is not None:
        visitor.share.agreed = agreed
    if event.time > state.unlinked and (state.agreed is None or _stamp(agreed) > _stamp(state.agreed)):
        state.agreed = agreed


def receive(agreed: Agreed, customer: Customer, out: Out) -> None:
    """Add it to the customer's record, unless that was erased or consent withdrawn since."""
    state = customer.state
    if agreed.time <= max(customer.tombstone, state.withdrawn):
        return
    cut = merge(state.record, Kept(agreed.digest, RANK_OF_PAGES, agreed.time, {CONSENT: agreed.fields}))
    if cut:
        out.cut["facts"] += cut


def is_whole(agreed: Agreed) -> bool:
    """Whether a record can hold it."""
    try:
        return forms.taken(agreed.fields, CONSENTED) == agreed.fields and agreed.fields["level"] == ConsentLevel.FULL
    except (KeyError, ValueError):
        return False


def _agreed(event: Event) -> Agreed | None:
    """None: the page said nothing but the level."""
    fields = _fields(event.props)
    if not fields:
        return None
    fields["level"] = event.level
    id = sha256(f"{event.page}.{event.n}".encode()).hexdigest()[:16]
    fact = Fact(event.site, event.visitor, CONSENT, id, event.time, event.received, body=fields, by=PAGE)
    return Agreed(event.time, digest(fact), fields)


def _fields(props: Mapping[str, Any]) -> Fields:
    """What is invalid is left out."""
    found: Fields = {}
    for name, value in props.items():
        try:
            found |= forms.taken({name: value}, CONSENTED)
        except ValueError:
            continue
    return found


def _stamp(agreed: Agreed) -> tuple[int, str]:
    """As `Kept.stamp`, so that it does not matter whether the visitor or its customer compares them."""
    return agreed.time, agreed.digest
