"""From a file to the facts that it tells, numbered. What cannot be one is said by its line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.clean import clean_text, clean_thing
from collector.props import clean_props
from ops.imports.cells import Cells, Said
from ops.imports.jsonl import read_json
from ops.imports.mapping import Map
from ops.imports.orders import Orders
from ops.imports.problems import Problems
from ops.imports.rows import read_rows
from ops.imports.summary import Summary
from ops.imports.table import NoTable, table
from ops.imports.text import Text
from wakeline.cards import Card
from wakeline.durations import MONTH_MS
from wakeline.record import Fact
from wakeline.settings import Site
from wakeline.vocabulary.reading import Cleaning, Refused, Speaker, converted, hear
from wakeline.vocabulary.types import BY_NAME, By

JSON = "json"
UNDATED = ("customers", "products")  # tables of how things are, which may have no dates
ITEM = re.compile(r"^items\[\d+\]\.")


class File(NamedTuple):
    """A file, and how it is read."""

    name: str
    text: Text
    map: Map


class Told(NamedTuple):
    """`number` is that of the event in its file, from 1 on, whatever became of those before it."""

    number: int
    fact: Fact
    card: Card | None


def cleaned_props(props: dict[str, Any]) -> dict[str, Any]:
    return clean_props(props, [])


CLEANING = Cleaning(clean_text, clean_thing, cleaned_props)


def said(file: File, problems: Problems, folder: Path, at: Callable[[int], None]) -> Iterator[Said]:
    """What the file says, in an order that depends on it alone. `at` gets the number of rows read or sorted so far;
    `folder` is an empty one. Raises NoTable.
    """
    if file.map.kind == JSON:
        yield from read_json(file.text, problems, at)
        return
    with table(file.text, file.map.separator, problems) as found:
        try:
            if file.map.kind == "orders":
                orders = Orders(file.map, found, problems, folder, file.text.path.stat().st_size)
                yield from orders.read(at)
                return
            cells = Cells(file.map, found.columns)
        except KeyError as missing:
            columns = ", ".join(found.columns)
            raise NoTable(f"there is no column {missing.args[0]} as the map says; the columns are {columns}") from None
        for one in read_rows(found, cells, problems):
            at(found.line)
            yield one


def told(
    file: File, site: Site, all: Iterator[Said], problems: Problems, summary: Summary, *, began: int, now: int
) -> Iterator[Told]:
    """The facts. `began`: the time (ms) of what the file says without one."""
    zone = ZoneInfo(file.map.zone) if file.map.zone else None
    speaker = Speaker(site.key, site.secret, By.IMPORT, CLEANING, zone)
    is_text = file.map.kind == "events"  # every cell of such a table
    for number, (line, fields) in enumerate(all, start=1):
        if "time" not in fields and file.map.kind in UNDATED:
            fields["time"] = began
        try:
            fact, card = hear(converted(fields, is_text=is_text), speaker, received=now)
        except Refused as refused:
            problems.error(line, _column(file.map, refused.field), refused.why, "correct it, and import the file again")
            continue
        if now - fact.time > kept_ms(fact, site):
            summary.too_old += 1
            continue
        summary.add(fact)
        yield Told(number, fact, card)


def kept_ms(fact: Fact, site: Site) -> int:
    """How long what is told here is kept, by its own time."""
    type = BY_NAME.get(fact.type)
    if type is not None and type.thing is not None:
        return type.thing.lives_ms
    return (site.customer_months if fact.customer else site.visitor_months) * MONTH_MS


def _column(map: Map, field: str) -> str:
    """What people call the field of an error: its column."""
    if map.kind == JSON:
        return clean_text(field)
    item = ITEM.sub("item.", field)
    for name in (item, f"customer.{item}", "total" if item == "value" else ""):
        if name in map.columns:
            return map.columns[name]
    return item
