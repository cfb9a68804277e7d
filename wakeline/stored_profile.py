"""The fields `session`, `cart`, `touches` of a visitor's profile: their stored form, and what readers make of them."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from wakeline.definitions import CART_KEPT_MS, SESSION_GAP_MS
from wakeline.profile_fields import Cart, Session, Source, Touch
from wakeline.thing_fields import moment
from wakeline.vocabulary.money import major_units


class StoredSession(Struct, omit_defaults=True):
    """The field `session` of a profile, times in ms since 1970. What is missing is 0 or "", as in the hash."""

    start: int
    last: int  # latest event
    page_views: int = 0
    engaged_ms: int = 0
    entry: str = ""  # path of its first page, as `paths.page_label` writes it
    page: str = ""  # path of its latest page
    source: str = ""
    campaign: str = ""
    source_class: str = ""


class StoredCart(Struct, omit_defaults=True):
    """The field `cart` of a profile, times in ms since 1970; the products and what `crm.commerce.state.Cart` has."""

    began: int
    last: int  # latest event about it
    items: dict[str, float]  # ids of products without prefix, see `vocabulary.things.product_id`; the latest ones last
    value: int = 0  # minor units
    currency: str = ""
    abandoned: bool = False


class StoredTouch(Struct, array_like=True):
    """One of the field `touches` of a profile, the latest first; its time in ms since 1970."""

    time: int
    source: str
    campaign: str
    source_class: str = ""
    content: str = ""
    term: str = ""
    campaign_id: str = ""


_decode_session = msgspec.json.Decoder(StoredSession).decode
_decode_cart = msgspec.json.Decoder(StoredCart).decode
_decode_touches = msgspec.json.Decoder(list[StoredTouch]).decode


def read_session(text: str, now: int) -> Session | None:
    """The visit, if it is open at `now` (ms)."""
    stored = _decode_session(text) if text else None
    if stored is None or now - stored.last >= SESSION_GAP_MS:
        return None
    return Session(
        started=moment(stored.start),
        last=moment(stored.last),
        page_views=stored.page_views,
        engaged_seconds=stored.engaged_ms / 1000,
        entry=stored.entry,
        page=stored.page,
        source=stored.source,
        campaign=stored.campaign,
        source_class=stored.source_class,
    )


def read_cart(text: str, now: int) -> Cart | None:
    """The cart, if it has not expired at `now` (ms)."""
    stored = _decode_cart(text) if text else None
    if stored is None or now - stored.last > CART_KEPT_MS:
        return None
    return Cart(
        began=moment(stored.began),
        last=moment(stored.last),
        items={unquote(product): pieces for product, pieces in stored.items.items()},
        value=major_units(stored.value, stored.currency) if stored.currency else None,
        currency=stored.currency,
        is_abandoned=stored.abandoned,
    )


def read_touches(text: str) -> tuple[Touch, ...]:
    """Visits by campaigns, the latest first."""
    stored = _decode_touches(text) if text else []
    return tuple(Touch(moment(one.time), Source(*astuple(one)[1:])) for one in stored)
