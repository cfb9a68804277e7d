"""`wakeline erase`: forget a person."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import click

from wakeline.cli.errors import redis_errors
from wakeline.cli.options import read, secret_of, site_of, site_option, some_settings
from wakeline.identity import customer_id
from wakeline.settings import Settings


@click.command(short_help="Forget a person.")
@click.argument("id")
@site_option
@click.option("--customer", is_flag=True, help="ID is your own id of a customer, not a visitor's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@some_settings("redis", "log", "log_before")
def erase(id: str, key: str | None, customer: bool, yes: bool, config: Path | None, **flags: Any) -> None:
    """Forget visitor ID, the customer it is linked to, and that customer's other visitors.

    It is a record in the log, carried out by the processor, and cannot be taken back: records that come late, and
    a replay of the log, leave the person out too.
    """
    read_config = read(config, flags, else_demo=True)
    site = site_of(read_config, key)
    if customer and not id.startswith("@"):
        id = customer_id(secret_of(site), id)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Forget {id} of site {site.key} for ever?", abort=True)
    with redis_errors(read_config.settings.redis):
        asyncio.run(_append(read_config.settings, site.key, id))
    click.echo(f"{id} is being forgotten: it is in the log, the processor does it within a second.")


async def _append(settings: Settings, site: str, id: str) -> None:
    from wakeline import keys
    from wakeline.connect import connect
    from wakeline.lanes import FIELDS, lane_of, stored_deployment
    from wakeline.log.opening import open_log
    from wakeline.record import Erase, encode_record

    async with connect(settings.redis) as redis:
        values: list[bytes | None] = await redis.hmget(keys.DEPLOYMENT, FIELDS)  # type: ignore[assignment]
        deployment = stored_deployment(values)
    log = await open_log(settings, deployment.lanes)
    try:
        record = Erase(site=site, id=id, time=time.time_ns() // 1_000_000)
        await log.append([(lane_of(site, id, deployment.lanes), encode_record(record))])
    finally:
        await log.close()
