"""A progress bar for long operations: amount done, speed, remaining time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Count = Callable[[int], None]


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[tuple[Count, Count]]:
    """Yields two functions, called with the total and with the amounts done. Shows nothing without a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None, rate="")

        def ahead(count: int) -> None:
            progress.update(task, total=progress.tasks[0].completed + max(0, count))

        def done(count: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=count, rate=f"{speed:,.0f}/s" if speed else "")

        yield ahead, done
