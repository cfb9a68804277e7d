"""An order of a visitor who is identified later: the visitor tells it whose it is.

A visitor remembers its latest orders. When it turns out whose turn it was as it bought, by an identify that comes later
or late, it claims the order for that customer: a fact of the page's rank, said a moment after the purchase, so that a
newer claim takes the place of an older one, and of nothing that a server says. Only where a signed purchase named
somebody else, the claim has its rank, to take its place. An order never links a browser to a customer.
"""

from __future__ import annotations

from hashlib import sha256

from crm.commerce.state import Bought
from crm.identity.turns import customer_at
from crm.out import Out
from crm.state import Visitor
from crm.things.digests import PAGE, SIGNED
from wakeline.record import Event, Fact, ToldFact

CLAIM = "order_claim"  # type of that fact; one of that name that a server tells is about a person
MOST_BOUGHT = 4  # orders that a visitor remembers, the latest


def note(event: Event, customer: str, visitor: Visitor) -> None:
    """Note an order that a visitor bought, and the customer that its purchase named."""
    bought = visitor.state.bought
    bought.pop(event.order, None)
    bought[event.order] = Bought(event.time, event.signed and bool(customer), customer, event.time)
    if len(bought) > MOST_BOUGHT:
        del bought[next(iter(bought))]


def claim(event: Event, visitor: Visitor, out: Out) -> None:
    """After an identify: claim the orders whose customer it changed."""
    state = visitor.state
    for order, one in state.bought.items():
        customer = customer_at(state, one.time)
        if not customer or customer == one.customer:
            continue
        time = one.claimed + 1
        state.bought[order] = Bought(one.time, one.signed, customer, time)
        state.told = max(state.told, time)
        fact = Fact(
            site=visitor.site,
            home=order,
            type=CLAIM,
            id=sha256(f"{visitor.id} {customer} {time}".encode()).hexdigest()[:16],
            time=time,
            received=max(event.received, time),
            customer=customer,
            visitor=visitor.id,
            by=SIGNED if one.signed else PAGE,
        )
        out.tell(ToldFact(fact, at=out.offset, step=out.step))
