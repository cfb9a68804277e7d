"""A table of orders, one row an order or one row an item, in any order: purchases, refunds, states, customers.

An amount below zero takes back: it is a refund. Of which order: the one that the row names (`refund_of`); for a number
with a C before (C536379) the order without it, if the file has that; for a number with amounts of both signs its own;
else nobody knows, and it is a refund of its own number. Sums are exact, and rounded once.
An order of which one row cannot be read is left out as a whole, as its sum would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ops.imports import tax
from ops.imports.cells import BadCell, Cells, Said, identified, rounded
from ops.imports.grouping import MOST_ROWS, Groups
from ops.imports.items import Line, item_fields, items_of
from ops.imports.mapping import GROSS, Map
from ops.imports.problems import Problems
from ops.imports.table import Row, Table
from ops.imports.tax import Share
from wakeline.vocabulary.fields import AMOUNTS, MAX_ITEMS, Purchase, Told
from wakeline.vocabulary.money import CURRENCIES
from wakeline.vocabulary.names import is_name

NUMBER = "transaction_id"
CANCELS = re.compile(r"[cC](\d+)")
NOTHING = Decimal(0)
FROM_ABOVE = ("currency", "time")
OF_ALL_ROWS = (*Told.__struct_fields__, NUMBER, "value", "currency", "items")  # of a purchase; the others are read once
ONCE = tuple(name for name in Purchase.__struct_fields__ if name not in OF_ALL_ROWS)
ITEMS = frozenset(("item.item_id", "item.item_name", "item.quantity", "item.price", "item.total"))


class Order(NamedTuple):
    """All rows of one number."""

    number: str
    refunded_number: str  # the order that its refunds are of
    lines: list[Line]

    @property
    def first(self) -> int:
        return self.lines[0].line


class Orders:
    """Reads such a table. `folder`: an empty one for the time being; `size`: bytes of the file, for dividing it."""

    def __init__(self, map: Map, table: Table, problems: Problems, folder: Path, size: int) -> None:
        """Raises KeyError with the name of a column that is not there."""
        all_cells = Cells(map, table.columns)
        self._used = sorted(set(all_cells.at.values()))
        self._number_at = all_cells.at[NUMBER]
        self._cells = Cells(map, [table.columns[index] for index in self._used])
        self._table = table
        self._problems = problems
        self._groups = Groups(folder, size)
        self._once_said = [name for name in ONCE if name in self._cells.fields]
        self._of_customer = [name for name in self._cells.fields if name.startswith("customer.")]
        self._has_items = not ITEMS.isdisjoint(map.columns)

    def read(self, at: Callable[[int], None]) -> Iterator[Said]:
        """What the table says. First all rows are brought together by their numbers; `at` gets how many were read, and
        then how many of them were told.
        """
        self._table.on_broken = self._broken
        for row in self._table:
            self._add(row)
            at(row.line)
        done = self._table.line
        for _, rows, is_cut in self._groups.each():
            done += len(rows)
            at(done)
            if is_cut:
                what = f"more than {MOST_ROWS:,} rows of one order"
                self._problems.error(rows[0][0], self._column(NUMBER), what, "give each order a number of its own")
            else:
                yield from self._group(rows)

    def _add(self, row: Row) -> None:
        number = self._cells.map.constants.get(NUMBER) or row.cells[self._number_at].strip()
        if not is_name(number):
            what = "stands for no number" if number else "is empty"
            self._problems.error(row.line, self._column(NUMBER), what, "fill it in")
            return
        cancelled = CANCELS.fullmatch(number)
        key = cancelled[1] if cancelled else number
        self._groups.add(key, row.line, [row.cells[index] for index in self._used])

    def _broken(self, line: int, cells: list[str]) -> None:
        """A row that is no row, of which only the number is known: its order is not complete without it."""
        if len(cells) > self._number_at and (number := cells[self._number_at].strip()):
            cancelled = CANCELS.fullmatch(number)
            self._groups.add(cancelled[1] if cancelled else number, line, [number])

    # ---- one group

    def _group(self, rows: list[tuple[int, list[str]]]) -> Iterator[Said]:
        by_number: dict[str, list[Line]] = {}
        first: dict[tuple[str, str], str] = {}  # what the first row of a number says for those below that say nothing
        broken: dict[str, int] = {}
        for line, cells in rows:
            is_row = len(cells) == len(self._used)
            number = self._cells.value(cells, NUMBER) if is_row else cells[0]
            try:
                if not is_row:
                    broken.setdefault(number, line)
                    continue
                said = []
                for field in FROM_ABOVE:
                    if text := self._cells.text(cells, field):
                        first.setdefault((number, field), text)
                    said.append(text or first.get((number, field), ""))
                by_number.setdefault(number, []).append(self._line(line, cells, *said))
            except BadCell as bad:
                broken.setdefault(number, line)
                self._problems.error(line, self._column(bad.field), bad.what, bad.advice)
        for number, line in broken.items():
            if by_number.pop(number, None):
                what = "the whole order of this line was left out, as its sum would be wrong"
                self._problems.note(line, self._column(NUMBER), what, "correct the line, and import the file again")
        buys = {number for number, lines in by_number.items() if any(one.gives for one in lines)}
        for number, lines in by_number.items():
            cancelled = CANCELS.fullmatch(number)
            refunded = cancelled[1] if cancelled and cancelled[1] in buys else number
            try:
                yield from (identified(line, fields) for line, fields in self._told(Order(number, refunded, lines)))
            except BadCell as bad:
                self._problems.error(lines[0].line, self._column(bad.field), bad.what, bad.advice)

    def _line(self, line: int, cells: list[str], currency: str, said_time: str) -> Line:
        read = self._cells
        currency = currency.upper()
        if currency not in CURRENCIES:
            raise BadCell("currency", "is none of ISO 4217", "write it as EUR")
        time = read.of("time", said_time)
        if time is None:
            raise BadCell("time", "is empty", "fill it in")
        stated = self._stated(cells)
        item, amount, quantity = (None, None, None)
        if self._has_items:
            item, amount, quantity = item_fields(read, cells, currency)
        if amount is None and stated is None:
            raise BadCell("item.price" if self._has_items else "total", "is empty", "fill it in")
        return Line(line, cells, currency, time, stated, amount, quantity, item)

    def _stated(self, cells: list[str]) -> Decimal | None:
        """What a row says that the whole order is worth, without tax and shipping; None: nothing."""
        value: Decimal | None = self._cells.value(cells, "value") if "value" in self._cells.fields else None
        if value is not None and self._cells.map.prices == GROSS:
            return tax.without(value, self._amount(cells, "tax"))
        if value is not None or "total" not in self._cells.fields:
            return value
        total: Decimal | None = self._cells.value(cells, "total")
        if total is None:
            return None
        more = [abs(self._amount(cells, name) or NOTHING) for name in ("tax", "shipping")]
        net = abs(total) - sum(more)
        if net < 0:
            raise BadCell("total", "is less than tax and shipping together", "correct it, or the map")
        return net.copy_sign(total)

    def _amount(self, cells: list[str], field: str) -> Decimal | None:
        found: Decimal | None = self._cells.value(cells, field) if field in self._cells.fields else None
        return found

    # ---- what an order says

    def _told(self, order: Order) -> list[tuple[int, dict[str, Any]]]:
        currencies = {one.currency for one in order.lines}
        if len(currencies) > 1:
            raise BadCell("currency", "differs between the rows of one order", "give them one number each")
        told, share = [], self._share(order)
        if self._has_items:
            told += self._by_items(order, share)
        else:
            told += self._by_rows(order)
        for said in (self._customer(order), self._state(order)):
            if said:
                told.append((order.first, said))
        refunded = next((found for one in order.lines if (found := self._amount(one.cells, "refunded"))), None)
        if refunded:
            value, id = share.of(abs(refunded)), f"{order.number}-refunded"
            told.append((order.first, self._refund(order, order.lines[:1], value, id, None)))
        return told

    def _share(self, order: Order) -> Share:
        """What its items, and a refund of some of it, are without the tax that they include."""
        if self._cells.map.prices != GROSS:
            return tax.ALL
        amounts, taxes = [one.amount for one in order.lines], [self._amount(one.cells, "tax") for one in order.lines]
        if None not in amounts:
            return tax.share(taxes, amounts)
        of_rows = zip(order.lines, taxes, strict=True)
        net, of_it = next(((abs(one.stated), of_it) for one, of_it in of_rows if one.stated), (NOTHING, None))
        return Share(net, net + abs(of_it or NOTHING))

    def _by_items(self, order: Order, share: Share) -> list[tuple[int, dict[str, Any]]]:
        gives = [one for one in order.lines if not one.takes_back]
        takes = [one for one in order.lines if one.takes_back]
        stated = {one.stated for one in order.lines if one.stated is not None}
        whole = None
        if not (gives and takes) or any(one.amount is None for one in order.lines):
            if len(stated) > 1:
                what = "differs between the rows of one order"
                raise BadCell(
                    "value" if "value" in self._cells.fields else "total",
                    what,
                    "map it to item.total, if it is the row's",
                )
            whole = next(iter(stated), None)
        if whole is not None and whole < 0:
            gives, takes = [], order.lines
        told = []
        if gives:
            told.append((gives[0].line, self._purchase(order, gives, _worth(gives, share, whole), share)))
        by_time: dict[int, list[Line]] = {}
        for one in takes:
            by_time.setdefault(one.time, []).append(one)
        for count, lines in enumerate(by_time.values(), start=1):
            value = _worth(lines, share, whole if len(by_time) == 1 else None)
            id = order.number if count == 1 else f"{order.number}-{count}"
            told.append((lines[0].line, self._refund(order, lines, abs(value), id, items_of(lines, share))))
        return told

    def _by_rows(self, order: Order) -> list[tuple[int, dict[str, Any]]]:
        told: list[tuple[int, dict[str, Any]]] = []
        bought: Decimal | None = None
        refunds = 0
        for one in order.lines:
            value = one.stated or NOTHING
            if value < 0:
                refunds += 1
                id = order.number if refunds == 1 else f"{order.number}-{refunds}"
                told.append((one.line, self._refund(order, [one], -value, id, None)))
            elif bought is None:
                bought = value
                told.append((one.line, self._purchase(order, [one], value)))
            elif value != bought:
                column = self._column("total" if "total" in self._cells.fields else "value")
                what = "another value of an order that is above already: this line was left out"
                self._problems.error(one.line, column, what, "give each order one row, or map the columns of its items")
            else:
                self._problems.note(one.line, self._column(NUMBER), "an order that is above already: it counts once")
        return told

    def _purchase(self, order: Order, lines: list[Line], value: Decimal, share: Share = tax.ALL) -> dict[str, Any]:
        fields = self._common(order, lines, "purchase") | {
            NUMBER: order.number,
            "value": rounded(value, lines[0].currency),
        }
        if kept := items_of(lines, share):
            fields["items"], left_out = kept
            if left_out:
                what = f"{left_out} items beyond the {MAX_ITEMS} that an order keeps: its value is whole"
                self._problems.note(lines[0].line, self._column("item.item_id"), what)
        for name in self._once_said:
            if (found := self._once(order, name)) is not None:
                fields[name] = rounded(abs(found), lines[0].currency) if name in AMOUNTS else found
        return fields

    def _refund(
        self, order: Order, lines: list[Line], value: Decimal, id: str, items: tuple[list[dict[str, Any]], int] | None
    ) -> dict[str, Any]:
        named = self._once(order, "refund_of")
        fields = self._common(order, lines, "refund")
        fields |= {NUMBER: named or order.refunded_number, "refund_id": id, "value": rounded(value, lines[0].currency)}
        if items is not None:
            fields["items"] = items[0]
        return fields

    def _common(self, order: Order, lines: list[Line], type: str) -> dict[str, Any]:
        fields = {"type": type, "time": min(one.time for one in lines), "currency": lines[0].currency}
        if customer := self._once(order, "customer"):
            fields["customer"] = customer
        return fields

    def _customer(self, order: Order) -> dict[str, Any] | None:
        """What the rows say of the customer, in an event of its own."""
        id = self._once(order, "customer") if self._of_customer else None
        found: dict[str, Any] = {}
        for name in self._of_customer if id else ():
            if text := self._once(order, name):
                _, part, *trait = name.split(".")
                if trait:
                    found.setdefault(part, {})[".".join(trait)] = text
                else:
                    found[part] = text
        if names := [found.pop(part) for part in ("first_name", "last_name") if part in found]:
            found.setdefault("name", " ".join(names))
        return {"type": "customer", "customer": id, "time": order.lines[0].time, **found} if found else None

    def _state(self, order: Order) -> dict[str, Any] | None:
        state = self._once(order, "state")
        if not state or not any(one.gives for one in order.lines):
            return None
        return {"type": "order_state", NUMBER: order.number, "state": state, "time": order.lines[0].time}

    def _once(self, order: Order, field: str) -> Any:
        """What the first row that says it says of the whole order, which every row may repeat; None: no row does."""
        if field not in self._cells.fields:
            return None
        for one in order.lines:
            if (value := self._cells.value(one.cells, field)) is not None:
                return value
        return None

    def _column(self, field: str) -> str:
        return self._cells.map.name_of(field)


def _worth(lines: list[Line], share: Share, whole: Decimal | None) -> Decimal:
    """What these rows are worth without tax: `whole`, if the rows say that, else their sum."""
    return whole if whole is not None else share.of(sum((one.amount or NOTHING for one in lines), NOTHING))
