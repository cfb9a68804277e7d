"""A visitor's cart, by what its pages tell of it: its content, its value, and whether it was abandoned or bought.

A cart counts as abandoned once nothing was told of it for CART_GAP_MS of log time, and as recovered if a page of its
visitor tells a purchase after that. `state.cart` is what is counted, of anybody; `state.cart_items` are the products
that a profile lists, and are kept only with consent. A time beyond the log's is that of a collector's clock that is
ahead, and counts as the log's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crm.commerce.page_orders import minor
from crm.commerce.state import Cart, abandoned_at, is_expired
from crm.commerce.worth import MOST_VALUE
from crm.out import Out
from crm.sites import SiteFacts
from crm.state import Visitor
from wakeline.amounts import MAX_QUANTITY
from wakeline.commerce import CURRENCY, ITEMS, QUANTITY, VALUE
from wakeline.definitions import MAX_CART_ITEMS
from wakeline.labels import cut
from wakeline.numbers import (
    CART_VALUE_ABANDONED,
    CART_VALUE_RECOVERED,
    CARTS,
    CARTS_ABANDONED,
    CARTS_RECOVERED,
    TOP_CARTED,
)
from wakeline.record import Event
from wakeline.vocabulary.fields import MAX_ITEMS
from wakeline.vocabulary.money import CURRENCIES
from wakeline.vocabulary.things import MAX_PRODUCT_ID, MAX_THING_ID, PRODUCT_PREFIX, product_id
from wakeline.vocabulary.types import PURCHASE

ADD, REMOVE, VIEW = "add_to_cart", "remove_from_cart", "view_cart"
OF_CARTS = frozenset((ADD, REMOVE, VIEW, PURCHASE))
DECIMALS = 6  # of pieces: what is left of 0.1 + 0.2 - 0.3 is nothing


class Told(NamedTuple):
    """What an event tells of a cart."""

    items: dict[str, float]  # the site's own id of a product -> pieces
    value: int | None  # minor units; None: it cannot be read
    currency: str  # "": none, or one that is unknown


def follow(event: Event, visitor: Visitor, out: Out) -> None:
    """Follows what is put in, taken out, shown and bought."""
    if event.type not in OF_CARTS:
        return
    if event.type == PURCHASE:
        _buy(event, visitor, out)
        return
    state, cart = visitor.state, visitor.state.cart
    time = min(event.time, out.now)
    if time <= state.last_purchase:  # told late: that cart is bought
        return
    if cart is not None and is_expired(cart, out.now):
        cart = None
        state.cart_items = {}
    told = _told(event.props)
    pieces, value, currency = _content(event.type, told, cart)
    if pieces <= 0 and value <= 0:
        if cart is not None:
            _end(visitor)
        return
    if cart is None:
        out.count(CARTS)
        cart = Cart(time, time, out.now)
    if event.type == ADD:
        for id, count in told.items.items():
            out.top(TOP_CARTED, cut(id, MAX_PRODUCT_ID, size=MAX_PRODUCT_ID), max(1, round(count)))
    state.cart = Cart(
        began=min(cart.began, time),
        last=max(cart.last, time),
        last_append=out.now,
        pieces=float(min(pieces, MAX_QUANTITY)),
        value=min(value, MOST_VALUE),
        currency=currency,
        abandoned=cart.abandoned,
    )
    if visitor.may_profile:
        _list(event.type, told, visitor, out)
    visitor.traits_changed = visitor.traits_changed or bool(state.cart_items)
    if at := abandoned_at(state.cart):
        out.wake(visitor, at)


def _content(type: str, told: Told, cart: Cart | None) -> tuple[float, int, str]:
    """Pieces, value (minor units) and currency of a cart after an event.

    What is put in in another currency leaves only its own value, as amounts of different currencies are never added.
    """
    pieces, value = sum(told.items.values()), told.value or 0
    if type == ADD:
        pieces = pieces or 1
    if cart is None or type == VIEW:
        if cart is not None and not told.items and told.value != 0:  # it does not say what is in it
            return (cart.pieces, value, told.currency) if value else (cart.pieces, cart.value, cart.currency)
        return (0, 0, "") if type == REMOVE else (pieces, value, told.currency)
    same = told.currency in ("", cart.currency) or not cart.currency
    former = cart.value if same else 0
    if type == REMOVE:
        left = max(0, round(cart.pieces - (pieces or 1), DECIMALS))
        return left, max(0, former - value) if left else 0, cart.currency
    return cart.pieces + pieces, former + value, told.currency or cart.currency


def _told(props: Mapping[str, Any]) -> Told:
    currency = props.get(CURRENCY)
    currency = currency if isinstance(currency, str) and currency in CURRENCIES else ""
    items: dict[str, float] = {}
    total: int | None = 0
    for id, count, price in _items(props, currency):
        items[id] = items.get(id, 0) + count
        total = None if total is None or price is None else total + round(price * count)
    value = minor(props.get(VALUE), currency)
    if value is None and (items or props.get(ITEMS) == []):
        value = total
    return Told(items, max(value, 0) if value is not None else None, currency)


def _items(props: Mapping[str, Any], currency: str) -> Iterator[tuple[str, float, int | None]]:
    """Product, pieces and price (minor units; None: it cannot be read) of each item that names a product."""
    listed = props.get(ITEMS)
    for item in listed[:MAX_ITEMS] if isinstance(listed, list) else ():
        id = item.get("item_id") if isinstance(item, dict) else None
        if not isinstance(id, (str, int, float)) or isinstance(id, bool) or id == "":
            continue
        count = item.get(QUANTITY)
        if isinstance(count, bool) or not isinstance(count, (int, float)) or not 0 < count <= MAX_QUANTITY:
            count = 1
        yield str(id)[:MAX_THING_ID], count, minor(item.get("price"), currency)


def items_of(props: Mapping[str, Any]) -> list[str]:
    """The site's own ids of the products that an event names."""
    return [id for id, _, _ in _items(props, "")]


