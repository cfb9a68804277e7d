"""The fields of a shop's events that Wakeline interprets, their valid values, and what a shop signs of a purchase."""

from __future__ import annotations

import re

from wakeline.vocabulary import types
from wakeline.vocabulary.money import major_units, minor_units
from wakeline.vocabulary.pages import OF_PAGES
from wakeline.vocabulary.things import MAX_THING_ID

PURCHASE, REFUND = types.PURCHASE, types.REFUND
EVENTS = frozenset(
    (
        *("view_item_list", "select_item", "view_item", "add_to_cart", "remove_from_cart", "view_cart"),
        *("begin_checkout", "add_shipping_info", "add_payment_info", PURCHASE, REFUND),
    )
)

VALUE = "value"  # the amount of a purchase or a refund
TOTALS = (VALUE, "price")  # names of that amount in a history; the last is a former one
AMOUNTS = frozenset((VALUE, "price", "tax", "shipping", "discount", "cost"))  # in an event, and in each of its items
QUANTITY = "quantity"
CURRENCY = "currency"
TRANSACTION_ID = "transaction_id"  # the order's number
IDS = frozenset((TRANSACTION_ID, "refund_id", "item_id"))
ITEMS = "items"
CODE = "code"  # of a promotion: whoever knows it may use it
PROMOTIONS = frozenset(("promotion_issued", "promotion_used", "contest_entered"))
SIGNATURE = "signature"  # of a purchase, by the shop's server: see `signed_text`
OWN_FIELDS = AMOUNTS | IDS | {QUANTITY, CURRENCY, ITEMS, "category", "path", "url"} | OF_PAGES
"""Fields with a meaning: they are kept before a page's other fields."""

NO_VALUE = (
    r"(?is)\s*(?:|\(?(?:undefined|null|nil|none|nan|n/?a|not[ _]set)\)?|-+|true|false|\[object \w+\]"
    r"|\{\{.*\}\}|\{[a-z_][\w.]*\}|[$#]\{.*\}|\{%.*%\}|<%.*%>|\[\[.*\]\]|%+[a-z_]\w*%+)\s*"
)
"""Placeholders that pages send for a missing value: a keyword of a programming language, or an unfilled template. The
pattern works in Python's and DuckDB's regular expressions.
"""

_is_no_value = re.compile(NO_VALUE).fullmatch
_FIRST = frozenset("uUnNtTfF-([{$#<%")  # first characters of such values; nearly all names begin otherwise


def is_name(value: object) -> bool:
    """Whether a value can be an order number or a product id: a number, or a text that is not a placeholder."""
    if isinstance(value, str):
        text = value.strip()
        return text != "" and (text[0] not in _FIRST or _is_no_value(text) is None)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def name_of(value: object) -> str | None:
    """An order's number or a code, as servers say it too: 7 of a page is "7" of a server. None if `value` is none."""
    if not is_name(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        name = str(value).strip()
    except ValueError:  # a number of thousands of digits
        return None
    return name if len(name) <= MAX_THING_ID else None


def signed_text(number: str, value: float, currency: str) -> str:
    """What the shop's server signs of a purchase: number, value and currency, one a line.

    The value has the decimals of its currency: 154.80 for EUR, 155 for JPY. Raises BadAmount.
    """
    return f"{number}\n{major_units(minor_units(value, currency, rounds=True), currency):f}\n{currency}"
