"""`wakeline report`: the numbers of a site by day, week or month, and its lists."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import Refused, redis_errors
from ops.cli.options import config_option, read, redis_option, site_of, site_option

if TYPE_CHECKING:
    from api.periods import Period, PeriodReader
    from wakeline.numbers.kinds import Top
    from wakeline.settings import Site

DAY = click.DateTime(["%Y-%m-%d"])


class Table:
    """Rows as `ops.cli.rows` shows them."""

    def __init__(self, columns: Sequence[str], found: Sequence[Sequence[Any]]) -> None:
        self.columns = list(columns)
        self.types = [""] * len(columns)
        self.count = len(found)
        self._found = found

    def rows(self, most: int | None = None) -> Iterator[tuple[Any, ...]]:
        yield from map(tuple, self._found[:most])


@click.command(short_help="Show a site's numbers by day, week or month.")
@click.option("--from", "first", type=DAY, required=True, metavar="DAY", help="First day, e.g. 2026-11-01.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last day.  [default: today]")
@click.option("--by", type=click.Choice(["day", "week", "month"]), default="day", show_default=True, help="Add up so.")
@click.option("--list", "what", metavar="LIST", help="A list instead: pages, sources, campaigns, products, ...")
@click.option("--top", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many of a list.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with every number.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line, with every number.")
@site_option
@config_option
@redis_option
def report(
    first: datetime,
    last: datetime | None,
    by: str,
    what: str | None,
    top: int,
    as_csv: bool,
    as_json: bool,
    key: str | None,
    config: Path | None,
    redis: str | None,
) -> None:
    """Show a site's numbers by day, week or month, or the most frequent values of a list.

    \b
    wakeline report --from 2026-11-01 --to 2026-11-30
    wakeline report --from 2026-01-01 --by month --csv > months.csv
    wakeline report --from 2026-11-01 --by week --list campaigns

    The numbers are those of the boards: days end at midnight in the site's time zone, and are kept for two years. A
    period that may still change, as late events may come for eight days, is marked.
    """
    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    if as_csv and as_json:
        raise Refused("--csv or --json, not both")

    from api.periods import KEPT_DAYS, By, periods
    from ops.cli.rows import show, write_csv, write_json
    from wakeline.numbers import TOPS

    lists = {each.name: each for each in TOPS}
    if what is not None and what not in lists:
        raise Refused(f"there is no list {what}: choose one of {', '.join(sorted(lists))}")
    today = datetime.now(site.time_zone).date()
    begins, ends = first.date(), (last.date() if last else today)
    if begins > ends:
        raise Refused(f"--from {begins} is after --to {ends}: no day is between them")
    if ends > today:
        raise Refused(f"--to {ends} is to come: today is {today} in {site.time_zone.key}")
    if (today - begins).days >= KEPT_DAYS:
        click.echo(
            f"days are kept for {KEPT_DAYS} days: earlier ones are empty; `wakeline query` asks the history", err=True
        )
    asked = periods(begins, ends, By(by), today=today)
    url = read_config.settings.redis
    with redis_errors(url):
        found = asyncio.run(
            _read(url, site, asked, lists[what] if what else None, top, is_short=not (as_csv or as_json))
        )
    if as_csv:
        write_csv(found, sys.stdout)
    elif as_json:
        write_json(found, sys.stdout)
    else:
        show(found, most=found.count)


async def _read(url: str, site: Site, asked: Sequence[Period], what: Top | None, top: int, *, is_short: bool) -> Table:
    from api.periods import period_reader
    from ops.cli.progress import progress_bar
    from wakeline.redis.connect import connect

    async with connect(url) as redis:
        reader = await period_reader(redis)
        with progress_bar("reading", "periods") as (ahead, done):
            ahead(len(asked))
            if what is not None:
                return await _listed(reader, site, asked, what, top, done)
            rows = []
            for period in asked:
                rows.append((period, await reader.numbers(site.key, period)))
                done(1)
    return _table(rows, is_short=is_short)


async def _listed(reader: PeriodReader, site: Site, asked: Sequence[Period], what: Top, top: int, done: Any) -> Table:
    """The most frequent values of each period, and the sum of the others."""
    from wakeline.keys import OTHER

    rows: list[Sequence[Any]] = []
    for period in asked:
        values = await reader.values(site.key, period, what)
        other = values.pop(OTHER, 0.0)
        ranked = sorted(
            ((count, value) for value, count in values.items() if count > 0), key=lambda one: (-one[0], one[1])
        )
        shown = [(value, count) for count, value in ranked[:top]]
        other += sum(count for count, _ in ranked[top:])
        for value, count in [*shown, *([(OTHER, other)] if other else [])]:
            rows.append((period.name, value, _plain(count * what.unit), period.may_change))
        done(1)
    return Table(("period", what.label, what.metric, "may_change"), rows)


def _plain(amount: float) -> int | float:
    return int(amount) if amount == int(amount) else amount


SHORT = ("visits", "page_views", "new_visitors", "bounces", "carts", "orders")
"""Counts that a terminal shows, beside the amounts; --csv has all."""


def _table(found: Sequence[tuple[Period, dict[str, int]]], *, is_short: bool) -> Table:
    """A row for each period, a column for each number; amounts in units of their currency, also net."""
    from wakeline.numbers import COUNTS, MARGIN, MARGIN_BACK, MONEYS, REVENUE, REVENUE_BACK, currencies_of
    from wakeline.vocabulary.money import major_units

    counts = [count for count in COUNTS if not is_short or count.name in SHORT]
    known = sorted(currencies_of(name for _, numbers in found for name in numbers))
    nets = (("revenue", REVENUE, REVENUE_BACK), ("margin", MARGIN, MARGIN_BACK))
    columns = ["period", "days", *(count.metric for count in counts)]
    columns += [f"{name} {currency}" for name, _, _ in nets for currency in known]
    if not is_short:
        columns += [f"{money.metric} {currency}" for money in MONEYS for currency in known]
    columns.append("may_change")
    rows: list[Sequence[Any]] = []
    for period, numbers in found:
        row: list[Any] = [period.name, len(period.days)]
        row += [_plain(numbers.get(count.name, 0) * count.unit) for count in counts]
        for _, gained, back in nets:
            for currency in known:
                net = numbers.get(gained.field(currency), 0) - numbers.get(back.field(currency), 0)
                row.append(major_units(net, currency))
        if not is_short:
            row += [major_units(numbers.get(money.field(one), 0), one) for money in MONEYS for one in known]
        rows.append([*row, period.may_change])
    return Table(columns, rows)
