"""A page's purchase or refund tells its order: the fact as the page said it, with amounts in minor units.

Under `full` a purchase names the visitor, and its customer if it has one; in a replay also one that is to be forgotten,
as the order's lane knows of that. Nothing else of it is about a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from crm.commerce import claims
from crm.commerce.orders import PURCHASE_FIELDS, REFUND_FIELDS
from crm.identity.turns import customer_at
from crm.out import Out
from crm.state import Visitor
from crm.things import forms
from crm.things.digests import PAGE, SIGNED
from crm.things.forms import Form
from wakeline.amounts import MAX_QUANTITY
from wakeline.commerce import CURRENCY, ITEMS, VALUE
from wakeline.record import Event, Fact, ToldFact
from wakeline.told import OF_MONEY
from wakeline.vocabulary import pages
from wakeline.vocabulary.fields import MAX_ITEMS, MAX_TEXT
from wakeline.vocabulary.money import BadAmount, minor_units
from wakeline.vocabulary.things import MAX_THING_ID
from wakeline.vocabulary.types import PURCHASE, REFUND

SAID = {name.rstrip("*") for name in (*pages.FIELDS[PURCHASE], *pages.FIELDS[REFUND])}
SAID_OF_ITEMS = {name.rstrip("*") for name in pages.ITEM}
FIELDS = {name: form for name, (_, form) in {**PURCHASE_FIELDS, **REFUND_FIELDS}.items() if name in SAID}
FIELDS["refund_id"] = forms.text
ITEM_FIELDS = {name: form for name, form in forms.ITEM if name in SAID_OF_ITEMS}


def tell(event: Event, visitor: Visitor, out: Out) -> None:
    """Tells the order, if the collector could name it."""
    if not event.order or event.type not in (PURCHASE, REFUND):
        return
    said = body(event.props)
    if event.type == REFUND and _is_unread(event.props, said):
        return
    names = event.type == PURCHASE and not visitor.is_anonymous and (visitor.may_profile or visitor.has_profile)
    customer = customer_at(visitor.state, event.time) if names else ""
    if names:
        visitor.state.told = max(visitor.state.told, event.time)
        claims.note(event, customer, visitor)
    fact = Fact(
        site=event.site,
        home=event.order,
        type=event.type,
        id=sha256(f"{event.page}.{event.n}".encode()).hexdigest()[:16],
        time=event.time,
        received=event.received,
        customer=customer,
        visitor=visitor.id if names else "",
        body=said,
        by=SIGNED if event.signed else PAGE,
    )
    out.tell(ToldFact(fact, at=out.offset, step=out.step))


def _is_unread(props: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether a refund names an amount or items, none of which can be read: else it would be of the whole order."""
    return bool(props.get(VALUE) is not None or props.get(ITEMS)) and not (VALUE in said or ITEMS in said)


def body(props: Mapping[str, Any]) -> dict[str, Any]:
    """What the properties of a purchase or a refund say, as the fields of a fact. What is invalid is left out."""
    currency = props.get(CURRENCY)
    currency = currency if isinstance(currency, str) else ""
    found = _read(FIELDS, props, currency)
    items = props.get(ITEMS)
    if isinstance(items, list):
        kept = [_item(item, currency) for item in items[:MAX_ITEMS] if isinstance(item, dict)]
        if any(kept):
            found[ITEMS] = [item for item in kept if item]
    if currency and any(name in OF_MONEY for name in found):
        found[CURRENCY] = currency
    return found


def _item(item: Mapping[str, Any], currency: str) -> dict[str, Any]:
    id = item.get("item_id")
    if not isinstance(id, (str, int, float)) or id == "":
        return {}
    return _read(ITEM_FIELDS, item, currency) | {"item_id": str(id)[:MAX_THING_ID]}


def _read(fields: Mapping[str, Form], props: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The texts, amounts, numbers and flags among these fields."""
    found: dict[str, Any] = {}
    for name, form in fields.items():
        value = props.get(name)
        if value is None or name == CURRENCY:
            continue
        if form is forms.amount:
            value = minor(value, currency)
        elif form is forms.text:
            value = value[:MAX_TEXT] if isinstance(value, str) and value else None
        elif form is forms.number:
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            value = value if is_number and abs(value) <= MAX_QUANTITY else None
        elif form is not forms.flag or not isinstance(value, bool):
            continue
        if value is not None:
            found[name] = value
    return found


def minor(value: Any, currency: str) -> int | None:
    """An amount of a page as minor units; None: it cannot be read."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return minor_units(value, currency, rounds=True)
    except BadAmount:
        return None
