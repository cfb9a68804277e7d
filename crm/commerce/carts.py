"""A visitor's cart, by what its pages say of it: what is in it, what that is worth, whether it was left or bought.

A cart counts as abandoned once nothing was said of it for CART_GAP_MS of log time, and as recovered if it is bought
after that. What is counted does not depend on what is kept of the person: see `Cart`. Times beyond the log's are those
of a collector's clock that is ahead, and count as the log's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crm.commerce.page_orders import minor
from crm.commerce.state import Cart, abandoned_at, is_over
from crm.commerce.worth import MOST_VALUE
from crm.out import Out
from crm.sites import SiteFacts
from crm.state import Visitor
from wakeline.amounts import MAX_QUANTITY
from wakeline.commerce import CURRENCY, ITEMS, QUANTITY, VALUE
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
MOST_LISTED = 20  # products of a cart that a profile lists


class Said(NamedTuple):
    """What an event says of a cart. `value`: minor units; None: it cannot be read."""

    items: dict[str, float]  # the site's own id of a product -> pieces
    value: int | None
    currency: str


def follow(event: Event, visitor: Visitor, out: Out) -> None:
    """Follows what is put in, taken out, shown and bought."""
    if event.type not in OF_CARTS:
        return
    if event.type == PURCHASE:
        _buy(event, visitor, out)
        return
    state, cart = visitor.state, visitor.state.cart
    time = min(event.time, out.now)
    if time <= state.bought:  # told late: that cart is bought
        return
    if cart is not None and is_over(cart, out.now):
        cart = None
        state.basket = {}
    said = _said(event.props)
    pieces, value, currency = _content(event.type, said, cart)
    if pieces <= 0 and value <= 0:
        if cart is not None:
            _end(visitor)
        return
    if cart is None:
        out.count(CARTS)
        cart = Cart(time, time, out.now)
    if event.type == ADD:
        for id, count in said.items.items():
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
        _list(event.type, said, visitor, out)
    visitor.traits_changed = visitor.traits_changed or bool(state.basket)
    if at := abandoned_at(state.cart):
        out.wake(visitor, at)


def _content(type: str, said: Said, cart: Cart | None) -> tuple[float, int, str]:
    """Pieces, value and currency after an event. Where one is told in another currency, the later one stands."""
    pieces, value = sum(said.items.values()), said.value or 0
    if type == ADD:
        pieces = pieces or 1
    if cart is None or type == VIEW:
        if cart is not None and not said.items and said.value != 0:  # it does not say what is in it
            return (cart.pieces, value, said.currency) if value else (cart.pieces, cart.value, cart.currency)
        return (0, 0, "") if type == REMOVE else (pieces, value, said.currency)
    same = said.currency in ("", cart.currency) or not cart.currency
    former = cart.value if same else 0
    if type == REMOVE:
        left = max(0, round(cart.pieces - (pieces or 1), DECIMALS))
        return left, max(0, former - value) if left else 0, cart.currency
    return cart.pieces + pieces, former + value, said.currency or cart.currency


def _said(props: Mapping[str, Any]) -> Said:
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
    return Said(items, max(value, 0) if value is not None else None, currency)


def _items(props: Mapping[str, Any], currency: str) -> Iterator[tuple[str, float, int | None]]:
    listed = props.get(ITEMS)
    for item in listed[:MAX_ITEMS] if isinstance(listed, list) else ():
        id = item.get("item_id") if isinstance(item, dict) else None
        if not isinstance(id, (str, int, float)) or isinstance(id, bool) or id == "":
            continue
        count = item.get(QUANTITY)
        if isinstance(count, bool) or not isinstance(count, (int, float)) or not 0 < count <= MAX_QUANTITY:
            count = 1
        yield str(id)[:MAX_THING_ID], count, minor(item.get("price"), currency)


def _list(type: str, said: Said, visitor: Visitor, out: Out) -> None:
    """Bring the products that the profile lists up to date."""
    basket = {} if type == VIEW and said.items else dict(visitor.state.basket)
    for id, count in said.items.items():
        product = product_id(id).removeprefix(PRODUCT_PREFIX)
        left = round(basket.pop(product, 0) + (-count if type == REMOVE else count), DECIMALS)
        if left > 0:
            basket[product] = float(min(left, MAX_QUANTITY))
    if len(basket) > MOST_LISTED:
        out.cut["cart"] += len(basket) - MOST_LISTED
        basket = dict(list(basket.items())[-MOST_LISTED:])
    if basket != visitor.state.basket:
        visitor.traits_changed = True
        visitor.state.basket = basket


def _buy(event: Event, visitor: Visitor, out: Out) -> None:
    state, cart = visitor.state, visitor.state.cart
    time = min(event.time, out.now)
    state.bought = max(state.bought, time)
    if cart is None or time < cart.began:
        return
    if cart.abandoned and not is_over(cart, out.now):
        out.count(CARTS_RECOVERED)
        if cart.currency:
            out.count_at(CART_VALUE_RECOVERED, cart.value, day=out.day, currency=cart.currency)
    _end(visitor)


def _end(visitor: Visitor) -> None:
    visitor.state.cart = None
    if visitor.state.basket:
        visitor.state.basket = {}
        visitor.traits_changed = True


def next_abandoned(visitor: Visitor, _: SiteFacts) -> int:
    return abandoned_at(visitor.state.cart)


def abandon(visitor: Visitor, out: Out) -> None:
    """Counts a cart that was left."""
    cart = visitor.state.cart
    assert cart is not None
    cart.abandoned = True
    out.count(CARTS_ABANDONED)
    if cart.currency:
        out.count_at(CART_VALUE_ABANDONED, cart.value, day=out.day, currency=cart.currency)
    visitor.traits_changed = visitor.traits_changed or bool(visitor.state.basket)
