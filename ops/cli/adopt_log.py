"""`wakeline adopt-log`: continue with another log after the previous one was lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import redis_errors
from ops.cli.options import SettingsCommand, all_settings, read
from wakeline.settings import Settings


@click.command("adopt-log", cls=SettingsCommand, short_help="Continue without the previous log.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@all_settings
def adopt_log(yes: bool, config: Path | None, **flags: Any) -> None:
    """Continue with the log named in the settings, although the previous one is lost and was not read to its end.

    Records of the previous log that are not in the profiles yet are lost: use this only if neither the log nor a copy
    can be recovered. Otherwise set log_before to its URL, and nothing is lost.
    """
    settings = read(config, flags, else_demo=True).settings
    confirm("Give up the unapplied records of the previous log?", yes=yes, for_good=True)
    with redis_errors(settings.redis):
        places = asyncio.run(_adopt(settings))
    click.echo(f"this is the deployment's log now: it continues after {sum(places)} applied records")


async def _adopt(settings: Settings) -> list[int]:
    from wakeline import keys
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.log.chain import adopt
    from wakeline.log.opening import plain_log
    from wakeline.redis.connect import connect

    async with connect(settings.redis) as redis:
        values: list[bytes | None] = await redis.hmget(keys.DEPLOYMENT, FIELDS)  # type: ignore[assignment]
        lanes = stored_deployment(values).lanes
        log = await plain_log(settings.log or settings.redis, lanes)
        try:
            return await adopt(log, redis, lanes)
        finally:
            await log.close()
