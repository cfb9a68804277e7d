"""The fields of a shop's events that Wakeline interprets, and their valid values."""

from __future__ import annotations

import re

PURCHASE = "purchase"
REFUND = "refund"
EVENTS = frozenset(
    (
        *("view_list", "view_product", "add_to_cart", "remove_from_cart", "checkout", PURCHASE, REFUND),
        *("view_item_list", "select_item", "view_item", "view_cart"),
        *("begin_checkout", "add_shipping_info", "add_payment_info"),
    )
)

TOTALS = ("price", "value")  # the amount of a purchase or a refund: the first that is present
AMOUNTS = frozenset((*TOTALS, "tax", "shipping", "discount", "cost"))  # in an event, and in each of its items
QUANTITY = "quantity"
CURRENCY = "currency"
ORDERS = frozenset(("order", "order_id", "transaction_id"))
PRODUCTS = frozenset(("product", "product_id", "item_id", "sku"))
ITEMS = "items"
OWN_FIELDS = AMOUNTS | ORDERS | PRODUCTS | {QUANTITY, CURRENCY, ITEMS, "category", "path", "url"}
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
