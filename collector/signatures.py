"""What a site's server has signed for its page: who somebody is, who is to be forgotten, and an order."""

from __future__ import annotations

from typing import Any

from wakeline.commerce import CURRENCY, SIGNATURE, TRANSACTION_ID, VALUE, signed_text
from wakeline.event import WireEvent
from wakeline.identity import forgotten, identified, is_signed
from wakeline.vocabulary.money import BadAmount
from wakeline.vocabulary.things import own_id
from wakeline.vocabulary.types import FORGET

WRONG = "the signature does not fit: sign the very id that the page gives (and `expires`) with this site's secret"
EXPIRED = "the signature has expired: its end, `expires`, has passed"
ENDLESS = "the signature has no end, which is required here: sign the id with `expires`, and send both"


def why_unsigned(event: WireEvent, *, secret: str, now: int, must_end: bool) -> str | None:
    """Why the signature does not prove the customer id of an identify or a forget, in words; None if it does.

    Its end is compared with `now`, ms by our clock: when an event happened is only the page's word. A forget always
    needs one.
    """
    id = str(event.id)
    if event.type == FORGET:
        if event.expires is None:
            return ENDLESS
        text = forgotten(id, event.expires)
    else:
        text = identified(id, event.expires)
    if not is_signed(secret, text, event.signature or ""):
        return WRONG
    if event.expires is None:
        return ENDLESS if must_end else None
    return None if now < event.expires else EXPIRED


def is_order_signed(said: dict[str, Any], kept: dict[str, Any], *, secret: str) -> bool:
    """Whether the signature in a purchase's properties is right: as the page `said` them, and as they are `kept`."""
    number, value, given = own_id(said.get(TRANSACTION_ID)), kept.get(VALUE), said.get(SIGNATURE)
    if number is None or value is None or not isinstance(given, str):
        return False
    try:
        text = signed_text(number, value, kept.get(CURRENCY) or "")
    except BadAmount:
        return False
    return is_signed(secret, text, given)
