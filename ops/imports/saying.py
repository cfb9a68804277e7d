"""From a file to the facts that it tells, numbered. What cannot be one is said by its line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.clean import clean_text
from collector.facts import Facts
from collector.told import Bad, convert_told
from ops.imports.cells import Cells, Said
from ops.imports.files import NoFile, stamp_of
from ops.imports.jsonl import read_json
from ops.imports.mapping import Map
from ops.imports.orders import Orders
from ops.imports.problems import Problems
from ops.imports.rows import read_rows
from ops.imports.summary import Summary
from ops.imports.table import NoTable, table
from ops.imports.text import Text
from wakeline.cards import Card
from wakeline.event import Refusal
from wakeline.record import Fact
from wakeline.settings import Site
from wakeline.vocabulary.names import is_name
from wakeline.vocabulary.types import CUSTOMER_TOLD, By

JSON = "json"
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")  # the rest of an address only its host knows
ITEM = re.compile(r"^items\[\d+\]\.")


class File(NamedTuple):
    """A file, and how it is read. `stamp`: of when its hash was taken; None: it does not change."""

    name: str
    text: Text
    map: Map
    stamp: tuple[int, int, int] | None = None


class Numbered(NamedTuple):
    """`number` is that of the event in its file, from 1 on, whatever became of those before it."""

    number: int
    fact: Fact
    card: Card | None


def said(file: File, problems: Problems, folder: Path, at: Callable[[int], None], *, began: int) -> Iterator[Said]:
    """What the file says, in an order that depends on it alone. `at` gets the number of rows read or sorted so far;
    `folder` is an empty one; what has no time is of before the import `began` (ms). Raises NoTable.
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
        for one in read_rows(found, cells, problems, began=began):
            at(found.line)
            yield one


def told(
    file: File, site: Site, all: Iterator[Said], problems: Problems, summary: Summary, *, now: int
) -> Iterator[Numbered]:
    """The facts, received `now` (ms). Raises NoFile if the file changes meanwhile."""
    zone = ZoneInfo(file.map.zone) if file.map.zone else None
    facts = Facts(site, By.IMPORT, zone)
    is_text = file.map.kind == "events"  # every cell of such a table
    for number, (line, fields) in enumerate(all, start=1):
        if fields.get("type") == CUSTOMER_TOLD:
            _check_address(line, fields, file.map, problems)
        try:
            _, fact, card = facts.made(convert_told(fields, By.IMPORT, is_text=is_text), [], now=now)
        except Bad as bad:
            if bad.reason is Refusal.TOO_OLD:
                summary.too_old += 1
            else:
                column = _column(file.map, bad.field)
                problems.error(line, column, bad.message, "correct it, and import the file again")
            continue
        assert isinstance(fact, Fact)  # imports erase nobody
        summary.add(fact)
        yield Numbered(number, fact, card)
    if file.stamp is not None and stamp_of(file.text.path) != file.stamp:
        raise NoFile("was changed while it was read: import it again, once nobody writes to it")


def _check_address(line: int, fields: dict[str, Any], map: Map, problems: Problems) -> None:
    """Leave out an e-mail address that is none; a placeholder is an empty cell."""
    email = fields.get("email")
    if not isinstance(email, str) or ADDRESS.fullmatch(email.strip()):
        return
    del fields["email"]
    if is_name(email):
        what = "is no e-mail address: it was left out, and the rest of the line kept"
        problems.error(line, _column(map, "email"), what, "write it as name@host, or leave it empty")


def _column(map: Map, field: str) -> str:
    """What people call the field of an error: its column."""
    if map.kind == JSON:
        return clean_text(field)
    item = ITEM.sub("item.", field)
    for name in (item, f"customer.{item}", "total" if item == "value" else ""):
        if name in map.columns:
            return map.columns[name]
    return item
