"""`wakeline retention`: what is kept, and what of it would go now and soon."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, some_settings

if TYPE_CHECKING:
    from ops.retention import Row


@click.command(short_help="Show what is kept, and what of it would go now and in the next 30 days.")
@click.option("--dry-run", is_flag=True, help="Required: the command only counts.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@some_settings("redis", "data", "log", "log_before", "archive")
def retention(dry_run: bool, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Count what is kept of people and things, by kind, and how much of it is due now and in the next 30 days.

    Everything ends by itself, by the limits of docs/privacy.md; this command deletes nothing and names nobody. It reads
    Redis, the log and the oldest files of the history, which may take minutes.
    """
    from ops.retention import going
    from wakeline.clock import now_ms
    from wakeline.history import HistoryDamaged, HistoryUnavailable

    if not dry_run:
        raise Refused("what is too old ends by itself; --dry-run shows what would go")
    found = read(config, flags, else_demo=True)
    with redis_errors(found.settings.redis):
        try:
            rows = asyncio.run(going(found, now_ms()))
        except (HistoryDamaged, HistoryUnavailable) as error:
            raise Refused(str(error), FAILED) from None
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode([row._asdict() for row in rows]).decode())
    else:
        _show(rows)


def _show(rows: list[Row]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from ops.retention import SOON_DAYS

    table = Table(box=SIMPLE)
    table.add_column("kind")
    for heading in ("kept", "due now", f"due in {SOON_DAYS} days"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.kind.replace("_", " "), f"{row.held:,}", f"{row.now:,}", f"{row.soon:,}")
    Console(highlight=False).print(table)
