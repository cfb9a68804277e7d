"""The table of behaviours: a row is what a test's docstring says first, a column is an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.browser import ENGINES, FIREFOX, WEBKIT

OK, NOT_SUPPORTED, FAILED = WORDS = ("ok", "not supported", "FAILED")


@dataclass(frozen=True)
class Feature:
    """What not every engine has: `test` is true in those that do."""

    test: str
    missing: frozenset[str]


# The only cells that may say "not supported". An engine that has learnt it since fails until it is struck off here.
FEATURES: Mapping[str, Feature] = {
    "prerender": Feature("HTMLScriptElement.supports?.('speculationrules')", frozenset({FIREFOX, WEBKIT})),
    "freeze": Feature("'onfreeze' in document", frozenset({FIREFOX, WEBKIT})),
    "Navigation API": Feature("'navigation' in window", frozenset({WEBKIT})),
}


@dataclass
class Table:
    """Cells by group, row and engine."""

    versions: dict[str, str] = field(default_factory=dict)  # by engine
    cells: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def put(self, group: str, row: str, engine: str, word: str) -> None:
        """Of a cell's phases (set up, run, torn down) the worst word stays."""
        cells = self.cells.setdefault((group, row), {})
        cells[engine] = max(cells.get(engine, OK), word, key=WORDS.index)

    def lines(self) -> Iterator[str]:
        engines = [engine for engine in ENGINES if engine in self.versions]
        width = max((len(row) for _, row in self.cells), default=0) + 4
        columns = [max(len(self.versions[engine]), len(NOT_SUPPORTED)) + 2 for engine in engines]
        above = ""
        for (group, row), cells in self.cells.items():
            if group != above:
                head = [self.versions[engine] if not above else "" for engine in engines]
                yield ""
                yield (f"{group:{width}}" + "".join(map(str.ljust, head, columns))).rstrip()
                above = group
            words = [cells.get(engine, "-") for engine in engines]
            yield f"  {row:{width - 2}}" + "".join(map(str.ljust, words, columns)).rstrip()
        words = [word for cells in self.cells.values() for word in cells.values()]
        yield ""
        yield f"{len(self.cells)} behaviours: " + ", ".join(f"{words.count(word)} {word}" for word in WORDS)
