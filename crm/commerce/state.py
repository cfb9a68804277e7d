"""What a visitor's state has of its cart."""

from __future__ import annotations

from msgspec import Struct

from wakeline.definitions import CART_GAP_MS, CART_KEPT_MS


class Cart(Struct, array_like=True, gc=False):
    """What the site counts of a cart; it survives an erasure, as the numbers of a site do. It names no product.

    Stored as an array: a new field comes last and has a default. What a profile shows is `StoredCart`.
    """

    began: int  # time of the earliest event that put something into it, ms
    last: int  # time of the latest event about it, ms
    last_append: int  # append time of the one appended last, ms: from here it is abandoned, and expires
    pieces: float = 0
    value: int = 0  # minor units of `currency`
    currency: str = ""
    abandoned: bool = False


def abandoned_at(cart: Cart | None) -> int:
    """Append time (ms) at which it counts as abandoned; 0: it does already, or there is none."""
    return cart.last_append + CART_GAP_MS if cart is not None and not cart.abandoned else 0


def is_expired(cart: Cart, now: int) -> bool:
    """Whether it is too old to be bought or filled any more; `now`: append time, ms."""
    return now - cart.last_append > CART_KEPT_MS


class Bought(Struct, array_like=True, frozen=True, gc=False):
    """An order that a visitor bought: see `crm.commerce.claims`."""

    time: int  # of the purchase that counts, ms: the first, unless a later one is signed
    signed: bool  # by the site's server
    customer: str  # that was told to the order; "": nobody
    claims: int  # how often another one was told, since; more in what an earlier version stored
