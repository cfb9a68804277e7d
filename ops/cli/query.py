"""`wakeline query`: queries the history in SQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.errors import FAILED, Refused
from ops.cli.options import config_option, read
from wakeline.extras import install

if TYPE_CHECKING:
    from reports import Result

DAY = click.DateTime(["%Y-%m-%d"])
SHOWN_ROWS = 40  # rows of a table by default
MOST_ROWS = 1_000_000  # limit of a table; files take any number


@click.command(short_help="Query the history in SQL.")
@click.argument("sql")
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="All rows as CSV; texts that look like a formula are prefixed with an apostrophe.",
)
@click.option("--json", "as_json", is_flag=True, help="All rows as JSON, one object per line.")
@click.option(
    "--parquet", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="All rows into a Parquet file."
)
@click.option(
    "--rows", metavar="N", type=click.IntRange(1, MOST_ROWS), help=f"Rows of the table.  [default: {SHOWN_ROWS}]"
)
@click.option("--site", metavar="KEY", help="Only this site's events.  [default: all sites, see the column site]")
@click.option("--from", "first", metavar="DAY", type=DAY, help="The first day, YYYY-MM-DD in the site's time zone.")
@click.option("--to", "last", metavar="DAY", type=DAY, help="The last day.")
@click.option("--archive", metavar="URL", help="Folder or URL of the history.  [default: from the settings]")
@config_option
def query(
    sql: str,
    as_csv: bool,
    as_json: bool,
    parquet: Path | None,
    rows: int | None,
    site: str | None,
    first: datetime | None,
    last: datetime | None,
    archive: str | None,
    config: Path | None,
) -> None:
    """Query the history in SQL: what pages, servers and imports told, with all data that are still kept.

    \b
    events, sessions                            what happened on the pages
    orders, order_items, refunds, deliveries    the shop, whoever told of it
    products, product_sales, customer_value     what is sold, and what customers bring and cost
    contacts, service, agreements               the service desk
    sends, offers, answers                      campaigns, offers, surveys

    The dialect is DuckDB's; - reads it from stdin. A query can only read the history, and writes nothing.
    docs/history.md has every column, docs/questions.md two dozen questions with their SQL;
    `wakeline query "describe orders"` lists the columns.

    \b
    wakeline query "select source, count(*) from sessions where not continued group by all"
    wakeline query "select channel, sum(revenue) from orders group by all"
    wakeline query "select topic, count(*) from contacts where is_open group by all"
    wakeline query "from orders" --from 2026-11-01 --to 2026-11-30 --csv > november.csv
    """
    read_config = read(config, {"archive": archive}, else_demo=True)
    if sum((as_csv, as_json, parquet is not None)) > 1:
        raise Refused("use only one of --csv, --json and --parquet")
    if parquet and not parquet.absolute().parent.is_dir():
        raise Refused(f"there is no folder {parquet.absolute().parent} to write {parquet.name} to")
    if sql == "-":
        sql = sys.stdin.read()
    if first and last and first > last:
        raise Refused(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    if site is not None and site not in read_config.sites and archive is None:
        raise Refused(
            f"there is no site {site} in {read_config.path} (it has {', '.join(read_config.sites) or 'none'})"
        )
    from wakeline.history import History, archive_url

    url = archive_url(read_config.settings)
    if url is None:
        raise Refused("no history is kept: archive is off in the settings. Name another location with --archive")
    history = History(url)
    is_new = archive is None  # of an own site, which may have begun a moment ago
    part = parquet and parquet.absolute().with_name(f".{parquet.name}.part")
    with _errors(url, read_config.settings.archive_seal_s):
        from ops.cli import rows as shown
        from reports import Query, ask

        question = Query(sql, site, first and first.date(), last and last.date())
        sites = read_config.sites
        zones = {key: each.time_zone for key, each in sites.items()}
        with (
            _progress() as progress,
            ask(
                history, question, zones=zones, sites=sites.values(), progress=progress.tell, parquet=part,
                may_be_empty=is_new,
            ) as answer,
        ):  # fmt: skip
            progress.end()
            if not history.lanes():
                click.echo(
                    f"{_nothing_yet(url, read_config.settings.archive_seal_s)}, and this is the answer", err=True
                )
            if parquet and part:
                _store(answer, parquet, part)
            elif as_csv:
                shown.write_csv(answer, sys.stdout)
            elif as_json:
                shown.write_json(answer, sys.stdout)
            else:
                shown.show(answer, most=rows or SHOWN_ROWS)


def _store(answer: Result, file: Path, part: Path) -> None:
    """Written under another name, then renamed, so that no partial file is left."""
    try:
        answer.write_parquet(part)
        part.replace(file)
    finally:
        if part.is_file():
            part.unlink()
    click.echo(f"{answer.count:,} rows are in {file}", err=True)


class _Progress:
    """A progress bar on stderr while the history is read, if that is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("reading the history"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self.start: Callable[[], None] = self._bar.start
        self.end: Callable[[], None] = self._bar.stop

    def tell(self, done: int, of: int) -> None:
        self._bar.update(self._task, completed=done, total=of)


@contextmanager
def _progress() -> Iterator[_Progress]:
    progress = _Progress()
    progress.start()
    try:
        yield progress
    finally:
        progress.end()


def _nothing_yet(url: str, seal_s: float) -> str:
    return (
        f"there is no history in {url} yet: while `wakeline up` runs, what happens is in it after {seal_s:g} s at most "
        "(archive_seal_s in wakeline.toml)"
    )


@contextmanager
def _errors(url: str, seal_s: float) -> Iterator[None]:
    from wakeline.history import HistoryDamaged, HistoryUnavailable
    from wakeline.log import LogMismatch

    try:
        import duckdb  # noqa: F401  # an extra
    except ImportError:
        raise Refused(f"DuckDB answers such questions: {install('query')}", FAILED) from None
    from reports import InvalidQuery, NoHistory

    try:
        yield
    except InvalidQuery as error:
        raise Refused(str(error)) from None
    except NoHistory:
        other = "to use another location, set --archive, WAKELINE_ARCHIVE or archive in wakeline.toml"
        raise Refused(f"{_nothing_yet(url, seal_s)}\n{other}", FAILED) from None
    except (HistoryDamaged, HistoryUnavailable, LogMismatch) as error:
        raise Refused(str(error), FAILED) from None
    except OSError as error:
        raise Refused(f"cannot be written: {error}", FAILED) from None
