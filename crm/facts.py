"""Facts: what servers, imports and pages say of things and people. Which home hears which, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.commerce import counting, orders, products
from crm.identity import record
from crm.identity.agreements import is_whole as is_agreed
from crm.out import Out, Verdict
from crm.service import facts as service
from crm.state import Customer, Visitor
from crm.things.hearing import Making, hear, unlink
from crm.things.state import Thing
from wakeline.record import Fact
from wakeline.vocabulary import things
from wakeline.vocabulary.types import BY_NAME, ORDER_STATE, PRODUCT_TOLD, PURCHASE, REFUND

__all__ = ["Thing", "fault_of", "is_agreed", "is_counted", "of_things", "take", "unlink"]

MAKINGS: dict[str, Making] = {
    PURCHASE: orders.purchase,
    REFUND: orders.refund,
    ORDER_STATE: orders.order_state,
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


def of_things(type: str) -> str:
    """The name of the kind of thing that a type of fact is about; "" if it is about a person."""
    known = BY_NAME.get(type)
    return known.thing.name if known is not None and known.thing is not None else ""


def fault_of(fact: Fact) -> str:
    """What is wrong with the body of a fact; "" for nothing."""
    making = MAKINGS.get(fact.type, record.fields)
    try:
        making(fact)
    except ValueError as error:
        return str(error)
    return ""


def is_counted(thing: Thing) -> bool:
    """Whether the site's numbers follow what is told of a thing: see `crm.commerce.counting`."""
    return thing.kind is things.ORDER


def take(fact: Fact, home: Visitor | Customer | Thing, named: Mapping[str, Any], out: Out) -> Verdict:
    """Apply a fact at its home. `named`: whom it names beside that, by id."""
    if isinstance(home, Thing):
        before = counting.before(home) if is_counted(home) else None
        verdict = hear(fact, home, named, out, making=MAKINGS[fact.type])
        if before is not None and verdict is Verdict.APPLIED:
            counting.count(fact, before, home, out)
        return verdict
    if isinstance(home, Customer):
        return record.hear(fact, home, out)
    return record.hear_of_visitor(fact, home, out)
