"""python -m tests.abuse"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from tests.abuse.rows import ROWS, Row
from tests.faults.outcome import Outcome
from tests.faults.stage import staged

REPORT = Path("build/abuse.json")
WIDE = 180  # columns of the table where nobody says how many there are


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
    """Do to real processes what hostile pages, senders and networks do, and measure what must hold.

    Prints a table of what was measured beside what must hold, and exits with 1, naming each row that fails.
    """
    if lists:
        for row in ROWS:
            click.echo(row.name)
        return
    for word in only:
        if not any(word.lower() in row.name.lower() for row in ROWS):
            raise click.UsageError(f"no row's name holds {word!r}; --list names them")
    chosen = [row for row in ROWS if not only or any(word.lower() in row.name.lower() for word in only)]
    results = run_all(chosen, Console(stderr=True))
    out = Console()
    (out if out.is_terminal else Console(width=WIDE)).print(table(results))
    write(report, results)
    failed = [row.name for row, outcome in results if outcome.failures]
    for name in failed:
        click.echo(f"FAILED: {name}", err=True)
    sys.exit(1 if failed else 0)


Results = list[tuple[Row, Outcome]]


def run_all(rows: Sequence[Row], console: Console) -> Results:
    """One after the other; a line for each as it is done."""
    results: Results = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(rows))
        for row in rows:
            progress.update(task, description=row.name)
            began = time.monotonic()
            outcome = asyncio.run(run(row))
            results.append((row, outcome))
            progress.advance(task)
            verdict = "FAILED" if outcome.failures else "ok"
            words = f"{verdict:6} {row.name}, {time.monotonic() - began:.0f} s: "
            console.print(words + ", ".join(map(str, outcome.figures.values())), markup=False, highlight=False)
            for failure in outcome.failures:
                console.print(f"       {failure}", markup=False, highlight=False, style="red")
    return results


async def run(row: Row) -> Outcome:
    """What a row raises is a failure of the row."""
    outcome = Outcome()
    try:
        with tempfile.TemporaryDirectory(prefix="wakeline-abuse-", ignore_cleanup_errors=True) as folder:
            async with asyncio.timeout(row.seconds), staged(Path(folder), None) as stage:
                await row.run(stage, outcome)
    except TimeoutError:
        outcome.note(f"not done within {row.seconds:g} s")
    except Exception as error:  # the other rows are still worth running
        outcome.note("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
    return outcome


def table(results: Results) -> Table:
    shown = Table(box=None, pad_edge=False, show_edge=False)
    shown.add_column("abuse", ratio=3)
    shown.add_column("measured", ratio=5)
    shown.add_column("must hold", ratio=4, style="dim")
    shown.add_column("")
    for row, outcome in results:
        figures = outcome.figures.values()
        shown.add_row(
            escape(row.name),
            ", ".join(str(figure) if figure.holds else f"[red]{figure}[/red]" for figure in figures),
            ", ".join(figure.aim for figure in figures if figure.aim),
            "[red]FAILED[/red]" if outcome.failures else "[green]ok[/green]",
        )
    return shown


def write(path: Path, results: Results) -> None:
    """A JSON list: for each row its figures, what must hold, and what is wrong."""
    rows = [
        {
            "abuse": row.name,
            "figures": {figure.name: figure.value for figure in outcome.figures.values()},
            "must_hold": {figure.name: figure.aim for figure in outcome.figures.values() if figure.aim},
            "failures": outcome.failures,
        }
        for row, outcome in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
