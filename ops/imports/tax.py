"""Whether the amounts of orders include the tax: what a file shows, what its map says, and how the tax is taken off."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from ops.imports import values
from ops.imports.cells import BadCell
from ops.imports.mapping import GROSS, NET, Map
from ops.imports.table import Row

CENT = Decimal("0.01")
NOTHING, ONE = Decimal(0), Decimal(1)
CLEAR = 0.9  # of the orders that show it
NO_TAX = "is empty, but the prices include it", "write 0 where there is no tax, or set prices in the map"


class Share(NamedTuple):
    """Of amounts with tax what they are without it."""

    net: Decimal = ONE
    gross: Decimal = ONE

    def of(self, amount: Decimal) -> Decimal:
        return amount * self.net / self.gross if self.net != self.gross else amount


ALL = Share()


def share(taxes: Sequence[Decimal | None], amounts: Sequence[Decimal | None]) -> Share:
    """Of one order: `taxes` as its rows say it, `amounts` of its rows, which include it. Raises BadCell."""
    said = {abs(tax) for tax in taxes if tax is not None}
    if not said:
        raise BadCell("tax", *NO_TAX)
    if len(said) > 1:
        what = "differs between the rows of one order, but it is that of the whole order"
        raise BadCell("tax", what, "write it on the first row alone")
    gross = abs(sum((amount or NOTHING for amount in amounts), NOTHING))
    net = gross - said.pop()
    if net < 0:
        raise BadCell("tax", "is more than the prices that include it", "correct it, or the map")
    return Share(net, gross) if gross else ALL


def without(amount: Decimal, tax: Decimal | None) -> Decimal:
    """An amount of a whole order, which includes the tax. Raises BadCell."""
    return share([tax], [amount]).of(amount)


def words(map: Map) -> str:
    """How the value of an order is read, for people; "" if there are no orders."""
    fields = {*map.columns, *map.constants}
    if map.kind != "orders":
        return ""
    if "value" not in fields and "total" in fields:
        less = [name for name in ("tax", "shipping") if name in fields]
        items = "; prices of items less tax" if map.prices == GROSS else ""
        return f"total less {' and '.join(less)}{items}" if less else "total, taken to be without tax and shipping"
    of = "value" if "value" in fields else "sum of its items"
    if map.prices == GROSS:
        return f"{of} less tax"
    if map.prices == NET:
        return f"{of}, which is without tax"
    return f"{of}, taken to be without tax" + ('; else set prices = "gross" in its map' if "tax" in fields else "")


def shown_by(fields: dict[str, str], columns: list[str], rows: list[Row], point: str) -> str:
    """GROSS if the prices and the shipping are the total, NET if it takes the tax to make them that; "": neither."""
    if not {"tax", "total"} <= fields.keys() or not {"value", "item.price", "item.total"} & fields.keys():
        return ""
    at = {field: columns.index(column) for field, column in fields.items()}
    orders: dict[str, list[dict[str, Decimal]]] = {}
    for row in rows:
        read = {field: values.number(row.cells[at[field]], point) for field in AMOUNTS if field in at}
        known = {field: amount for field, amount in read.items() if amount is not None}
        orders.setdefault(row.cells[at["transaction_id"]], []).append(known)
    votes = [vote for order in orders.values() if (vote := _shows(order))]
    for kind in (GROSS, NET):
        if votes and votes.count(kind) >= CLEAR * len(votes):
            return kind
    return ""


AMOUNTS = (
    "value",
    "total",
    "tax",
    "shipping",
    "discount",
    "item.price",
    "item.total",
    "item.quantity",
    "item.discount",
)


def _shows(rows: list[dict[str, Decimal]]) -> str:
    whole = {name: next((row[name] for row in rows if name in row), NOTHING) for name in AMOUNTS[:5]}
    if not whole["tax"] or not whole["total"]:
        return ""
    prices = whole["value"] or sum((_of_row(row) for row in rows), NOTHING)
    for sum_ in (prices, prices - whole["discount"]):
        missing = whole["total"] - sum_ - whole["shipping"]
        for kind, tax in ((GROSS, NOTHING), (NET, whole["tax"])):
            if abs(missing - tax) <= CENT * len(rows):
                return kind
    return ""


def _of_row(row: dict[str, Decimal]) -> Decimal:
    if "item.total" in row:
        return row["item.total"]
    return row.get("item.quantity", ONE) * row.get("item.price", NOTHING) - abs(row.get("item.discount", NOTHING))
