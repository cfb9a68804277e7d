"""`wakeline best`: the customers of the highest revenue or profit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import config_option, read, redis_option, site_of, site_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wakeline.profiles import Ranked


class By(click.Choice[str]):
    """Also takes `value`, the name of the rank by revenue in `wakeline.profiles`."""

    def __init__(self) -> None:
        super().__init__(["revenue", "profit"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert("revenue" if value == "value" else value, param, ctx)


@click.command(short_help="Show the customers of the highest revenue or profit.")
@click.option("--by", type=By(), default="profit", show_default=True, help="Rank by it.")
@click.option("--year", is_flag=True, help="Of the last 365 days, not of all time.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@site_option
@config_option
@redis_option
def best(
    by: str, year: bool, limit: int, as_json: bool, key: str | None, config: Path | None, redis: str | None
) -> None:
    """Show the customers of the highest revenue or profit, in the site's main currency.

    \b
    wakeline best --by revenue --year --limit 100

    `wakeline profile show ID` shows what each bought and what it cost.
    """
    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    if not site.currency:
        raise Refused(f'site {site.key} has no main currency to rank by: set currency = "EUR", or another, for it')
    url, rank = read_config.settings.redis, "value" if by == "revenue" else by
    with redis_errors(url):
        from wakeline.profiles import Profiles

        with Profiles(url) as profiles:
            found = profiles.best(site.key, f"{rank}-year" if year else rank, currency=site.currency, limit=limit)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found, enc_hook=str).decode())
        return
    if not found:
        raise Refused(f"no customer of site {site.key} is worth more than 0 {site.currency} yet", FAILED)
    _show(found, f"{by}, {site.currency}" + (", last 365 days" if year else ""))


def _show(found: Sequence[Ranked], what: str) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    table.add_column("", justify="right", style="dim")
    table.add_column("customer", no_wrap=True)
    table.add_column(what, justify="right")
    for place, one in enumerate(found, start=1):
        table.add_row(str(place), one.customer, f"{one.amount:,f}")
    Console(highlight=False).print(table)
