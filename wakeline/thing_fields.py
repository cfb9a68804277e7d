"""Orders, products, contacts, service orders and agreements as applications read them.

Amounts are in units of the thing's `currency`, an order's that of its value. An amount or a list of items that was told
in another one is left out. Read by `profiles`; a field's type says how it is read, see `READS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_type_hints

from msgspec import Struct

from wakeline import orders, told
from wakeline.durations import DAY_MS
from wakeline.kept import Kept
from wakeline.profile_fields import Fact
from wakeline.told import (
    CURRENCY,
    EARLIEST,
    LEFT_OUT,
    MONEY,
    RANK_OF_OTHERS,
    ThingState,
    customer_of,
    stored_name,
    teller_of,
    value_of,
    visitor_of,
)
from wakeline.vocabulary import things
from wakeline.vocabulary.money import major_units

SITE = Fact("key of the site")
LAST = Fact("time of the latest fact about it")
SINCE = Fact("since when it is so; `None`: it is not, as far as anybody said")
BELOW = Fact("category below that")


class Item(Struct, frozen=True, kw_only=True):
    """A product in an order, a refund or a service order. Amounts are those of one piece."""

    item_id: Annotated[str, Fact("the product's id")]
    quantity: Annotated[float | None, Fact("pieces")] = None
    price: Annotated[Decimal | None, Fact("price of one")] = None
    discount: Annotated[Decimal | None, Fact("taken off the price of one")] = None
    cost: Annotated[Decimal | None, Fact("purchase price of one")] = None
    item_name: Annotated[str, Fact("name")] = ""
    item_brand: Annotated[str, Fact("brand")] = ""
    item_category: Annotated[str, Fact("category")] = ""
    item_category2: Annotated[str, BELOW] = ""
    item_category3: Annotated[str, BELOW] = ""
    item_category4: Annotated[str, BELOW] = ""
    item_category5: Annotated[str, BELOW] = ""
    item_variant: Annotated[str, Fact("variant, such as a size")] = ""
    coupon: Annotated[str, Fact("of this item")] = ""


class Refund(Struct, frozen=True, kw_only=True):
    """A refund that stands."""

    time: Annotated[datetime, Fact("when it was given")]
    value: Annotated[Decimal | None, Fact("amount; `None`: it is said by its items, or is the whole order")] = None
    currency: Annotated[str, Fact("of the amount")] = ""
    items: Annotated[tuple[Item, ...], Fact("goods that came back; what is refunded, if no amount says it")] = ()
    is_whole: Annotated[bool, Fact("whether it is the whole order, as neither an amount nor items say otherwise")] = (
        False
    )


class Order(Struct, frozen=True, kw_only=True):
    """An order as it is now."""

    kind: ClassVar[things.Thing] = things.ORDER
    site: Annotated[str, SITE]
    id: Annotated[str, Fact("`#...`, a hash of its number, as `order_key` in the [history](history.md)")]
    time: Annotated[datetime | None, Fact("when it was bought")] = None
    value: Annotated[Decimal | None, Fact("what was bought, without tax and shipping; `None`: nobody said")] = None
    currency: Annotated[str, Fact("of all its amounts")] = ""
    tax: Annotated[Decimal | None, Fact("tax on it")] = None
    shipping: Annotated[Decimal | None, Fact("what its shipping costs")] = None
    discount: Annotated[Decimal | None, Fact("what was taken off")] = None
    coupon: Annotated[str, Fact("its coupon")] = ""
    channel: Annotated[str, Fact("where it was bought, such as `till`; empty: a page told it, or nobody said")] = ""
    items: Annotated[tuple[Item, ...], Fact("what was bought")] = ()
    customer: Annotated[str, Fact("`@...`, who bought it; empty: nobody said, or that customer was erased")] = ""
    visitor: Annotated[str, Fact("whose page told it")] = ""
    placed: Annotated[datetime | None, SINCE] = None
    paid: Annotated[datetime | None, SINCE] = None
    shipped: Annotated[datetime | None, SINCE] = None
    delivered: Annotated[datetime | None, SINCE] = None
    returned: Annotated[datetime | None, SINCE] = None
    cancelled: Annotated[datetime | None, SINCE] = None
    delivery_days: Annotated[
        float | None,
        Fact("days from `time` to `delivered`, to a tenth; `None`: not delivered, or before `time`"),
    ] = None
    refunds: Annotated[tuple[Refund, ...], Fact("those that stand")] = ()
    is_of_page: Annotated[bool, Fact("whether only a page told it, without its server's signature")] = False
    refunded: Annotated[
        Decimal | None, Fact("refunded or cancelled of the value; `None`: the order does not count")
    ] = None
    revenue: Annotated[Decimal | None, Fact("`value` less `refunded`; `None`: the order does not count")] = None
    margin: Annotated[Decimal | None, Fact("`revenue` less the cost of what was kept; `None`: it is not known")] = None
    last_told: Annotated[datetime, LAST]


class Product(Struct, frozen=True, kw_only=True):
    """A product of the catalogue. Who bought it is said by orders."""

    kind: ClassVar[things.Thing] = things.PRODUCT
    site: Annotated[str, SITE]
    id: Annotated[str, Fact("`$` and its id")]
    name: Annotated[str, Fact("name")] = ""
    categories: Annotated[tuple[str, ...], Fact("categories")] = ()
    price: Annotated[Decimal | None, Fact("price of one")] = None
    cost: Annotated[Decimal | None, Fact("purchase price of one")] = None
    currency: Annotated[str, Fact("of both")] = ""
    stock: Annotated[float | None, Fact("pieces in stock")] = None
    lead_days: Annotated[float | None, Fact("days until it can be delivered")] = None
    url: Annotated[str, Fact("its page")] = ""
    image: Annotated[str, Fact("its image")] = ""
    attributes: Annotated[dict[str, Any], Fact("anything else that was told of it")] = {}
    last_told: Annotated[datetime, LAST]


class Contact(Struct, frozen=True, kw_only=True):
    """A contact with the service desk."""

    kind: ClassVar[things.Thing] = things.CONTACT
    site: Annotated[str, SITE]
    id: Annotated[str, Fact("`#contact:...`, a hash of its own id")]
    channel: Annotated[str, Fact("`mail`, `phone` or another")] = ""
    direction: Annotated[str, Fact("`in` or `out`")] = ""
    topic: Annotated[str, Fact("what it is about")] = ""
    opened: Annotated[datetime | None, SINCE] = None
    answered: Annotated[datetime | None, SINCE] = None
    solved: Annotated[datetime | None, SINCE] = None
    closed: Annotated[datetime | None, SINCE] = None
    minutes: Annotated[float | None, Fact("minutes of work")] = None
    cost: Annotated[Decimal | None, Fact("what it cost")] = None
    currency: Annotated[str, Fact("of the cost")] = ""
    satisfaction: Annotated[float | None, Fact("0 to 10")] = None
    order: Annotated[str, Fact("`#...`, the order that it is about")] = ""
    customer: Annotated[str, Fact("`@...`, who it is with; empty: nobody said, or that customer was erased")] = ""
    last_told: Annotated[datetime, LAST]


class ServiceOrder(Struct, frozen=True, kw_only=True):
    """A service order, such as a repair."""

    kind: ClassVar[things.Thing] = things.SERVICE_ORDER
    site: Annotated[str, SITE]
    id: Annotated[str, Fact("`#service:...`, a hash of its own id")]
    state: Annotated[str, Fact("in your own words")] = ""
    parts: Annotated[tuple[Item, ...], Fact("what was needed for it")] = ()
    minutes: Annotated[float | None, Fact("minutes of work")] = None
    cost: Annotated[Decimal | None, Fact("what it cost")] = None
    currency: Annotated[str, Fact("of its amounts")] = ""
    customer: Annotated[str, Fact("`@...`, whose it is; empty: nobody said, or that customer was erased")] = ""
    last_told: Annotated[datetime, LAST]


class Agreement(Struct, frozen=True, kw_only=True):
    """An agreement, such as a subscription."""

    kind: ClassVar[things.Thing] = things.AGREEMENT
    site: Annotated[str, SITE]
    id: Annotated[str, Fact("`#agreement:...`, a hash of its own id")]
    level: Annotated[str, Fact("such as `gold`")] = ""
    start: Annotated[datetime | None, Fact("from when it holds")] = None
    end: Annotated[datetime | None, Fact("until when it holds")] = None
    value: Annotated[Decimal | None, Fact("what it brings")] = None
    currency: Annotated[str, Fact("of the value")] = ""
    customer: Annotated[str, Fact("`@...`, whose it is; empty: nobody said, or that customer was erased")] = ""
    last_told: Annotated[datetime, LAST]


AnyThing = Order | Product | Contact | ServiceOrder | Agreement
KINDS: tuple[type[AnyThing], ...] = get_args(AnyThing)
T = TypeVar("T", bound=AnyThing)


def thing(kind: type[T], site: str, id: str, state: ThingState) -> T:
    """The thing that these facts make."""
    facts = _Facts(state.told)
    found: dict[str, Any] = {"site": site, "id": id, "currency": facts.currency, "last_told": moment(state.last)}
    if kind is Order:
        found |= _order(state.told, facts.currency) | _counted(state)
    found |= {name: read(facts, name) for name, read in FIELDS[kind].items() if name not in found}
    return kind(**found)


def _order(facts: Sequence[Kept], currency: str) -> dict[str, Any]:
    made = orders.order(facts)
    return {
        "time": moment(made.bought) if made.bought else None,
        "delivery_days": delivery_days(made),
        "items": tuple(_item(item, currency) for item in made.items),
        "refunds": tuple(_refund(refund, refund.currency or currency) for refund in made.refunds),
    }


def delivery_days(order: orders.Order) -> float | None:
    """Days from the purchase to the delivery, to a tenth; None: it was not delivered, or before it was bought."""
    delivered = order.states.get("delivered")
    if delivered is None or not order.bought or delivered < order.bought:
        return None
    return (delivered - order.bought + DAY_MS // 20) // (DAY_MS // 10) / 10


def _counted(state: ThingState) -> dict[str, Any]:
    counted = state.counted
    found: dict[str, Any] = {"is_of_page": all(one.rank != RANK_OF_OTHERS for one in state.told)}
    if counted is not None and counted.currency and counted.standing != LEFT_OUT:
        found["refunded"] = _major(counted.taken_back, counted.currency)
        found["revenue"] = _major(counted.value - counted.taken_back, counted.currency)
        found["margin"] = _major(counted.margin, counted.currency)
    return found


def _refund(refund: orders.Refund, currency: str) -> Refund:
    return Refund(
        time=moment(refund.time),
        value=_major(refund.value, currency),
        currency=currency,
        items=tuple(_item(item, currency) for item in refund.items),
        is_whole=refund.is_whole,
    )


def _item(stored: list[Any], currency: str) -> Item:
    found = {name: value for name, value in zip(told.ITEM, stored, strict=False) if value is not None}
    for name in found.keys() & ("price", "discount", "cost"):
        found[name] = _major(found[name], currency)
    return Item(**found)


def _major(minor: int | None, currency: str) -> Decimal | None:
    return None if minor is None else major_units(minor, currency)


def moment(ms: int) -> datetime:
    """The time `ms` after 1970, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class _Facts:
    """The facts about one thing. `currency`: that of an order's value, else of the latest amount."""

    def __init__(self, facts: Sequence[Kept]) -> None:
        self._facts = facts
        bought = teller_of(facts, orders.VALUE) or next(
            (one for one in reversed(facts) if CURRENCY in one.fields), None
        )
        self.currency: str = bought.fields.get(CURRENCY, "") if bought else ""

    def said(self, name: str) -> Any:
        """What is said in a field; None also for an amount in another currency."""
        stored = stored_name(name)
        fact = teller_of(self._facts, stored)
        if fact is None or (stored.startswith(MONEY) and fact.fields.get(CURRENCY, "") != self.currency):
            return None
        return fact.fields[stored]

    def amount(self, name: str) -> Decimal | None:
        return _major(self.said(name), self.currency)

    def time(self, name: str) -> datetime | None:
        """Since when it is in a state of this name, else the field."""
        ms = value_of(self._facts, f"{EARLIEST}{name}") or self.said(name)
        return moment(ms) if ms else None

    def text(self, name: str) -> str:
        if name == "customer":
            return customer_of(self._facts)[0]
        return visitor_of(self._facts) if name == "visitor" else self.said(name) or ""

    def items(self, name: str) -> tuple[Item, ...]:
        return tuple(_item(item, self.currency) for item in self.said(name) or ())


READS: dict[Any, Callable[[_Facts, str], Any]] = {
    str: _Facts.text,
    float | None: _Facts.said,
    Decimal | None: _Facts.amount,
    datetime | None: _Facts.time,
    tuple[str, ...]: lambda facts, name: tuple(facts.said(name) or ()),
    tuple[Item, ...]: _Facts.items,
    dict[str, Any]: lambda facts, name: facts.said(name) or {},
}
HINTS = {kind: get_type_hints(kind) for kind in KINDS}
FIELDS: dict[type[Struct], dict[str, Callable[[_Facts, str], Any]]] = {
    kind: {name: READS[hints[name]] for name in kind.__struct_fields__ if hints[name] in READS}
    for kind, hints in HINTS.items()
}
"""Of each kind: its fields, and how they are read; an order has more, see `_order`."""
