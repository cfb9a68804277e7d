"""Guesses the map of a table from its header and its first rows; what these do not show is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from ops.imports import tax, values
from ops.imports.mapping import Map
from ops.imports.names import KINDS, VOCABULARY, Field, Reads, plain
from ops.imports.problems import Problems
from ops.imports.table import NoTable, Row, separator_of, table
from ops.imports.text import Text

LOOKED_AT = 2_000  # rows
ITEM = "item."


class Ask(StrEnum):
    """What a table may leave open."""

    DECIMAL = "decimal"
    DATES = "dates"
    ZONE = "zone"
    CURRENCY = "currency"


class Guess(NamedTuple):
    """`unread`: columns that are no field; `asks`: what has to be said before the map can be used."""

    map: Map
    columns: list[str]
    unread: list[str]
    asks: list[Ask]


def guess(text: Text, kind: str = "", *, currency: str = "", zone: str = "") -> Guess:
    """The map of a table of this kind, "" if it is to be guessed too. Raises NoTable."""
    separator = separator_of(text)
    with table(text, separator, Problems()) as found:
        columns, line = found.columns, found.header_line
        rows = list(islice(found, LOOKED_AT))
    kind = kind or _kind(columns)
    fields = _fields(kind, columns)
    missing = [one for one in KINDS[kind] if one.needed and one.name not in fields]
    if missing:
        what = f"line {line}: no column for {', '.join(one.name for one in missing)} of {kind}"
        examples = "; ".join(f"{one.name}: {', '.join(one.names[:4])}" for one in missing)
        raise NoTable(
            f"{what}\nthe columns are {', '.join(columns)}\nrename one ({examples}), or name it in a map with --map"
        )
    if kind == "orders":
        _settle_orders(fields, columns, rows)
        if "customer" not in fields:  # whose these would be
            fields = {name: column for name, column in fields.items() if not name.startswith("customer.")}
        if not {"value", "total", "item.price", "item.total"} & fields.keys():
            raise NoTable(f"line {line}: no column for the amount: total, or the price of an item")
    map = Map(kind, fields, separator=separator, encoding="")
    reads = {one.name: one.reads for one in KINDS[kind]}
    cells = {
        how: [
            row.cells[columns.index(column)]
            for field, column in fields.items()
            if reads.get(field) is how
            for row in rows
        ]
        for how in (Reads.AMOUNT, Reads.NUMBER, Reads.TIME)
    }
    asks = []
    map.decimal, _ = values.point_of(cells[Reads.AMOUNT] + cells[Reads.NUMBER])
    numbers = [name for name in fields if reads.get(name) in (Reads.AMOUNT, Reads.NUMBER)]
    if numbers and not map.decimal:
        map.decimal, depends = values.point_of(_all(text, map, numbers))
        asks += [Ask.DECIMAL] if depends and not map.decimal else []
    if kind == "orders":
        map.prices = tax.shown_by(fields, columns, rows, map.decimal)
    if "time" in fields:
        map.dates = values.order_of(cells[Reads.TIME]) or values.order_of(_all(text, map, ["time"]))
        if not map.dates:
            asks.append(Ask.DATES)
        map.zone = zone
        if not zone and not all(values.has_zone(cell) for cell in set(cells[Reads.TIME])):
            asks.append(Ask.ZONE)
    has_amounts = any(reads.get(field) is Reads.AMOUNT for field in fields)
    if has_amounts and "currency" not in fields:
        map.constants = {"currency": currency} if currency else {}
        asks += [] if currency else [Ask.CURRENCY]
    return Guess(map, columns, [name for name in columns if name not in fields.values()], asks)


def _kind(columns: list[str]) -> str:
    """The kind that most columns fit. Raises NoTable."""
    best, most = "", 0
    for kind, fields in KINDS.items():
        found = _fields(kind, columns)
        if all(one.name in found for one in fields if one.needed) and len(found) > most:
            best, most = kind, len(found)
    if not best:
        raise NoTable(
            f"the columns {', '.join(columns)} are those of no kind of table\n"
            f"say what it holds, as in `wakeline import orders FILE`; there are {', '.join(KINDS)}"
        )
    return best


def _fields(kind: str, columns: list[str]) -> dict[str, str]:
    """Field -> column: by the order of names, and each column once."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(plain(column), column)
    chosen: dict[str, str] = {}
    for one in sorted(KINDS[kind], key=lambda field: not field.needed):
        if found := _column(one, by_name, chosen.values()):
            chosen[one.name] = found
    if kind == "events":
        for name in sorted(VOCABULARY - chosen.keys()):
            found = by_name.get(plain(name))
            if found and found not in chosen.values():
                chosen[name] = found
    return {one: chosen[one] for one in (*(field.name for field in KINDS[kind]), *sorted(chosen)) if one in chosen}


def _column(field: Field, by_name: dict[str, str], taken: Iterable[str]) -> str | None:
    taken = set(taken)
    for name in (plain(field.name), *field.names):
        column = by_name.get(name)
        if column is not None and column not in taken:
            return column
    return None


def _settle_orders(fields: dict[str, str], columns: list[str], rows: list[Row]) -> None:
    """Where a name means the order's in one export and the item's in another, the other columns decide."""
    if "item.quantity" in fields and "item.price" not in fields:
        unread = {plain(column): column for column in columns if column not in fields.values()}
        if plain(fields.get("total", "")) in ("price", "preis"):
            fields["item.price"] = fields.pop("total")
        elif "price" in unread:
            fields["item.price"] = unread["price"]
    if (
        "total" in fields
        and "item.item_id" in fields
        and not {"item.price", "item.total", "tax", "shipping"} & fields.keys()
        and _is_of_rows(columns.index(fields["transaction_id"]), columns.index(fields["total"]), rows)
    ):
        fields["item.total"] = fields.pop("total")
    price, quantity, total = (fields.get(name) for name in ("item.price", "item.quantity", "total"))
    if not price or not quantity or not total or "item.total" in fields:
        return
    at = [columns.index(column) for column in (price, quantity, total)]
    point, _ = values.point_of(row.cells[index] for row in rows for index in at)
    is_line = []
    for row in rows:
        one, count, whole = (values.number(row.cells[index], point) for index in at)
        if one is not None and count is not None and whole is not None:
            is_line.append(abs(one * count - whole) <= tax.CENT)
    if is_line and sum(is_line) > 0.9 * len(is_line):
        fields["item.total"] = fields.pop("total")


def _is_of_rows(number: int, total: int, rows: list[Row]) -> bool:
    """Whether totals are those of rows: not if all rows of a number repeat one."""
    totals: dict[str, list[str]] = {}
    for row in rows:
        totals.setdefault(row.cells[number], []).append(row.cells[total])
    several = [set(found) for found in totals.values() if len(found) > 1]
    return not several or any(len(found) > 1 for found in several)


def _all(text: Text, map: Map, fields: list[str]) -> Iterator[str]:
    """All cells of these fields: what the first rows leave open may show far below."""
    with table(text, map.separator, Problems()) as found:
        at = [found.columns.index(map.columns[field]) for field in fields]
        for row in found:
            yield from (row.cells[index] for index in at)
