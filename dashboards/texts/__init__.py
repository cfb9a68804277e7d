"""The texts of the boards, in one file per language. English has all ids; the others must have the same.

Placeholders such as {{currency}} are filled by Grafana, $window by the board's variable, {bounce_s} by `FIGURES`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from wakeline.definitions import BOUNCE_BELOW_MS, CART_GAP_MS, SESSION_GAP_MS, TOUCHED_MS
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.memory import COUNT_ONLY, REFUSE
from wakeline.numbers import DAYS, INP, VITALS, Histogram


def _figure(measured: Histogram, limit: str) -> str:
    """In seconds or, of clicks, milliseconds."""
    value: int = getattr(measured, limit)
    return f"{value if measured is INP else measured.shown(value):g}"


FOLDER = Path(__file__).parent
FIGURES = {
    "bounce_s": f"{BOUNCE_BELOW_MS // 1000}",
    "visit_minutes": f"{SESSION_GAP_MS // MINUTE_MS}",
    "cart_minutes": f"{CART_GAP_MS // MINUTE_MS}",
    "credit_days": f"{TOUCHED_MS // DAY_MS}",
    "count_only": f"{COUNT_ONLY * 100:g}",
    "refuse": f"{REFUSE * 100:g}",
    **{f"{each.name}_{limit}": _figure(each, limit) for each in VITALS for limit in ("good", "poor")},
    "shown_days": f"{DAYS}",
}
"""Figures that sentences name, from their definitions."""

ENGLISH = "en"
LANGUAGES = (ENGLISH, "it", "pl", "fa")


class MissingText(LookupError):
    """A board names a text that a language does not have."""


class Titled(Struct, forbid_unknown_fields=True, frozen=True):
    """A title, and a sentence: what is counted, and what is not."""

    title: str
    says: str


class Words(Struct, forbid_unknown_fields=True, frozen=True):
    """Of every board."""

    prometheus: str
    site: str
    window: str
    currency: str
    all: str
    nothing_yet: str
    no_value: str


class Texts(Struct, forbid_unknown_fields=True, frozen=True):
    """One language."""

    words: Words
    windows: dict[str, str]  # by window
    boards: dict[str, Titled]  # by name
    rows: dict[str, str]
    fresh: dict[str, str]  # sentences, by `board.Fresh`
    panels: dict[str, Titled]
    legends: dict[str, str]
    marks: dict[str, str]  # of what is marked on curves

    def board(self, name: str) -> Titled:
        return _found(self.boards, "boards", name)

    def row(self, id: str) -> str:
        return _found(self.rows, "rows", id)

    def panel(self, id: str) -> Titled:
        return _found(self.panels, "panels", id)

    def sentence(self, id: str, fresh: str) -> str:
        """What a panel says of its number: what it is, and how fresh."""
        said = f"{self.panel(id).says} {_found(self.fresh, 'fresh', fresh)}"
        for name, figure in FIGURES.items():
            said = said.replace(f"{{{name}}}", figure)
        return said

    def legend(self, id: str) -> str:
        """A label such as {{page}} is the same in all languages."""
        return id if id.startswith("{{") else _found(self.legends, "legends", id)

    def mark(self, id: str) -> str:
        return _found(self.marks, "marks", id)

    def window(self, id: str) -> str:
        return _found(self.windows, "windows", id)


Text = TypeVar("Text")


def _found(texts: dict[str, Text], part: str, id: str) -> Text:
    if id not in texts:
        raise MissingText(f"no text for {id!r}: add [{part}] {id} to dashboards/texts/, in every language")
    return texts[id]


@cache
def texts(language: str) -> Texts:
    """Raises `msgspec.ValidationError` if the file of the language has another form."""
    return msgspec.toml.decode((FOLDER / f"{language}.toml").read_bytes(), type=Texts)
