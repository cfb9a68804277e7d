"""Prints the results as a table: a line per row and log, with figures and requirements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

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
            "must_reach": {figure.name: figure.aim for figure in result.outcome.figures.values() if figure.aim},
            "failures": result.outcome.failures,
        }
        for result in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


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
        figures = result.outcome.figures.values()
        shown.add_row(
            escape(result.row.name),
            result.log,
            str(result.seeds),
            ", ".join(str(figure) if figure.holds else f"[red]{figure}[/red]" for figure in figures),
            ", ".join(figure.aim for figure in figures if figure.aim),
            "[red]FAILED[/red]" if result.outcome.failures else "[green]ok[/green]",
            f"{result.seconds / 60:.1f} min",
        )
    return shown
