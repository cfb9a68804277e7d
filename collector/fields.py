"""Names of fields that hold identifiers: orders, products, campaigns. They are not searched for card numbers.

Some 16-digit order numbers pass as card numbers; if redacted, different orders would become one.
"""

from __future__ import annotations

import re
from functools import lru_cache

CAMPAIGN_PARAMETERS = frozenset(("utm_id", "utm_campaign", "utm_content", "utm_term"))
"""Parameters that advertisers fill with numbers of campaigns, ad sets and ads."""

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
    """Whether a field's name ends in "id", a word for an object or "number", and does not mention payment."""
    words = [word.lower() for word in WORD.findall(name)]
    if not words or not PAYMENT.isdisjoint(words):
        return False
    last = words[-1]
    if last in ("id", "ids") or last in THINGS or last.removesuffix("s") in THINGS:
        return True
    return last in NUMBERS and len(words) > 1 and words[-2] in THINGS


def is_one_word(text: str) -> bool:
    """Whether a text can be an identifier: text with spaces was written by a person."""
    return not any(map(str.isspace, text))
