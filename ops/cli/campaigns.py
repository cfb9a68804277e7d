"""`wakeline campaigns`: what campaigns brought, and what they cost."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.asking import DAY, asked, errors
from ops.cli.errors import FAILED, Refused
from ops.cli.options import config_option, read, redis_option, site_of, site_option
from wakeline.definitions import CREDIT_MODELS
from wakeline.process import take_at_most, yielding

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 1_000  # rows of a table
DAYS_SHOWN = 31  # of one campaign, the latest
COUNTS = "visits, sent, opened, clicked, orders, revenue"
PER_COST = "try_cast(sum(revenue) / nullif(sum(cost), 0) AS DECIMAL(38, 2)) AS revenue_per_cost"

LIST = f"""
SELECT campaign, type, starts, ends, {COUNTS}, cost, any_value(currency) AS currency, {PER_COST}
FROM campaigns GROUP BY ALL
"""
LIST_ORDER = "ORDER BY type NULLS LAST, starts, campaign"
SUMS = ", ".join(f"sum({name}) AS {name}" for name in (*COUNTS.split(", "), "cost"))
TYPES = f"""
SELECT coalesce(type, '(not planned)') AS type, count(*) AS campaigns, {SUMS}, any_value(currency) AS currency,
    {PER_COST}
FROM campaigns GROUP BY ALL
"""
TYPES_ORDER = "ORDER BY revenue DESC, type"
ONE = f"""
SELECT campaign, type, starts, ends, audience, goal, {COUNTS}, bounces, bounced, unsubscribed,
    opens_by_machines, clicks_by_machines, cost,
    any_value(currency) AS currency, {PER_COST}
