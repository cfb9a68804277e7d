"""What is known of a person at a moment, as rules of segments ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

NEVER_SEEN = float("nan")
"""A time that there is none of: no comparison with it holds."""


class Person(Struct, kw_only=True, gc=False):
    """A customer, or a visitor whom nobody has identified. Times are ms since 1970, amounts minor units."""

    id: str
    is_customer: bool = False
    first_seen: float = NEVER_SEEN
    last_seen: float = NEVER_SEEN
    visits: int = 0
    page_views: int = 0
    engaged_ms: float = 0
    events: int = 0
    device: str = ""
    browser: str = ""
    os: str = ""
    country: str = ""
    first_source: str = ""
    first_source_class: str = ""
    first_campaign: str = ""
    last_source: str = ""
    last_source_class: str = ""
    last_campaign: str = ""
    scores: Mapping[str, float] = {}  # by interest, as stored: see `wakeline.decay`
    cart_changed: float = NEVER_SEEN
    cart_value: float = 0
    orders: int = 0
    order_times: Sequence[float] = ()  # the latest first; of at most `account.MOST_ORDERS`
    first_order: float = NEVER_SEEN
    last_order: float = NEVER_SEEN
    revenue: float = 0  # here and below: in the site's main currency
    profit: float = 0
    consent: str = ""
    tags: Sequence[str] = ()
    traits: Mapping[str, Any] = {}
    topics: Mapping[str, bool | None] = {}  # whether it wants to hear of it; None: it did not say
    channels: Mapping[str, bool | None] = {}
