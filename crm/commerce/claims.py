"""An order of a visitor who is identified later: the visitor tells it whose it is.

A visitor remembers its latest orders. When it turns out whose turn it was as it bought, by an identify that comes later
or late, it claims the order for that customer: a fact of the time of its purchase, with a number, so that a newer claim
takes the place of that visitor's older one. What others say comes first as before: see `wakeline.told.customer_of`. An
order never links a browser to a customer.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from crm.commerce.state import Bought
from crm.identity.turns import customer_at
from crm.out import Out
from crm.state import Visitor
from crm.things.digests import PAGE, SIGNED
from crm.things.hearing import CLAIM_NUMBER
from wakeline.record import Event, Fact, ToldFact

CLAIM = "order_claim"  # type of that fact; one of that name that a server tells is about a person
MOST_BOUGHT = 4  # orders that a visitor remembers, the latest


def note(event: Event, customer: str, visitor: Visitor) -> None:
    """Note an order that a visitor bought, and the customer that its purchase named."""
    bought = visitor.state.bought
    known = bought.pop(event.order, None)
    claims = known.claims if known is not None else 0
    if known is None or (not event.signed, event.time) < (not known.signed, known.time):
        known = Bought(event.time, event.signed, customer, claims)
    bought[event.order] = known
    if len(bought) > MOST_BOUGHT:
        del bought[next(iter(bought))]


def claim(event: Event, visitor: Visitor, out: Out) -> None:
    """After an identify: claim the orders whose customer it changed."""
    state = visitor.state
    for order, one in state.bought.items():
        customer = customer_at(state, one.time)
        if not customer or customer == one.customer:
            continue
        state.bought[order] = claimed = replace(one, customer=customer, claims=one.claims + 1)
        state.told = max(state.told, one.time)
        fact = Fact(
            site=visitor.site,
            home=order,
            type=CLAIM,
            id=sha256(f"{visitor.id} {customer} {claimed.claims}".encode()).hexdigest()[:16],
            time=one.time,
            received=max(event.received, one.time),
            customer=customer,
            visitor=visitor.id,
            body={CLAIM_NUMBER: claimed.claims},
            by=SIGNED if one.signed else PAGE,
        )
        out.tell(ToldFact(fact, at=out.offset, step=out.step))
