"""python -m benchmarks"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import click
from rich.console import Console

from benchmarks.figures import Figure, Run
from benchmarks.machine import OTHERS
from benchmarks.registry import BENCHMARKS
from benchmarks.report import missed, table, write

REPORT = Path("build/bench.json")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Run this one; may be repeated.")
@click.option("--quick", is_flag=True, help="Fewer rounds and records: shows that it works, proves no floor.")
@click.option("--report", type=click.Path(path_type=Path), default=REPORT, show_default=True, help="JSON to write.")
def main(only: tuple[str, ...], quick: bool, report: Path) -> None:
    """Measure, print a table, write a flat JSON object; exit with 1, naming each floor that is missed."""
    os.sched_setaffinity(0, OTHERS)
    console = Console(stderr=True)
    figures: list[Figure] = []
    values: dict[str, float] = {}
    for name in only or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        figures += benchmark.FIGURES
        console.print(f"[bold]{name}[/bold]")
        with tempfile.TemporaryDirectory(prefix="wakeline-bench-") as folder:
            run = Run(Path(folder), quick, lambda line: console.print(f"  {line}", highlight=False, markup=False))
            try:
                values |= benchmark.measure(run)
            except Exception:  # the others are still worth their figures; what is not measured is missed
                console.print(traceback.format_exc(), markup=False)
    Console().print(table(figures, values))
    write(report, values)
    for figure, found in missed(figures, values):
        console.print(f"missed: {figure.name} {found}, floor {figure.floor}", style="red")
    sys.exit(1 if missed(figures, values) else 0)


if __name__ == "__main__":
    main()
