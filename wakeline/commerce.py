"""The fields of a shop's events that are read, and what they may hold."""

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

TOTALS = ("price", "value")  # what a purchase or a refund is counted by: the first that is there
AMOUNTS = frozenset((*TOTALS, "tax", "shipping", "discount", "cost"))  # of an event, and of each of its items
QUANTITY = "quantity"
CURRENCY = "currency"
ORDERS = frozenset(("order", "order_id", "transaction_id"))
PRODUCTS = frozenset(("product", "product_id", "item_id", "sku"))
ITEMS = "items"
OWN_FIELDS = AMOUNTS | ORDERS | PRODUCTS | {QUANTITY, CURRENCY, ITEMS, "category", "path", "url"}
"""Fields that something is made of: they are kept before a page's others."""

NO_VALUE = (
    r"(?is)\s*(?:|\(?(?:undefined|null|nil|none|nan|n/?a|not[ _]set)\)?|-+|true|false|\[object \w+\]"
    r"|\{\{.*\}\}|\{[a-z_][\w.]*\}|[$#]\{.*\}|\{%.*%\}|<%.*%>|\[\[.*\]\]|%+[a-z_]\w*%+)\s*"
)
"""What a page sends where it had nothing: a word of a program, or what a template left standing. Python's and DuckDB's
regular expressions alike."""

_is_no_value = re.compile(NO_VALUE).fullmatch
_FIRST = frozenset("uUnNtTfF-([{$#<%")  # characters of those that are not empty: nearly every name begins otherwise


def is_name(value: object) -> bool:
    """Whether a value can be the number of an order or the id of a product: a text that says something, or a number."""
    if isinstance(value, str):
        text = value.strip()
        return text != "" and (text[0] not in _FIRST or _is_no_value(text) is None)
    return isinstance(value, (int, float)) and not isinstance(value, bool)
