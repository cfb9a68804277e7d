"""Lines of orders, carts and refunds in SQL: one structure, whoever told them and under which names."""

from __future__ import annotations

from reports.amounts import MONEY, major, money, named
from reports.facts import structure
from wakeline.amounts import MAX_QUANTITY

CATEGORIES = ("item_category", *(f"item_category{n}" for n in range(2, 6)))
TEXTS = ("item_name", "item_brand", *CATEGORIES, "item_variant")
AMOUNTS = ("price", "discount", "cost")  # of one piece

LINE = ", ".join(
    (
        *(f"{text} VARCHAR" for text in ("item_id", *TEXTS)),
        *(f"price {MONEY}", "quantity DOUBLE", f"discount {MONEY}", "coupon VARCHAR", f"cost {MONEY}"),
    )
)
LINES = f"STRUCT({LINE})[]"

PRODUCTS = ("item_id", "product", "product_id", "sku")  # what pages call a product, by preference
FORMER = {"item_name": "name", "item_brand": "brand", "item_category": "category", "item_variant": "variant"}

PAGE = [
    dict.fromkeys((*PRODUCTS, *TEXTS, *FORMER.values(), "coupon"), "VARCHAR")
    | dict.fromkeys(("quantity", "price", "discount"), "DOUBLE")
]
"""Items in a page's event, see `facts.told`: amounts in units of the currency."""

OF_PAGE = f"from_json(props->'items', '{structure(PAGE)}')"

TOLD = [
    dict.fromkeys(("item_id", *TEXTS, "coupon"), "VARCHAR") | dict.fromkeys(AMOUNTS, "BIGINT") | {"quantity": "DOUBLE"}
]
"""Items in a fact: amounts in minor units."""


def of_page(items: str) -> str:
    """SQL: the items of a page's event, read as `PAGE`; what they cost is no page's to say."""
    texts = {text: _text(text) for text in TEXTS}
    amounts = {amount: money(f"item.{amount}") for amount in ("price", "discount")} | {"cost": f"NULL::{MONEY}"}
    quantity = f"CASE WHEN abs(item.quantity) <= {MAX_QUANTITY} THEN item.quantity END"
    product = f"coalesce({', '.join(f'item.{name}' for name in PRODUCTS)})"
    return _lines(items, product, texts, amounts, quantity)


def of_fact(items: str, currency: str) -> str:
    """SQL: the items of a fact, read as `TOLD`."""
    texts = {text: f"item.{text}" for text in TEXTS}
    amounts = {amount: major(f"item.{amount}", currency) for amount in AMOUNTS}
    return _lines(items, "item.item_id", texts, amounts, "coalesce(item.quantity, 1)")


def _text(text: str) -> str:
    return f"coalesce(item.{text}, item.{FORMER[text]})" if text in FORMER else f"item.{text}"


def _lines(items: str, product: str, texts: dict[str, str], amounts: dict[str, str], quantity: str) -> str:
    fields = {"item_id": product, **texts, "price": amounts["price"], "quantity": quantity}
    fields |= {"discount": amounts["discount"], "coupon": "item.coupon", "cost": amounts["cost"]}
    line = ", ".join(f"'{name}': {value}" for name, value in fields.items())
    return f"list_transform({items}, lambda item: {{{line}}})::{LINES}"


def _of_event() -> str:
    """SQL: the items of any event of a page; its own product, if it lists none."""
    product = f"coalesce({', '.join(named(name) for name in PRODUCTS)})"
    texts = {text: f"coalesce({', '.join(named(name) for name in (text, FORMER.get(text)) if name)})" for text in TEXTS}
    one = {
        "item_id": product,
        **texts,
        "price": money("try_cast(props->>'price' AS DOUBLE)"),
        "quantity": f"CASE WHEN abs(try_cast(props->>'quantity' AS DOUBLE)) <= {MAX_QUANTITY} "
        "THEN try_cast(props->>'quantity' AS DOUBLE) END",
        "discount": money("try_cast(props->>'discount' AS DOUBLE)"),
        "coupon": named("coupon"),
        "cost": f"NULL::{MONEY}",
    }
    only = ", ".join(f"'{name}': {value}" for name, value in one.items())
    return f"""CASE
        WHEN json_type(props, '$.items') = 'ARRAY' THEN {of_page(OF_PAGE)}
        WHEN {product} IS NOT NULL THEN [{{{only}}}]::{LINES}
    END"""


OF_EVENT = _of_event()
