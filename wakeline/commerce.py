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

AMOUNTS = ("price", "value", "tax", "shipping", "discount", "cost")  # of the event and of each of its items
TOTALS = ("price", "value")  # what a purchase or refund is counted by: the first that is there
QUANTITY = "quantity"
CURRENCY = "currency"
ORDER = ("order", "order_id", "transaction_id")
PRODUCT = ("product", "product_id", "item_id", "sku")
ITEMS = "items"

OWN_FIELDS = frozenset((*AMOUNTS, QUANTITY, CURRENCY, *ORDER, *PRODUCT, ITEMS, "category", "path", "url"))
"""Fields that something is made of: they are kept before a page's others."""

MAX_AMOUNT = 10**12  # in any currency; more is a mistake
MAX_QUANTITY = 10**6

NO_VALUE = (
    r"(?i)\s*(?:|undefined|null|nil|none|nan|n/?a|-+|\(?not[ _]set\)?|true|false|\[object \w+\]"
    r"|\{\{.*\}\}|\$\{.*\}|\{%.*%\}|<%.*%>|\[\[.*\]\]|%%.*%%)\s*"
)
"""What a page sends where it had nothing, as a pattern of Python and DuckDB alike: words of programs, and what a
template left standing."""

is_no_value = re.compile(NO_VALUE, re.DOTALL).fullmatch