def _list(type: str, told: Told, visitor: Visitor, out: Out) -> None:
    """Bring the products that the profile lists up to date."""
    items = {} if type == VIEW and told.items else dict(visitor.state.cart_items)
    for id, count in told.items.items():
        product = product_id(id).removeprefix(PRODUCT_PREFIX)
        left = round(items.pop(product, 0) + (-count if type == REMOVE else count), DECIMALS)
        if left > 0:
            items[product] = float(min(left, MAX_QUANTITY))
    if len(items) > MAX_CART_ITEMS:
        out.cut["cart"] += len(items) - MAX_CART_ITEMS
        items = dict(list(items.items())[-MAX_CART_ITEMS:])
    if items != visitor.state.cart_items:
        visitor.traits_changed = True
        visitor.state.cart_items = items


def _buy(event: Event, visitor: Visitor, out: Out) -> None:
    state, cart = visitor.state, visitor.state.cart
    time = min(event.time, out.now)
    state.last_purchase = max(state.last_purchase, time)
    if cart is None or time < cart.began:
        return
    if cart.abandoned and not is_expired(cart, out.now):
        out.count(CARTS_RECOVERED)
        if cart.currency:
            out.count_at(CART_VALUE_RECOVERED, cart.value, day=out.day, currency=cart.currency)
    _end(visitor)


def _end(visitor: Visitor) -> None:
    visitor.state.cart = None
    if visitor.state.cart_items:
        visitor.state.cart_items = {}
        visitor.traits_changed = True


def next_abandoned(visitor: Visitor, _: SiteFacts) -> int:
    """When its cart will count as abandoned: see `abandoned_at`."""
    return abandoned_at(visitor.state.cart)


def abandon(visitor: Visitor, out: Out) -> None:
    """Counts an abandoned cart."""
    cart = visitor.state.cart
    assert cart is not None
    cart.abandoned = True
    out.count(CARTS_ABANDONED)
    if cart.currency:
        out.count_at(CART_VALUE_ABANDONED, cart.value, day=out.day, currency=cart.currency)
    visitor.traits_changed = visitor.traits_changed or bool(visitor.state.cart_items)
