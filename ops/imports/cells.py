"""Reads the cells of a row by the map. A cell that cannot be read names its column and says what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ops.imports import values
from ops.imports.mapping import Map
from ops.imports.names import IN_WORDS, WORDS, Reads, field_of, plain
from wakeline.amounts import DECIMALS

UNITS = [Decimal(1).scaleb(-decimals) for decimals in range(1 + max(DECIMALS.values()))]
ROW = "row-"  # begins an id that we make


class BadCell(ValueError):
    """`field` cannot be read; see `Problem`."""

    def __init__(self, field: str, what: str, advice: str) -> None:
        super().__init__(what)
        self.field = field
        self.what = what
        self.advice = advice


class Said(NamedTuple):
    """One event that a file tells, as in `vocabulary.fields`; amounts are texts. `line`: where it begins."""

    line: int
    fields: dict[str, Any]


UNREAD = {
    Reads.AMOUNT: ("is not an amount", "write it as 12.50, or set decimal in the map"),
    Reads.NUMBER: ("is not a number", "write it as 12.5, or set decimal in the map"),
    Reads.WHOLE: ("is not a whole number", "write it as 12"),
    Reads.TIME: ("is not a date", "write it as 2026-03-01 09:30, or set dates in the map"),
    Reads.YES: ("is neither yes nor no", "write yes or no"),
}


class Cells:
    """The cells of one table's rows, by field."""

    def __init__(self, map: Map, columns: Sequence[str]) -> None:
        """Raises KeyError with the name of a column that is not there."""
        self.map = map
        at = {name: index for index, name in enumerate(columns)}
        for column in map.columns.values():
            if column not in at:
                raise KeyError(column)
        self.at = {field: at[column] for field, column in map.columns.items()}
        self.fields = tuple(dict.fromkeys((*map.columns, *map.constants)))
        self._dates = values.Dates(map.dates, ZoneInfo(map.zone) if map.zone else None)
        self._read: dict[str, Callable[[str], Any]] = {field: self._reader(field) for field in self.fields}

    def text(self, cells: Sequence[str], field: str) -> str:
        """The cell as it is, the constant, or ""."""
        at = self.at.get(field)
        text = cells[at].strip() if at is not None else ""
        return text or self.map.constants.get(field, "")

    def value(self, cells: Sequence[str], field: str) -> Any:
        """The cell's value, None if it is empty. Raises BadCell."""
        return self.of(field, self.text(cells, field))

    def of(self, field: str, text: str) -> Any:
        """What a text in the field's column means. Raises BadCell."""
        return self._read[field](text) if text else None

    def _reader(self, field: str) -> Callable[[str], Any]:
        found = field_of(self.map.kind, field)
        assert found is not None  # maps are checked
        reads = found.reads
        if reads is Reads.TEXT:
            return str
        if reads is Reads.NAME:
            return values.name
        if reads is Reads.LIST:
            return _listed
        if reads is Reads.WORD:
            of = f"{self.map.kind}.{field}"
            return self._checked(field, IN_WORDS[of].get, plain, f"write one of {', '.join(WORDS[of])}")
        point = self.map.decimal
        if reads is Reads.TIME:
            return self._checked(field, self._dates.read)
        if reads is Reads.YES:
            return self._checked(field, values.yes)
        if reads is Reads.WHOLE:
            return self._checked(field, lambda text: _whole(values.number(text, point)))
        currency = self.map.constants.get("currency", "")
        return self._checked(field, lambda text: values.number(text, point, currency))

    def _checked(
        self, field: str, read: Callable[[str], Any], first: Callable[[str], str] = str, advice: str = ""
    ) -> Callable[[str], Any]:
        def checked(text: str) -> Any:
            try:
                found = read(first(text))
            except values.NoZone:
                raise BadCell(field, "has no time zone", "set zone in the map, or --zone") from None
            if found is None:
                own = field_of(self.map.kind, field)
                what, usual = UNREAD.get(own.reads, ("has an unknown word", "")) if own else ("", "")
                raise BadCell(field, what, advice or usual)
            return found

        return checked


def _whole(number: Decimal | None) -> int | None:
    return int(number) if number is not None and number == int(number) else None


def _listed(text: str) -> list[str]:
    mark = next((mark for mark in ">|;" if mark in text), ",")
    return [part for part in (one.strip() for one in text.split(mark)) if part]


def rounded(amount: Decimal, currency: str) -> str:
    """An amount as text with the decimals of its currency, rounded once."""
    return format(amount.quantize(UNITS[DECIMALS.get(currency, 2)], ROUND_HALF_UP), "f")


def identified(line: int, fields: dict[str, Any]) -> Said:
    """With an id by its content, time included, unless it has one: a row that says the same is the same event."""
    if "id" not in fields:
        fields["id"] = ROW + hashlib.blake2b(msgspec.json.encode(fields), digest_size=12).hexdigest()
    return Said(line, fields)
