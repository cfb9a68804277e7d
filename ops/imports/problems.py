"""What is wrong in a file, by line and column, without any value: counted, and written into a file beside it."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import NamedTuple

KEPT = 100_000  # in the file; more are only counted
HEAD = ("line", "column", "kind", "what", "what to do")


class Problem(NamedTuple):
    """An error is a line, or an order, that was left out; a note says how something was read."""

    line: int
    column: str
    is_error: bool
    what: str
    advice: str


class Problems:
    """Of one file."""

    def __init__(self) -> None:
        self.errors = 0
        self.notes = 0
        self._all: list[Problem] = []

    def error(self, line: int, column: str, what: str, advice: str) -> None:
        self.errors += 1
        self._keep(Problem(line, column, True, what, advice))

    def note(self, line: int, column: str, what: str, advice: str = "") -> None:
        self.notes += 1
        self._keep(Problem(line, column, False, what, advice))

    def _keep(self, one: Problem) -> None:
        if len(self._all) < KEPT:
            self._all.append(one)

    def first(self, count: int) -> list[Problem]:
        """The first errors by line, notes if there are none."""
        ordered = sorted(self._all)
        return [one for one in ordered if one.is_error][:count] or ordered[:count]

    def write(self, path: Path) -> bool:
        """Write them by line; without any, remove what an earlier import wrote. False: the file cannot be written."""
        try:
            if not self._all:
                path.unlink(missing_ok=True)
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            with part.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(HEAD)
                for one in sorted(self._all):
                    kind = "error" if one.is_error else "note"
                    rows.writerow((one.line, one.column, kind, one.what, one.advice))
            os.replace(part, path)
        except OSError:
            return False
        return True
