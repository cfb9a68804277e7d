"""A page's purchase or refund tells its order: the fact as the page said it, with amounts in minor units.

Under `full` it names the visitor, and its customer if it has one; in a replay also one that is to be forgotten, as the
order's lane knows of that. Nothing else of it is about a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from crm.out import Out
from crm.state import Visitor
from crm.things.digests import PAGE, SIGNED
from crm.things.forms import MOST_TEXT
from wakeline.amounts import MAX_QUANTITY
from wakeline.commerce import CURRENCY, ITEMS, QUANTITY, VALUE
from wakeline.record import Event, Fact, ToldFact
from wakeline.vocabulary.fields import MAX_ITEMS
from wakeline.vocabulary.money import BadAmount, minor_units
from wakeline.vocabulary.things import MAX_THING_ID
from wakeline.vocabulary.types import PURCHASE, REFUND

TEXTS = ("coupon", "channel", "refund_id")
AMOUNTS = (VALUE, "tax", "shipping", "discount")
ITEM_TEXTS = (
    "item_name", "item_brand", "item_variant", "coupon",
    "item_category", "item_category2", "item_category3", "item_category4", "item_category5",
)  # fmt: skip


def tell(event: Event, visitor: Visitor, out: Out) -> None:
    """Tells the order, if the collector could name it."""
    if not event.order or event.type not in (PURCHASE, REFUND):
        return
    names = not visitor.is_anonymous and (visitor.may_profile or visitor.has_profile)
    if names:
        visitor.state.told = max(visitor.state.told, event.time)
    fact = Fact(
        site=event.site,
        home=event.order,
        type=event.type,
        id=sha256(f"{event.page}.{event.n}".encode()).hexdigest()[:16],
        time=event.time,
        received=event.received,
        customer=visitor.state.link()[0] if names else "",
        visitor=visitor.id if names else "",
        body=body(event.props),
        by=SIGNED if event.signed else PAGE,
    )
    out.tell(ToldFact(fact, at=out.offset, step=out.step))


def body(props: Mapping[str, Any]) -> dict[str, Any]:
    """What the properties of a purchase or a refund say, as the fields of a fact. What is invalid is left out."""
    currency = props.get(CURRENCY)
    currency = currency if isinstance(currency, str) else ""
    found: dict[str, Any] = {name: text for name in TEXTS if (text := _text(props.get(name)))}
    for name in AMOUNTS:
        if (minor := _minor(props.get(name), currency)) is not None:
            found[name] = minor
    items = props.get(ITEMS)
    if isinstance(items, list):
        kept = [_item(item, currency) for item in items[:MAX_ITEMS] if isinstance(item, dict)]
        if any(kept):
            found[ITEMS] = [item for item in kept if item]
    if currency and any(name in found for name in (*AMOUNTS, ITEMS)):
        found["currency"] = currency
    return found


def _item(item: Mapping[str, Any], currency: str) -> dict[str, Any]:
    id = item.get("item_id")
    if not isinstance(id, (str, int, float)) or id == "":
        return {}
    found: dict[str, Any] = {"item_id": str(id)[:MAX_THING_ID]}
    for name in ("price", "discount"):
        if (minor := _minor(item.get(name), currency)) is not None:
            found[name] = minor
    quantity = item.get(QUANTITY)
    if isinstance(quantity, (int, float)) and not isinstance(quantity, bool) and abs(quantity) <= MAX_QUANTITY:
        found["quantity"] = quantity
    return found | {name: text for name in ITEM_TEXTS if (text := _text(item.get(name)))}


def _minor(value: Any, currency: str) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return minor_units(value, currency, rounds=True)
    except BadAmount:
        return None


def _text(value: Any) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""
