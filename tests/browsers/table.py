"""The table of behaviours: a row per test, named by its docstring's first line, a column per engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.browser import ENGINES, FIREFOX, WEBKIT

OK, NOT_SUPPORTED, FAILED = WORDS = ("ok", "not supported", "FAILED")
CELL = "cell"  # a report's property: it travels from the process that ran the test to the one that prints
ORDER = (  # of groups, by module
    *("loading", "first_view", "routing", "routers", "presence", "scrolling", "delivery", "privacy", "calls"),
    *("clicks", "forms", "actions", "pages", "platforms", "datalayer", "usability"),
)


@dataclass(frozen=True)
class Feature:
    """A feature that not all engines have: `test` is true in those that do."""

    test: str
    missing: frozenset[str]


# The only cells that may say "not supported". An engine that has learnt it since fails until it is struck off here.
FEATURES: Mapping[str, Feature] = {
    "prerender": Feature("HTMLScriptElement.supports?.('speculationrules')", frozenset({FIREFOX, WEBKIT})),
    "freeze": Feature("'onfreeze' in document", frozenset({FIREFOX, WEBKIT})),
    "Navigation API": Feature("'navigation' in window", frozenset({WEBKIT})),
}


@dataclass
class Cell:
    group: str
    row: str
    place: tuple[int, int, str]  # of the group, of the test's line in its file, variant: what rows are sorted by
    engine: str
    column: str = ""  # the engine's name and version, as far as known
    word: str = OK


def cell_of(item: pytest.Item) -> Cell | None:
    """The cell that a test fills; None for any other test."""
    if not isinstance(item, pytest.Function) or "engine" not in item.fixturenames:
        return None
    engine, _, variant = item.callspec.id.partition("-")
    row = first_line(item.function.__doc__) + (f" ({variant})" if variant else "")
    group = ORDER.index(item.module.__name__.rpartition("test_")[2])
    place = (group, item.function.__code__.co_firstlineno, variant)
    return Cell(first_line(item.module.__doc__), row, place, engine)


def first_line(doc: str | None) -> str:
    return (doc or "").partition("\n")[0].rstrip(".")


class Table:
    """A pytest plugin that collects the cells and prints them at the end."""

    def __init__(self) -> None:
        self._columns: dict[str, str] = {}  # by engine
        self._rows: dict[tuple[int, int, str], dict[str, Cell]] = {}  # by place, then engine

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == CELL:
                cell = Cell(**value)  # type: ignore[arg-type]  # a property may be any object; this one is ours
                cell.place = tuple(cell.place)  # type: ignore[assignment]  # it travels as JSON
                self.put(cell)

    def put(self, cell: Cell) -> None:
        """Of a cell's phases (set up, run, torn down) the worst result is kept."""
        self._columns[cell.engine] = max(self._columns.get(cell.engine, ""), cell.column, key=len)
        cells = self._rows.setdefault(cell.place, {})
        if cell.engine not in cells or WORDS.index(cell.word) > WORDS.index(cells[cell.engine].word):
            cells[cell.engine] = cell

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._rows:
            terminalreporter.section("behaviours in real browsers")
            for line in self.lines():
                terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        engines = [engine for engine in ENGINES if engine in self._columns]
        widths = [max(len(self._columns[engine]), len(NOT_SUPPORTED)) + 2 for engine in engines]
        first = max(len(cell.row) for cells in self._rows.values() for cell in cells.values()) + 4

        def line(name: str, words: list[str]) -> str:
            return (name.ljust(first) + "".join(map(str.ljust, words, widths))).rstrip()

        yield line("", [self._columns[engine] for engine in engines])
        group = ""
        for _, cells in sorted(self._rows.items()):
            cell = next(iter(cells.values()))
            if cell.group != group:
                group = cell.group
                yield group
            yield line(f"  {cell.row}", [cells[engine].word if engine in cells else "" for engine in engines])
        words = [cell.word for cells in self._rows.values() for cell in cells.values()]
        counts = ", ".join(f"{words.count(word)} {word}" for word in WORDS)
        yield f"{len(self._rows)} behaviours in {len(engines)} engines: {counts}"
