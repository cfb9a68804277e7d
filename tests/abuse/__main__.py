"""python -m tests.abuse"""

from __future__ import annotations

import asyncio
import json
import sys
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
from tests.faults.outcome import Outcome

REPORT = Path("build/abuse.json")
WIDE = 200  # columns of the table where nobody says how many there are


@dataclass(frozen=True)
class Result:
    row: Row
    outcome: Outcome
    seconds: float


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--only", multiple=True, metavar="WORDS", help="Only rows whose name holds this; may be repeated.")
@click.option("--list", "lists", is_flag=True, help="Name the rows and do nothing.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=REPORT,
    show_default=True,
    help="JSON to write.",
)
def main(only: tuple[str, ...], lists: bool, report: Path) -> None:
    """Attack a real deployment through its public port, and examine the results.

    Prints a table of measurements and requirements, and exits with 1, naming each row that fails.
    """
    if lists:
        for row in ROWS:
            click.echo(f"{row.name}, about {row.seconds:g} s")
        return
    for word in only:
        if not any(word.lower() in row.name.lower() for row in ROWS):
            raise click.UsageError(f"no row's name holds {word!r}; --list names them")
    results = run([row for row in ROWS if not only or any(word.lower() in row.name.lower() for word in only)])
    out = Console()
    (out if out.is_terminal else Console(width=WIDE)).print(table(results))
    write(report, results)
    failed = [result.row.name for result in results if result.outcome.failures]
    for name in failed:
        click.echo(f"FAILED: {name}", err=True)
    sys.exit(1 if failed else 0)


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
        figures = result.outcome.figures.values()
        shown.add_row(
            escape(result.row.name),
            escape(", ".join(figure.aim for figure in figures if figure.aim)),
            ", ".join(
                escape(str(figure)) if figure.holds else f"[red]{escape(str(figure))}[/red]" for figure in figures
            ),
            "[red]FAILED[/red]" if result.outcome.failures else "[green]ok[/green]",
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
            "must_hold": {figure.name: figure.aim for figure in result.outcome.figures.values() if figure.aim},
            "failures": result.outcome.failures,
        }
        for result in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
