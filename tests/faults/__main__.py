"""python -m tests.faults"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults import command
from tests.faults.generated import CASES
from tests.faults.outcome import Outcome, worst
from tests.faults.rows import LOGS, SOAK_MINUTES, Row, minutes, rows
from tests.faults.run import runner
from tests.faults.table import Result, line, table, write

REPORT = Path("build/faults.json")
MOST_MINUTES = 100.0

Work = list[tuple[str, Row, Sequence[int]]]  # log, row, seeds


def chosen(all_rows: Sequence[Row], words: tuple[str, ...], logs: tuple[str, ...], seeds: int | None) -> Work:
    """Rows whose name contains one of the words, all without words. Raises UsageError if a word matches none."""
    wanted = command.named(all_rows, words)
    return [
        (log, row, range(min(row.seeds, seeds or row.seeds)))
        for log in logs
        for row in wanted
        if log in row.logs_of(logs)
    ]


class Count(click.Command):
    """Its help ends with the rows and their durations."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(f"Rows, about {minutes(rows(), LOGS):.0f} minutes in all but for the last"):
            formatter.write_dl(
                [
                    (row.name, f"{', '.join(row.logs)}: {row.seeds} x {row.seconds:g} s, {row.at_once} at a time")
                    for row in rows()
                ]
            )


@click.command(cls=Count, context_settings=command.SETTINGS)
@click.option("--log", "logs", multiple=True, type=click.Choice(LOGS), help="Only this log; may be repeated.")
@command.only
@click.option("--seed", type=int, help="This one seed alone, to see again what it showed.")
@click.option("--seeds", type=click.IntRange(1), help="At most so many seeds of each row.")
@click.option(
    "--soak-minutes", type=click.FloatRange(1), default=SOAK_MINUTES, show_default=True, help="Length of the soak."
)
@click.option(
    "--cases", type=click.IntRange(1), default=CASES, show_default=True, help="Generated logs; the first is --seed."
)
@command.lists
@command.report(REPORT)
def main(
    logs: tuple[str, ...],
    only: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    soak_minutes: float,
    cases: int,
    lists: bool,
    report: Path,
) -> None:
    """Inject every fault into a real deployment under load, and compare the senders' records with the results.

    Every sender writes each event, its answer and the time to a file. After the fault and a drain, that file is
    compared with the log, the numbers in Redis and the metrics of the read side. lost: answered 2xx and not applied;
    doubled: applied twice. Prints a table of measurements and requirements, and exits with 1, naming each row that
    fails. A row that has not begun after 100 minutes fails too.
    """
    all_rows = rows(soak_minutes, cases)
    if lists:
        for row in all_rows:
            click.echo(row.name)
        return
    work = sorted(chosen(all_rows, only, logs or LOGS, seeds), key=lambda one: one[1].is_long)
    if seed is not None:
        work = [(log, row, [seed]) for log, row, _ in work]
    if not work:
        raise click.UsageError("that row is not for that log")
    results = run(work, Console(stderr=True))
    write(report, results)
    command.conclude(table(results), [result.name for result in results if result.outcome.failures])


def run(work: Work, console: Console) -> list[Result]:
    """Run all rows one after the other, with a line for each finished one."""
    results: list[Result] = []
    began = time.monotonic()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=sum(row.seconds * len(seeds) for _, row, seeds in work))
        for log in dict.fromkeys(log for log, _, _ in work):
            with runner(log) as running:
                for row, seeds in ((row, seeds) for of, row, seeds in work if of == log):
                    progress.update(task, description=f"{row.name}, {log}")

                    def done(seed: int, outcome: Outcome, name: str = f"{row.name}, {log}", row: Row = row) -> None:
                        progress.advance(task, row.seconds)
                        for words in outcome.failures:
                            console.print(f"{name}, seed {seed}: {words}", markup=False, highlight=False, style="red")

                    started = time.monotonic()
                    if started - began > MOST_MINUTES * 60:
                        late = Outcome()
                        late.note(f"not run: {MOST_MINUTES:g} minutes are over")
                        outcomes = [late]
                        done(seeds[0], late)
                    else:
                        outcomes = running.run(row, seeds, done)
                    results.append(Result(row, log, len(outcomes), worst(outcomes), time.monotonic() - started))
                    console.print(line(results[-1]), markup=False, highlight=False)
    return results


if __name__ == "__main__":
    main()
