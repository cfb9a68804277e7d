"""python -m benchmarks"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from benchmarks.figures import Figure, Run
from benchmarks.machine import OTHERS
from benchmarks.registry import BENCHMARKS
from benchmarks.report import missed, table, write
from benchmarks.stand import stand_for_all

REPORT = Path("build/bench.json")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Run this one; may be repeated.")
@click.option("--quick", is_flag=True, help="Fewer rounds and records: a smoke test that proves no floor.")
@click.option("--base", metavar="REV", default="", help="Commit for processor_change, which is left out without it.")
@click.option("--report", type=click.Path(path_type=Path), default=REPORT, show_default=True, help="JSON to write.")
def main(only: tuple[str, ...], quick: bool, base: str, report: Path) -> None:
    """Measure, print a table, write a flat JSON object; exit with 1, naming each floor that is missed."""
    if "processor_change" in only and not base:
        raise click.UsageError("processor_change needs --base REV")
    os.sched_setaffinity(0, OTHERS)
    console = Console(stderr=True)
    figures: list[Figure] = []
    values: dict[str, float] = {}

    def say(line: str) -> None:
        console.print(f"  {line}", highlight=False, markup=False)

    with ExitStack() as shared:
        folder = Path(shared.enter_context(tempfile.TemporaryDirectory(prefix="wakeline-bench-")))
        stand = shared.enter_context(stand_for_all(folder, quick=quick, say=say))
        for name in only or (name for name in BENCHMARKS if base or name != "processor_change"):
            benchmark = BENCHMARKS[name]
            figures += benchmark.FIGURES
            console.print(f"[bold]{name}[/bold]")
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                try:
                    values |= benchmark.measure(Run(Path(scratch), quick, say, stand, base))
                except Exception:  # the other benchmarks continue; figures without a value miss their floors
                    console.print(traceback.format_exc(), markup=False)
    Console().print(table(figures, values))
    write(report, values)
    for figure, found in missed(figures, values):
        console.print(f"missed: {figure.name} {found}, floor {figure.floor}", style="red")
    sys.exit(1 if missed(figures, values) else 0)


if __name__ == "__main__":
    main()
