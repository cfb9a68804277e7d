"""A query's result as a table, CSV or JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Protocol

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wakeline.escape import in_csv, in_json, plain

ENDLESS = 100_000  # width if the output is not a terminal
WIDEST = 60  # characters of a cell in a table
NUMBERS = (int, float, Decimal)
TEXTS = (str, list, tuple, dict)


class Rows(Protocol):
    """What is shown: of `reports.Result` and others. Rows can be read once, in order; `count` is their number."""

    columns: list[str]
    types: list[str]  # in SQL
    count: int

    def rows(self, most: int | None = None) -> Iterator[tuple[Any, ...]]: ...


_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


def show(answer: Rows, *, most: int, console: Console | None = None) -> None:
    """The first rows as a table; if even a tight one is too wide for the terminal, as one block per row."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=ENDLESS)
    rows = list(answer.rows(most))
    console.print(_fitting(answer.columns, rows, console))
    if answer.count > len(rows):
        console.print(
            f"the first {len(rows):,} of {answer.count:,} rows; --rows N shows more, --csv all of them", style="dim"
        )
    elif not rows:
        console.print("no rows", style="dim")


def _fitting(columns: Sequence[str], rows: Sequence[Sequence[Any]], console: Console) -> Table:
    for is_tight in (False, True):
        table = _table(columns, rows, is_tight=is_tight)
        if console.measure(table, options=console.options.update(width=ENDLESS)).maximum <= console.width:
            return table
    return _records(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, is_tight: bool) -> Table:
    """`is_tight`: with less space between columns, and long names of columns in several lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1 if is_tight else 2, 0, 0))
    for index, name in enumerate(columns):
        is_number = any(isinstance(row[index], NUMBERS) and not isinstance(row[index], bool) for row in rows)
        heading = plain(name).replace("_", "_\n") if is_tight else plain(name)
        table.add_column(Text(heading), justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cut(readable(value))) for value in row))
    return table


def _records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for number, row in enumerate(rows, start=1):
        table.add_row(Text(f"row {number}", style="bold"), "")
        for name, value in zip(columns, row, strict=True):
            table.add_row(Text(plain(name)), Text(readable(value)))
    return table


def readable(value: Any) -> str:
    """For people: no control characters, numbers without padding."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        whole, _, rest = f"{value:f}".partition(".")
        return f"{whole}.{rest.rstrip('0').ljust(2, '0')}" if rest else whole
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else str(value)
    return plain(as_text(value))


def cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def as_text(value: Any) -> str:
    """For programs: ISO 8601, JSON for structures, empty for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds") if value.microsecond else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple, dict)):
        return _encode(_simple(value)).decode()
    return str(value)


def write_csv(answer: Rows, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(in_csv, answer.columns))  # pivoted columns are named by values
    for row in answer.rows():
        writer.writerow([in_csv(as_text(value)) if isinstance(value, TEXTS) else as_text(value) for value in row])


def write_json(answer: Rows, file: IO[str]) -> None:
    for row in answer.rows():
        values = (
            msgspec.Raw(value.encode()) if type == "JSON" and value else _simple(value)
            for value, type in zip(row, answer.types, strict=True)
        )
        file.write(in_json(_encode(dict(zip(answer.columns, values, strict=True))).decode()) + "\n")


def _simple(value: Any) -> Any:
    """As JSON types: times as texts, keys as texts."""
    if isinstance(value, dict):
        return {as_text(key): _simple(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_simple(each) for each in value]
    if isinstance(value, (datetime, date)):
        return as_text(value)
    return value
