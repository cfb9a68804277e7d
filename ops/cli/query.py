"""`wakeline query`: queries the history in SQL."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.asking import DAY, asked
from ops.cli.errors import Refused
from ops.cli.options import config_option, read

if TYPE_CHECKING:
    from reports import Result

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
    campaigns, campaign_days, campaign_elements  what campaigns brought and cost
    credits, campaign_credit                    which visits an order is owed to
    sends, offers, answers                      mails and letters, offers, surveys

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
    part = parquet and parquet.absolute().with_name(f".{parquet.name}.part")
    with asked(read_config, sql, site=site, first=first, last=last, archive=archive, parquet=part) as answer:
        from ops.cli import rows as shown

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
