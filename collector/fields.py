"""Which fields name a thing: an order, a product, a campaign. What stands in them is not searched for card numbers.

Of order numbers of 16 digits some pass for a card, and two that were replaced would be one order.
"""

from __future__ import annotations

import re
from functools import lru_cache

CAMPAIGN_PARAMETERS = frozenset(("utm_id", "utm_campaign", "utm_content", "utm_term"))
"""Parameters that advertisers fill with numbers of campaigns, sets and ads."""

ADDRESSES = frozenset(("url", "path", "href"))

THINGS = frozenset(
    (
        *("order", "transaction", "invoice", "receipt", "booking", "coupon", "voucher", "quantity"),
        *("product", "item", "article", "variant", "sku", "ean", "gtin", "upc", "isbn", "asin", "mpn"),
    )
)
NUMBERS = frozenset(("number", "no", "nr", "num", "code", "ref", "reference"))
PAYMENT = frozenset(("card", "cards", "pan", "cc", "credit", "debit", "payment", "iban", "account"))
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # order_id, orderId, orderID, order-id, gtin13


@lru_cache(4_096)
def names_thing(name: str) -> bool:
    """Whether a field's name ends in "id", in the word for a thing, or in a thing's number, and says no payment."""
    words = [word.lower() for word in WORD.findall(name)]
    if not words or not PAYMENT.isdisjoint(words):
        return False
    last = words[-1]
    if last in ("id", "ids") or last in THINGS or last.removesuffix("s") in THINGS:
        return True
    return last in NUMBERS and len(words) > 1 and words[-2] in THINGS


def is_one_word(text: str) -> bool:
    """Whether a text can be the name of a thing: what has a space in it was written by a person."""
    return not any(map(str.isspace, text))
