"""Products that were seen, and how far a visit came towards a purchase.

A visit keeps the furthest step, and is counted when it ends (`crm.visits.sessions`), as its other numbers are. Who
comes back from paying goes on with the visit of before: only further steps are counted. Whose consent changes in the
middle goes on under another id, which nothing may link to the former one: only what was done after the change is
counted, so that nothing is counted twice.
"""

from __future__ import annotations

from crm.commerce.carts import items_of
from crm.out import Out
from crm.state import Visitor
from wakeline.labels import cut
from wakeline.numbers import FUNNEL, TOP_VIEWED
from wakeline.record import Event
from wakeline.vocabulary.things import MAX_PRODUCT_ID
from wakeline.vocabulary.types import PURCHASE

SEEN = "view_item"
STEPS = (SEEN, "add_to_cart", "begin_checkout", "add_payment_info", PURCHASE)
STEP_OF = {type: number for number, type in enumerate(STEPS, 1)} | {"view_product": 1, "checkout": 3}  # former names
assert len(STEPS) == len(FUNNEL)


def follow(event: Event, visitor: Visitor, out: Out) -> None:
    """Notes the furthest step in the visit of the event, and counts the products that it shows."""
    step = STEP_OF.get(event.type)
    if step is None:
        return
    if visitor.session is not None and step > visitor.session.reached:
        visitor.session.reached = step
    if step == STEP_OF[SEEN]:
        for id in dict.fromkeys(items_of(event.props)):
            out.top(TOP_VIEWED, cut(id, MAX_PRODUCT_ID, size=MAX_PRODUCT_ID))
