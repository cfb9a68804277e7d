"""The rows of a CSV file, each with the line where it begins. A broken row costs that row, not the rest of the file."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from ops.imports.problems import Problems
from ops.imports.text import UNREADABLE, Text, opened

SEPARATORS = ",;\t|"
LOOKED_AT = 30  # lines, for the separator
LIKE_A_ROW = 4  # columns: a line with as many is hardly text
QUOTE = '"'


class NoTable(ValueError):
    """The file is no table; the message says why."""


class Row(NamedTuple):
    """`line` is that of the file, from 1 on; `cells` are as many as there are columns."""

    line: int
    cells: list[str]


class Lines:
    """The lines of a file, some of which can be put back. `number` is that of the last one."""

    def __init__(self, file: TextIO) -> None:
        self._file = iter(file)
        self._back: deque[str] = deque()
        self.number = 0
        self.is_over = False
        self.taken: list[str] = []  # since the last `begin`

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        if self._back:
            line = self._back.popleft()
        else:
            try:
                line = next(self._file)
            except StopIteration:
                self.is_over = True
                raise
        self.number += 1
        self.taken.append(line)
        return line

    def begin(self) -> None:
        self.taken = []

    def back_to_second(self) -> None:
        """Put all taken ones back but the first."""
        again = self.taken[1:]
        self._back.extendleft(reversed(again))
        self.number -= len(again)
        self.taken = self.taken[:1]
        self.is_over = False


def separator_of(text: Text) -> str:
    """The separator: what Excel's `sep=` says, else the one that gives the most columns of equal number."""
    with opened(text) as file:
        lines = [line for line, _ in zip(file, range(LOOKED_AT), strict=False)]
    if lines and (said := _said(lines[0])):
        return said
    best, most = ",", 1.0
    for separator in SEPARATORS:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        if not widths:
            continue
        usual = max(set(widths), key=widths.count)
        score = usual * widths.count(usual) / len(widths)
        if usual > 1 and score > most:
            best, most = separator, score
    return best


def _said(line: str) -> str:
    """The separator in Excel's line `sep=;`, or ""."""
    plain = line.strip("\r\n\ufeff")
    return plain[4:] if plain.lower().startswith("sep=") and len(plain) == 5 else ""


class Table:
    """`columns` are the names in the header; a name that is there twice has its number behind it."""

    def __init__(self, file: TextIO, text: Text, separator: str, problems: Problems) -> None:
        self._file = file
        self._lines = Lines(file)
        self._rows = csv.reader(self._lines, delimiter=separator, quotechar=QUOTE)
        self._separator = separator
        self._text = text
        self._problems = problems
        self._head = self._header()
        self.columns = _distinct(self._head)
        self.empty = 0  # lines
        self.on_broken: Callable[[int, list[str]], None] = lambda line, cells: None  # for rows that are left out
        for position, (name, own) in enumerate(zip(self._head, self.columns, strict=True), start=1):
            if name and name != own:
                what = f"column {position} has the name of an earlier one: it is called {own!r} here"
                problems.note(self.header_line, own, what, "give each column a name of its own")

    @property
    def line(self) -> int:
        """The last line that was read."""
        return self._lines.number

    def _header(self) -> list[str]:
        while True:
            row = self._next()
            if row is None:
                raise NoTable("the file is empty: it needs a line with the names of the columns, and rows below it")
            if any(cell.strip() for cell in row) and not _said(self._separator.join(row)):
                self.header_line = self._lines.number - len(self._lines.taken) + 1
                return [cell.strip("\ufeff \t\r\n\u00a0") for cell in row]

    def _next(self) -> list[str] | None:
        """The next row, None at the end. Rows that the reader cannot take are said, and the next line is tried."""
        while True:
            self._lines.begin()
            try:
                return next(self._rows)
            except StopIteration:
                return None
            except csv.Error:
                self._unclosed()

    def _unclosed(self) -> None:
        self._lines.back_to_second()
        self._problems.error(
            self._lines.number,
            "",
            "a quote begins in this line that is not closed",
            'close it, or write "" for a quote',
        )

    def __iter__(self) -> Iterator[Row]:
        width, columns = len(self._head), self._head
        while (row := self._next()) is not None:
            if len(row) == width and row != columns and not self._text.is_broken and len(self._lines.taken) == 1:
                yield Row(self._lines.number, row)
                continue
            if len(self._lines.taken) > 1 and (len(row) != width or self._swallowed(width)):
                self._unclosed()
                continue
            line = self._lines.number - len(self._lines.taken) + 1
            if not any(cell.strip() for cell in row):
                self.empty += 1
            elif [cell.strip("\ufeff \t\r\n\u00a0") for cell in row] == columns:
                self._problems.note(line, "", "the header again: this line was left out")
            elif self._fits(line, row):
                yield Row(line, row[:width])
            else:
                self.on_broken(line, row)

    def _swallowed(self, width: int) -> bool:
        """Whether a row of several lines holds others, since its quote is only closed by one of those, or never."""
        first, *others = self._lines.taken
        if width < LIKE_A_ROW:
            others = []
        elif self._separator not in first:  # then all other columns are in the last line
            others.pop()
        return self._lines.is_over or any(line.count(self._separator) == width - 1 for line in others)

    def _fits(self, line: int, row: list[str]) -> bool:
        width = len(self._head)
        if len(row) < width or any(cell.strip() for cell in row[width:]):
            at = self.columns[len(row)] if len(row) < width else ""
            self._problems.error(
                line,
                at,
                f"{len(row)} columns, but the header has {width}",
                "complete it" if at else f"put quotes around values that hold {_shown(self._separator)}",
            )
            return False
        if self._text.is_broken:
            for name, cell in zip(self.columns, row, strict=False):
                if UNREADABLE.search(cell):
                    what = f"a character that is not {self._text.encoding}"
                    self._problems.error(line, name, what, "save the file as UTF-8, or set encoding in the map")
                    return False
        return True


def _shown(separator: str) -> str:
    return "a tab" if separator == "\t" else f'"{separator}"'


def _distinct(names: list[str]) -> list[str]:
    found: list[str] = []
    for position, name in enumerate(names, start=1):
        own, number = name or f"column {position}", 1
        while own in found:
            number += 1
            own = f"{name} ({number})"
        found.append(own)
    return found


@contextmanager
def table(text: Text, separator: str, problems: Problems) -> Iterator[Table]:
    """Raises NoTable."""
    with opened(text) as file:
        yield Table(file, text, separator, problems)
