"""The files that are imported: tables as shops export them, and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.shop_years.decided import Order, Refund, Years, text
from tests.shop_years.telling import Event, Tellings
from wakeline.vocabulary.fields import ELEMENTS

ORDERS = (
    "order_number", "created_at", "customer_id", "channel", "currency", "subtotal", "order_discount", "coupon",
    "refund_of", "item_sku", "item_name", "item_category", "quantity", "unit_price", "unit_cost",
)  # fmt: skip
Row = Sequence[Any]


def write(folder: Path, made: Years, said: Tellings) -> list[tuple[str, Path]]:
    """All files, as (kind, path), in the order in which they are imported."""
    tables: list[tuple[str, Row, Iterable[Row]]] = [
        ("products", ("sku", "name", "category", "price", "cost", "currency"), _products(made)),
        ("customers", ("customer_id", "total_orders", "total_spent", "currency"), _customers(made)),
        ("orders", ORDERS, _orders(said)),
        ("contacts", ("ticket_id", "created_at", "customer_id", "channel", "topic", "cost", "currency", "minutes"),
         _rows(said.contact_rows, "contact_id", "channel", "topic", "cost", "currency", "minutes")),
        ("sends", ("sent_id", "sent_at", "customer_id", "campaign", "medium", "cost", "currency", *ELEMENTS),
         _rows((one | one.get("element", {}) for one in said.letter_rows),
               "sent_id", "campaign", "medium", "cost", "currency", *ELEMENTS)),
    ]  # fmt: skip
    found = []
    for kind, header, rows in tables:
        path = folder / f"{kind}.csv"
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(header)
            out.writerows(rows)
        found.append((kind, path))
    path = folder / "history.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in said.lines))
    return [*found, ("events", path)]


def when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _products(made: Years) -> Iterator[Row]:
    for one in made.products:
        cost = "" if one.cost is None else text(one.cost, "EUR")
        yield one.id, one.name, one.category, text(one.price, "EUR"), cost, "EUR"


def _customers(made: Years) -> Iterator[Row]:
    for one in made.customers:
        if one.orders_before:
            yield one.id, one.orders_before, text(one.value_before, one.currency), one.currency


def _orders(said: Tellings) -> Iterator[Row]:
    for order in said.table:
        yield from _purchase(order)
    for order, refund in said.refund_rows:
        yield from _refund(order, refund)


def _purchase(order: Order) -> Iterator[Row]:
    lines, value = order.first or (order.lines, order.value)
    currency = order.currency
    for line in lines:
        product = line.product
        yield (
            order.number, when(order.time), order.buyer_at_first(), order.channel, currency, text(value, currency),
            text(order.discount, currency) if order.discount else "", order.coupon, "", product.id, product.name,
            product.category, line.quantity, text(line.price, currency),
            "" if line.cost is None else text(line.cost, currency),
        )  # fmt: skip


def _refund(order: Order, refund: Refund) -> Iterator[Row]:
    """A row of each of its goods, else of its amount alone."""
    currency, value = order.currency, refund.value or 0
    start = refund.id, when(refund.time), order.customer, "", currency, text(-value, currency), "", "", order.number
    for goods in refund.goods:
        yield (*start, goods.product.id, "", "", -goods.quantity, text(goods.price or 0, currency), "")
    if not refund.goods:
        yield (*start, "", "", "", "", "", "")


def _rows(events: Iterable[Event], id: str, *fields: str) -> Iterator[Row]:
    for event in events:
        yield event[id], when(event["time"]), event["customer"], *(event.get(field, "") for field in fields)
