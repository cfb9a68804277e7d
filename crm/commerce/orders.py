"""What facts say of an order; `wakeline.orders` reads the order that they make.

Each refund is a field of its own, by its id. Those that pages tell stand only as long as nobody else speaks of
the order, so both are kept, and told apart where the order is read.
"""

from __future__ import annotations

from crm.things import forms
from crm.things.digests import short
from wakeline.kept import Fields
from wakeline.orders import ITEMS, VALUE, stored_refund
from wakeline.record import Fact
from wakeline.told import A_REFUND, BOUGHT, CURRENCY, EARLIEST
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.types import PURCHASE, REFUND

PURCHASE_FIELDS = forms.table(PURCHASE)
REFUND_FIELDS = forms.table(REFUND, without=("refund_id",))


def purchase(fact: Fact) -> Fields:
    return forms.taken(fact.body, PURCHASE_FIELDS) | {BOUGHT: fact.time}


def refund(fact: Fact) -> Fields:
    """See `wakeline.orders.stored_refund`."""
    body = fact.body
    found = forms.taken(body, REFUND_FIELDS)
    what = stored_refund(found.get(VALUE), found.get(ITEMS) or [])
    id = forms.field(body, "refund_id", forms.text) if "refund_id" in body else fact.id
    kept: Fields = {f"{A_REFUND}{short(id)}": what}
    if CURRENCY in found:
        kept[CURRENCY] = found[CURRENCY]
    return kept


def claim(_: Fact) -> Fields:
    """Nothing but whom it names, as all facts of pages do: see `crm.commerce.claims`."""
    return {}


def order_state(fact: Fact) -> Fields:
    state = fact.body.get("state")
    if state not in ORDER_STATES:
        raise ValueError("state: none of an order's")
    at = forms.field(fact.body, "at", forms.time) if "at" in fact.body else fact.time
    return {f"{EARLIEST}{state}": at}