FROM campaigns WHERE campaign = {{campaign}} GROUP BY ALL
"""
OF_MODEL = """
SELECT campaign, type, orders, revenue, margin, cost, profit, currency, return_on_cost
FROM campaign_credit WHERE model = '{model}'
"""
MODEL_ORDER = "ORDER BY profit DESC NULLS LAST, campaign"
OF_MODELS = """
SELECT model, orders, revenue, margin, profit, return_on_cost FROM campaign_credit WHERE campaign = {campaign}
"""
OF_DAYS = f"""
SELECT day, {COUNTS}, cost FROM (
    FROM campaign_days WHERE campaign = {{campaign}} ORDER BY day DESC LIMIT {DAYS_SHOWN}
) ORDER BY day
"""
OF_ELEMENTS = f"""
SELECT kind, element, {COUNTS} FROM campaign_elements WHERE campaign = {{campaign}}
ORDER BY kind, revenue DESC, visits DESC, clicked DESC, element
"""


@click.group(short_help="Show what campaigns brought, and what they cost.")
def campaigns() -> None:
    """Show what campaigns brought, and what they cost, from the history.

    A campaign is planned in wakeline.toml: its type, its dates, its costs. One that visits or mails name without a
    plan is shown, too. docs/campaigns.md says how things are counted.

    \b
    wakeline campaigns list
    wakeline campaigns list --by-type --from 2026-11-01
    wakeline campaigns list --model linear
    wakeline campaigns show spring-sale
    wakeline campaigns publish
    """


def _days(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--to", "last", metavar="DAY", type=DAY, help="The last day.")(command)
    return click.option("--from", "first", metavar="DAY", type=DAY, help="The first day, YYYY-MM-DD.")(command)


@campaigns.command("list", short_help="All campaigns.")
@click.option("--by-type", is_flag=True, help="One row per type, to compare them.")
@click.option("--model", type=click.Choice(CREDIT_MODELS), help="What each is owed of orders: docs/campaigns.md.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object per line; with `opened` and `currency`.")
@_days
@site_option
@config_option
def list_(
    by_type: bool,
    model: str | None,
    as_json: bool,
    first: datetime | None,
    last: datetime | None,
    key: str | None,
    config: Path | None,
) -> None:
    """All campaigns, by type: visits, mails, orders, revenue, cost, and what was earned for each unit that was paid."""
    if by_type and model:
        raise Refused("use only one of --by-type and --model")
    read_config = read(config, {}, else_demo=True)
    site = site_of(read_config, key)
    if model:
        sql, order = OF_MODEL.format(model=model), MODEL_ORDER
    else:
        sql, order = (TYPES, TYPES_ORDER) if by_type else (LIST, LIST_ORDER)
    shown = "*" if as_json else "* EXCLUDE (currency)" if model else "* EXCLUDE (opened, currency)"  # narrow enough
    sql = f"SELECT {shown} FROM ({sql}) {order}"
    with asked(read_config, sql, site=site.key, first=first, last=last) as answer:
        from ops.cli import rows

        if as_json:
            rows.write_json(answer, click.get_text_stream("stdout"))
            return
        rows.show(answer, most=MOST)
        if site.currency:
            click.echo(f"amounts are in {site.currency}", err=True)


@campaigns.command(short_help="One campaign by day and by element.")
@click.argument("campaign")
@_days
@site_option
@config_option
def show(campaign: str, first: datetime | None, last: datetime | None, key: str | None, config: Path | None) -> None:
    """One campaign: what it brought and cost, by day, and by content, term, landing page, hour, subject, creative."""
    read_config = read(config, {}, else_demo=True)
    site = site_of(read_config, key)
    name = "'" + campaign.replace("'", "''") + "'"
    whole, *parts = (sql.format(campaign=name) for sql in (ONE, OF_MODELS, OF_DAYS, OF_ELEMENTS))
    # all of it is read at once, so that the parts add up
    with asked(read_config, ";".join((*parts, whole)), site=site.key, first=first, last=last) as answer:
        from ops.cli import rows

        if not answer.count:
            raise Refused(
                f"site {site.key} has no campaign {campaign}: neither in its settings nor in a visit or a mail; "
                "`wakeline campaigns list` has them all",
                FAILED,
            )
        rows.show(answer, most=1)
        for sql in parts:
            click.echo()
            rows.show(answer.then(sql), most=MOST)


@campaigns.command(short_help="Compute what the boards show of campaigns.")
@click.option("--most-mb", type=click.IntRange(100), metavar="N", help="Give up rather than take more memory.")
@redis_option
@config_option
def publish(most_mb: int | None, redis: str | None, config: Path | None) -> None:
    """Compute once what the boards show of campaigns, from the history, and store it in Redis.

    The archiver does this by itself: docs/campaigns.md. Until it is done, what was computed before is shown.
    """
    if most_mb:
        take_at_most(most_mb)
    read_config = read(config, {"redis": redis}, else_demo=True)
    from wakeline.history import History, archive_url
    from wakeline.redis.connect import connect

    url = archive_url(read_config.settings)
    if url is None:
        raise Refused("no history is kept: archive is off in the settings")

    async def compute() -> int:
        async with connect(read_config.settings.redis) as connection:
            said = await applied(connection)
            sites = [with_told(one, told_of(said, one.key).values()) for one in read_config.sites.values()]
            found = figures(History(url), sites, now=now_ms())
            await store(connection, found)
            return sum(len(site.campaigns) for site in found.sites.values())

    with errors(url, read_config.settings.archive_seal_s):
        from duckdb import OutOfMemoryException as OutOfMemory
        from redis.exceptions import RedisError

        from reports.figures import figures
        from wakeline.applied import applied, told_of
        from wakeline.campaign_figures import store
        from wakeline.clock import now_ms
        from wakeline.planned import with_told

        try:
            with yielding():
                count = asyncio.run(compute())
        except (RedisError, OSError) as error:
            raise Refused(f"nothing was stored: {error}", FAILED) from None
        except (MemoryError, OutOfMemory):
            raise Refused("nothing was stored: it takes more memory than it may have", FAILED) from None
    click.echo(f"what {count:,} campaigns brought is stored: the boards show it")
