"""`wakeline adopt-log`: go on with another log where the former one is gone for good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import redis_errors
from ops.cli.options import SettingsCommand, all_settings, read
from wakeline.settings import Settings


@click.command("adopt-log", cls=SettingsCommand, short_help="Go on without the former log.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where no terminal is.")
@all_settings
def adopt_log(yes: bool, config: Path | None, **flags: Any) -> None:
    """Go on with the log that the settings name, though the one before it is gone and was not read to its end.

    What the former log held and no profile has seen yet is lost: say so only when neither it nor a copy can be had.
    Where it can, set log_before to its URL instead, and nothing is lost.
    """
    settings = read(config, flags, else_demo=True).settings
    confirm("Give up what the former log held and was not applied yet?", yes=yes, for_good=True)
    with redis_errors(settings.redis):
        places = asyncio.run(_adopt(settings))
    click.echo(f"the log is the deployment's now: it goes on after {sum(places)} records that were applied")


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
