"""What facts say of an order, and the order that they make.

Each refund is a field of its own, by its id. Those that pages tell stand only until somebody else speaks of the order's
refunds, so both are kept, and told apart where the order is read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from crm.things import forms
from crm.things.digests import short
from crm.things.merging import A_REFUND, CURRENCY, EARLIEST, MONEY, Fields, Kept, value_of
from wakeline.record import Fact
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.types import PURCHASE, REFUND

ALL = True  # as a refund's value: all of the order

PURCHASE_FIELDS = forms.table(PURCHASE, coupon="k", channel="h")
REFUND_FIELDS = forms.table(REFUND, without=("refund_id",))


def purchase(fact: Fact) -> Fields:
    return forms.taken(fact.body, PURCHASE_FIELDS)


def refund(fact: Fact) -> Fields:
    """An amount, else items, else ALL."""
    body = fact.body
    found = forms.taken(body, REFUND_FIELDS)
    what: Any = found.get(f"{MONEY}v")
    if what is None:
        what = found.get(f"{MONEY}i") or ALL
    id = forms.field(body, "refund_id", forms.text) if "refund_id" in body else fact.id
    kept: Fields = {f"{A_REFUND}{short(id)}": what}
    if CURRENCY in found:
        kept[CURRENCY] = found[CURRENCY]
    return kept


def order_state(fact: Fact) -> Fields:
    state = fact.body.get("state")
    if state not in ORDER_STATES:
        raise ValueError("state: none of an order's")
    at = forms.field(fact.body, "at", forms.time) if "at" in fact.body else fact.time
    return {f"{EARLIEST}{state}": at}


class Refund(NamedTuple):
    """A refund that stands. `value`: minor units; a list of items as they are stored, see `forms.ITEM`; or ALL."""

    value: Any
    currency: str  # "": the order's
    time: int  # ms


class Order(NamedTuple):
    """An order as it is now. Items that are told in another currency than its value are left out."""

    value: int | None  # minor units of `currency`; None: nobody has said what was bought
    currency: str
    items: list[list[Any]]  # see `forms.ITEM`
    customer: str  # "": nobody
    visitor: str
    states: dict[str, int]  # the states that it has been in -> since when, ms
    refunds: list[Refund]


def order(told: list[Kept]) -> Order:
    """The order that these facts make."""
    bought = next((fact for fact in told if f"{MONEY}v" in fact.fields), None)
    refunds = [
        (fact.rank, Refund(value, fact.fields.get(CURRENCY, ""), fact.time))
        for fact in told
        for name, value in fact.fields.items()
        if name.startswith(A_REFUND)
    ]
    currency = bought.fields.get(CURRENCY, "") if bought else ""
    listed = next((fact for fact in told if f"{MONEY}i" in fact.fields), None)
    is_in_it = listed is not None and (bought is None or listed.fields.get(CURRENCY, currency) == currency)
    highest = max((rank for rank, _ in refunds), default=0)
    return Order(
        value=bought.fields[f"{MONEY}v"] if bought else None,
        currency=currency,
        items=listed.fields[f"{MONEY}i"] if listed is not None and is_in_it else [],
        customer=value_of(told, forms.CUSTOMER) or "",
        visitor=value_of(told, forms.VISITOR) or "",
        states={state: at for state in ORDER_STATES if (at := value_of(told, f"{EARLIEST}{state}"))},
        refunds=[refund for rank, refund in refunds if rank == highest],
    )
