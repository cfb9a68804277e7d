"""Shared by the commands of both tables: choice of rows, display and report of results."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.faults.outcome import Outcome

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
WIDE = 200  # columns of the table if there is no terminal

Command = TypeVar("Command", bound=Callable[..., Any])


class Named(Protocol):
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)

only = click.option("--only", multiple=True, metavar="WORDS", help="Only rows whose name holds this; may be repeated.")
lists = click.option("--list", "lists", is_flag=True, help="Name the rows and do nothing.")


def report(usual: Path) -> Callable[[Command], Command]:
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--report", type=kind, default=usual, show_default=True, help="JSON to write.")


def named(rows: Sequence[Row], words: Iterable[str]) -> list[Row]:
    """Rows whose name contains one of the words, all without words. Raises UsageError if a word matches none."""
    wanted = [word.lower() for word in words]
    for word in wanted:
        if not any(word in row.name.lower() for row in rows):
            raise click.UsageError(f"no row's name holds {word!r}; --list names them")
    return [row for row in rows if not wanted or any(word in row.name.lower() for word in wanted)]


def measured(outcome: Outcome) -> str:
    """A cell: every figure, in red if it misses its aim."""
    shown = ((escape(str(figure)), figure.holds) for figure in outcome.figures.values())
    return ", ".join(text if holds else f"[red]{text}[/red]" for text, holds in shown)


def verdict(outcome: Outcome) -> str:
    return "[red]FAILED[/red]" if outcome.failures else "[green]ok[/green]"


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


def conclude(table: Table, failed: Sequence[str]) -> None:
    """Print the table and name each row that failed; the exit code is 1 if one did."""
    out = Console()
    (out if out.is_terminal else Console(width=WIDE)).print(table)
    for name in failed:
        click.echo(f"FAILED: {name}", err=True)
    sys.exit(1 if failed else 0)
