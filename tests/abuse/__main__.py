"""python -m tests.abuse"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.abuse.rows import ROWS, Row
from tests.abuse.run import once
from tests.faults import command
from tests.faults.outcome import Outcome

REPORT = Path("build/abuse.json")


@dataclass(frozen=True)
class Result:
    row: Row
    outcome: Outcome
    seconds: float


@click.command(context_settings=command.SETTINGS)
@command.only
@command.lists
@command.report(REPORT)
def main(only: tuple[str, ...], lists: bool, report: Path) -> None:
    """Attack a real deployment through its public port, and examine the results.

    Prints a table of measurements and requirements, and exits with 1, naming each row that fails.
    """
    if lists:
        for row in ROWS:
            click.echo(f"{row.name}, about {row.seconds:g} s")
        return
    results = run(command.named(ROWS, only))
    write(report, results)
    command.conclude(table(results), [result.row.name for result in results if result.outcome.failures])


def run(rows: Sequence[Row]) -> list[Result]:
    """Run the rows one after the other; prints a line for each failed one."""
    console = Console(stderr=True)
    results = []
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with (
        tempfile.TemporaryDirectory(prefix="wakeline-abuse-", ignore_cleanup_errors=True) as scratch,
        Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress,
    ):
        task = progress.add_task("", total=sum(row.seconds for row in rows))
        for row in rows:
            progress.update(task, description=row.name)
            began = time.monotonic()
            results.append(Result(row, asyncio.run(once(row, Path(scratch))), time.monotonic() - began))
            progress.advance(task, row.seconds)
            for words in results[-1].outcome.failures:
                console.print(f"{row.name}: {words}", markup=False, highlight=False, style="red")
    return results


def table(results: Sequence[Result]) -> Table:
    shown = Table(box=None, pad_edge=False, show_edge=False)
    shown.add_column("abuse", ratio=3)
    shown.add_column("must hold", ratio=5, style="dim")
    shown.add_column("measured", ratio=5)
    shown.add_column("")
    shown.add_column("took", justify="right")
    for result in results:
        shown.add_row(
            escape(result.row.name),
            escape(", ".join(result.outcome.aims.values())),
            command.measured(result.outcome),
            command.verdict(result.outcome),
            f"{result.seconds:.0f} s",
        )
    return shown


def write(path: Path, results: Sequence[Result]) -> None:
    """A JSON list: for each row its figures, their requirements, and the failures."""
    rows = [
        {
            "abuse": result.row.name,
            "seconds": round(result.seconds, 1),
            "figures": {figure.name: figure.value for figure in result.outcome.figures.values()},
            "must_hold": result.outcome.aims,
            "failures": result.outcome.failures,
        }
        for result in results
    ]
    command.write(path, rows)


if __name__ == "__main__":
    main()
