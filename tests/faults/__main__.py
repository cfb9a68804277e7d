"""python -m tests.faults"""

from __future__ import annotations

import asyncio
import sys
import time

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.outcome import Outcome, worst
from tests.faults.rows import LOGS, ROWS, SEEDS, Row
from tests.faults.run import runner
from tests.faults.table import Result, table


def chosen(words: tuple[str, ...], logs: tuple[str, ...]) -> list[tuple[str, Row]]:
    """Rows whose name holds one of the words, all without any; raises UsageError where a word names none."""
    for word in words:
        if not any(word.lower() in row.name.lower() for row in ROWS):
            raise click.UsageError(f"no row is called {word!r}; --list names them")
    return [
        (log, row)
        for log in logs
        for row in ROWS
        if log in row.logs_of(logs) and (not words or any(word.lower() in row.name.lower() for word in words))
    ]


@click.command(context_settings={"max_content_width": 100})
@click.option("--log", "logs", multiple=True, type=click.Choice(LOGS), help="Only this log; may be repeated.")
@click.option("--only", multiple=True, metavar="WORDS", help="Only rows whose name holds this; may be repeated.")
@click.option("--seed", type=int, help="This one seed alone, to see again what it showed.")
@click.option("--seeds", type=click.IntRange(1), help="At most so many seeds of each row.")
@click.option("--soak-minutes", type=click.FloatRange(1), default=20.0, show_default=True, help="Length of the soak.")
@click.option("--list", "lists", is_flag=True, help="Name the rows, and how long each takes.")
def main(
    logs: tuple[str, ...],
    only: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    soak_minutes: float,
    lists: bool,
) -> None:
    """Make each fault happen to a real deployment under load; compare what senders were told with what is there."""
    console = Console(stderr=True)
    work = chosen(only, logs or LOGS)
    if lists:
        for row in ROWS:
            print(row.name)
        return
    results: list[Result] = []
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    with progress:
        counts = {row.name: min(SEEDS[row.often], seeds or SEEDS[row.often]) for _, row in work}
        task = progress.add_task("", total=sum(1 if seed is not None else counts[row.name] for _, row in work))
        for log in dict.fromkeys(log for log, _ in work):
            with runner(log) as running:
                for row in (row for of, row in work if of == log):
                    began = time.monotonic()
                    outcomes: list[Outcome] = []
                    for one in [seed] if seed is not None else range(counts[row.name]):
                        progress.update(task, description=f"{row.name} [{log}] seed {one}".replace("[", "\\["))
                        outcome = asyncio.run(running.run(row, one))
                        outcomes.append(outcome)
                        progress.advance(task)
                        for words in outcome.failures:
                            console.print(f"{row.name}, {log}, seed {one}: {words}", markup=False, style="red")
                    results.append(Result(row, log, len(outcomes), worst(outcomes), time.monotonic() - began))
    Console(width=None if sys.stdout.isatty() else 200).print(table(results))
    failed = [result.name for result in results if result.outcome.failures]
    for name in failed:
        console.print(f"FAILED: {name}", style="red", markup=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
