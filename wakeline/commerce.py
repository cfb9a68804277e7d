"""The fields of a shop's events that Wakeline interprets, their valid values, and what a shop signs of a purchase."""

from __future__ import annotations

from wakeline.vocabulary import fields, types
from wakeline.vocabulary.money import major_units, minor_units
from wakeline.vocabulary.pages import OF_PAGES

PURCHASE, REFUND = types.PURCHASE, types.REFUND
EVENTS = frozenset(
    (
        *("view_item_list", "select_item", "view_item", "add_to_cart", "remove_from_cart", "view_cart"),
        *("begin_checkout", "add_shipping_info", "add_payment_info", PURCHASE, REFUND),
    )
)

VALUE = "value"  # the amount of a purchase or a refund
TOTALS = (VALUE, "price")  # names of that amount in a history; the last is a former one
AMOUNTS = fields.AMOUNTS & OF_PAGES  # in an event, and in each of its items
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


def signed_text(number: str, value: float, currency: str) -> str:
    """What the shop's server signs of a purchase: number, value and currency, one a line.

    The value has the decimals of its currency: 154.80 for EUR, 155 for JPY. Raises BadAmount.
    """
    return f"{number}\n{major_units(minor_units(value, currency, rounds=True), currency):f}\n{currency}"
