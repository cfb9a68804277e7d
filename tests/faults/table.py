"""Prints the results as a table: a line per row and log, with figures and requirements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tests.faults import command
from tests.faults.outcome import Outcome
from tests.faults.rows import Row


@dataclass(frozen=True)
class Result:
    """A row on a log; `outcome` is the worst of its seeds."""

    row: Row
    log: str
    seeds: int
    outcome: Outcome
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.row.name} [{self.log}]"


def line(result: Result) -> str:
    """One finished row."""
    verdict = "FAILED" if result.outcome.failures else "ok"
    figures = ", ".join(map(str, result.outcome.figures.values()))
    return f"{verdict:6} {result.row.name}, {result.log}, {result.seeds} seeds, {result.seconds:.0f} s: {figures}"


def write(path: Path, results: Sequence[Result]) -> None:
    """A JSON list: for each row and log its figures, their requirements, and the failures."""
    rows = [
        {
            "fault": result.row.name,
            "log": result.log,
            "seeds": result.seeds,
            "seconds": round(result.seconds, 1),
            "figures": {figure.name: figure.value for figure in result.outcome.figures.values()},
            "must_reach": result.outcome.aims,
            "failures": result.outcome.failures,
        }
        for result in results
    ]
    command.write(path, rows)


def table(results: Iterable[Result]) -> Table:
    shown = Table(box=None, pad_edge=False, show_edge=False)
    shown.add_column("fault", ratio=3)
    shown.add_column("log")
    shown.add_column("seeds", justify="right")
    shown.add_column("measured", ratio=4)
    shown.add_column("must reach", ratio=4, style="dim")
    shown.add_column("")
    shown.add_column("took", justify="right")
    for result in results:
        shown.add_row(
            escape(result.row.name),
            result.log,
            str(result.seeds),
            command.measured(result.outcome),
            escape(", ".join(result.outcome.aims.values())),
            command.verdict(result.outcome),
            f"{result.seconds / 60:.1f} min",
        )
    return shown
