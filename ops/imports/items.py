"""The items of an order's rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from ops.imports.cells import Cells, rounded
from ops.imports.tax import ALL, Share
from wakeline.amounts import MAX_QUANTITY
from wakeline.vocabulary.fields import MAX_ITEMS
from wakeline.vocabulary.names import is_name
from wakeline.vocabulary.things import MAX_THING_ID

TEXTS = ("item_id", "item_name", "item_brand", "item_category", "item_variant")
ONE = Decimal(1)


class Line(NamedTuple):
    """A row of an order."""

    line: int
    cells: list[str]
    currency: str
    time: int  # ms
    stated: Decimal | None  # value of the whole order, if the row says it
    amount: Decimal | None  # of the row's item
    quantity: Decimal | None
    item: dict[str, Any] | None

    @property
    def takes_back(self) -> bool:
        amount = self.amount if self.amount is not None else self.stated
        return (amount or 0) < 0 or (not amount and (self.quantity or 0) < 0)

    @property
    def gives(self) -> bool:
        return not self.takes_back


def item_fields(
    read: Cells, cells: list[str], currency: str
) -> tuple[dict[str, Any] | None, Decimal | None, Decimal | None]:
    """The item of a row, without a name None; its amount, None if the row says none; its quantity. Raises BadCell."""

    def value(name: str) -> Decimal | None:
        field = f"item.{name}"
        found: Decimal | None = read.value(cells, field) if field in read.fields else None
        return found

    quantity, price, total = value("quantity"), value("price"), value("total")
    discount, cost = abs(value("discount") or Decimal(0)), value("cost")
    count = ONE if quantity is None else quantity
    amount = total
    if total is None and price is not None:
        whole = count * price
        amount = whole - discount.copy_sign(whole)
    item: dict[str, Any] = {name: text for name in TEXTS if is_name(text := read.text(cells, f"item.{name}"))}
    if not item:
        return None, amount, quantity
    item.setdefault("item_id", item.get("item_name", "?"))
    item["item_id"] = item["item_id"][:MAX_THING_ID]
    item["quantity"] = min(float(abs(count)), float(MAX_QUANTITY))
    if price is None and total is not None and count:
        price = total / count
    if price is not None:
        item["price"] = rounded(abs(price), currency)
    if discount and count:
        item["discount"] = rounded(discount / abs(count), currency)
    if cost is not None:
        item["cost"] = rounded(abs(cost), currency)
    return item, amount, quantity


def items_of(lines: list[Line], share: Share = ALL) -> tuple[list[dict[str, Any]], int] | None:
    """The items of these rows, and the number of those beyond MAX_ITEMS, the ones worth least; None if they name none.

    `share` of their prices is without tax. Above MAX_ITEMS rows of one product at one price become one item.
    """
    named = [one for one in lines if one.item is not None]
    if not named:
        return None
    items = [dict(one.item or {}) for one in named]
    for item, one in zip(items, named, strict=True) if share is not ALL else ():
        for name in item.keys() & ("price", "discount"):
            item[name] = rounded(share.of(Decimal(item[name])), one.currency)
    if len(items) <= MAX_ITEMS:
        return items, 0
    together: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in items:
        key = tuple(item.get(name) for name in ("item_id", "item_variant", "price", "discount", "cost"))
        if key in together:
            together[key]["quantity"] += item["quantity"]
        else:
            together[key] = item
    worth = sorted(together.values(), key=lambda item: -float(item.get("price", 0)) * item["quantity"])
    return worth[:MAX_ITEMS], max(0, len(worth) - MAX_ITEMS)
