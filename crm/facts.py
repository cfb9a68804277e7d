"""Facts: what servers, imports and pages say of things and people. Which home hears which, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.commerce import accounts, counting, orders, products
from crm.commerce.claims import CLAIM
from crm.identity import record
from crm.identity.agreements import is_whole as is_agreed
from crm.out import Out, Verdict
from crm.service import contacts, mails
from crm.service import facts as service
from crm.state import Customer, Visitor
from crm.things import hearing
from crm.things.hearing import Making, hear
from crm.things.state import Thing
from wakeline.record import Fact
from wakeline.vocabulary import things
from wakeline.vocabulary.types import BY_NAME, ORDER_STATE, PRODUCT_TOLD, PURCHASE, REFUND

__all__ = ["Thing", "end", "fault_of", "is_agreed", "may_be_about", "take", "unlink"]

MAKINGS: dict[str, Making] = {
    PURCHASE: orders.purchase,
    REFUND: orders.refund,
    ORDER_STATE: orders.order_state,
    CLAIM: orders.claim,
    PRODUCT_TOLD: products.product,
    "contact": service.contact,
    "service_order": service.service_order,
    "agreement": service.agreement,
    "points": service.points,
    "campaign_sent": service.sent,
    "campaign_opened": service.sent,
    "campaign_clicked": service.sent,
    "campaign_bounced": service.sent,
    "campaign_unsubscribed": service.sent,
}
"""What each type of fact about a thing says of it."""


def may_be_about(type: str, kind: str) -> bool:
    """Whether a type of fact is about a kind of thing, by its name; "": about a person."""
    if type == CLAIM and kind:  # else a site's own event of that name
        return kind == things.ORDER.name
    known = BY_NAME.get(type)
    return kind == (known.thing.name if known is not None and known.thing is not None else "")


def fault_of(fact: Fact) -> str:
    """What is wrong with the body of a fact; "" for nothing."""
    making = MAKINGS.get(fact.type, record.fields)
    try:
        making(fact)
    except ValueError as error:
        return str(error)
    return ""


def take(fact: Fact, home: Visitor | Customer | Thing, named: Mapping[str, Any], out: Out) -> Verdict:
    """Apply a fact at its home. `named`: whom it names beside that, by id."""
    if isinstance(home, Thing):
        order = counting.known(home) if home.kind is things.ORDER else None
        mail = mails.standing(home)
        was = accounts.standing(home, order, out)
        verdict = hear(fact, home, named, out, making=MAKINGS[fact.type])
        if verdict is Verdict.APPLIED:
            if order is not None:
                order = counting.count(fact, order, home, out)
            mails.count(mail, mails.standing(home), fact, out)
            accounts.rate(home, order, out)
            if home.kind is things.CONTACT:
                contacts.count(fact, home, accounts.costs_of(home), out)
            is_named = bool(fact.customer) and fact.time > named[fact.customer].tombstone
            accounts.tell(fact, is_named, home, was, accounts.standing(home, order, out), out)
        return verdict
    if isinstance(home, Customer):
        return record.hear(fact, home, out)
    return record.hear_of_visitor(fact, home, out)


def end(thing: Thing, out: Out) -> None:
    """A thing ends by age."""
    if thing.kind is things.CONTACT:
        contacts.end(thing, out)
    hearing.end_thing(thing, out)


def unlink(thing: Thing, id: str, out: Out, *, upto: int) -> None:
    """Have a thing name a person no more, as far as facts up to a time (ms) do."""
    hearing.unlink(thing, id, out, upto=upto)
    accounts.unlinked(thing, id, out)
