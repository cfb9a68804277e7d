"""Tables of which each row is one event: customers, contacts, products, sends, events."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ops.imports.cells import BadCell, Cells, Said, identified, rounded
from ops.imports.names import KINDS, Reads, field_of
from ops.imports.problems import Problems
from ops.imports.table import Row, Table
from wakeline.durations import MINUTE_MS

TYPES = {"customers": "customer", "contacts": "contact", "products": "product", "sends": "campaign_sent"}
UNDATED = ("customers", "products")  # tables of how things are, which may have no dates
UNDATED_MS = 60 * MINUTE_MS  # before the import began: what servers tell meanwhile is later
FIRST_NAME, LAST_NAME = "first_name", "last_name"


def read_rows(table: Table, cells: Cells, problems: Problems, *, began: int) -> Iterator[Said]:
    """What the rows say, in their order. A row that cannot be read is left out, and said.

    `began`: when the import did, ms. An undated row says how things were shortly before: of two the later one stays.
    """
    kind = cells.map.kind
    needed = [one.name for one in KINDS[kind] if one.needed]
    reads = {name: field.reads for name in cells.fields if (field := field_of(kind, name)) is not None}
    number = 0
    for row in table:
        try:
            fields = _fields(kind, row, cells, needed, reads)
        except BadCell as bad:
            problems.error(row.line, cells.map.name_of(bad.field), bad.what, bad.advice)
            continue
        number += 1
        if kind in UNDATED:
            fields.setdefault("time", began - UNDATED_MS + min(number, UNDATED_MS))
        yield identified(row.line, fields)


def _fields(kind: str, row: Row, cells: Cells, needed: list[str], reads: dict[str, Reads]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": TYPES[kind]} if kind in TYPES else {}
    currency = cells.text(row.cells, "currency").upper()
    for name in cells.fields:
        value = cells.value(row.cells, name)
        if value is None:
            if name in needed:
                raise BadCell(name, "is empty", "fill it in")
            continue
        if isinstance(value, Decimal):
            value = rounded(value, currency) if reads[name] is Reads.AMOUNT else float(value)
        start, point, rest = name.partition(".")
        if point:
            found.setdefault(start, {})[rest] = value
        else:
            found[name] = value
    if currency and any(reads[name] is Reads.AMOUNT for name in found if name in reads):
        found["currency"] = currency
    else:
        found.pop("currency", None)
    _name(found)
    if kind == "sends" and "sent_id" not in found:  # one mail of a campaign to one person
        found["sent_id"] = f"{found['campaign']}/{found['customer']}"
    return found


def _name(fields: dict[str, Any]) -> None:
    parts = [fields.pop(part, "") for part in (FIRST_NAME, LAST_NAME)]
    if any(parts):
        fields.setdefault("name", " ".join(filter(None, parts)))
