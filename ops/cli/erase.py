"""`wakeline erase`: erase a person."""

from __future__ import annotations

import asyncio
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, site_of, site_option, some_settings
from ops.cli.person import called, person_of
from wakeline.clock import now_ms
from wakeline.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.lanes import Deployment


class Found(Enum):
    """The data that exist about a person."""

    SOMETHING = "is being forgotten"
    CARD = "is being forgotten, and the card with personal values deleted"
    FORGOTTEN = "was erased before; later data are erased too"
    NOTHING = "is unknown; events that may still arrive will be rejected"


@click.command(short_help="Forget a person.")
@click.argument("id")
@site_option
@click.option("--customer", is_flag=True, help="ID is your own customer id, not a visitor id.")
@click.option("--anyway", is_flag=True, help="Also if ID is unknown: its events may still arrive.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@some_settings("redis", "log", "log_before")
def erase(id: str, key: str | None, customer: bool, anyway: bool, yes: bool, config: Path | None, **flags: Any) -> None:
    """Erase visitor ID, the customer it is linked to, and that customer's other visitors.

    The customer's card, with e-mail address, name and whatever else is personal, is deleted with it; it leaves the
    files of the embedded server within the hour, and backups after 30 days.

    The erasure is a record in the log, executed by the processor, and cannot be undone: late records and a replay of
    the log do not bring the person back. If ID is unknown, the command does nothing and exits with 1, unless --anyway
    is given.
    """
    read_config = read(config, flags, else_demo=True)
    site = site_of(read_config, key)
    person = person_of(site, id, is_customer=customer)
    who = called(id, person)
    confirm(f"Erase {who} of site {site.key} permanently?", yes=yes, for_good=True)
    with redis_errors(read_config.settings.redis):
        found = asyncio.run(_erase(read_config.settings, site.key, person, who, anyway=anyway))
    click.echo(f"{who} {found.value}: it is in the log, the processor executes it within a second.")


async def _erase(settings: Settings, site: str, id: str, who: str, *, anyway: bool) -> Found:
    from wakeline import keys
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.redis.connect import connect

    async with connect(settings.redis) as redis:
        values: list[bytes | None] = await redis.hmget(keys.DEPLOYMENT, FIELDS)  # type: ignore[assignment]
        deployment = stored_deployment(values)
        found = await _find(redis, deployment, site, id)
    letters = await _forget_letters(settings, deployment, site, id)
    if found is Found.NOTHING and letters:
        found = Found.SOMETHING
    if found is Found.NOTHING and not anyway:
        raise Refused(
            f"{who} is unknown on site {site}: the id never existed, or its data have expired\n"
            "if its events may still arrive, --anyway rejects them",
            FAILED,
        )
    await _append(settings, deployment, site, id)
    await _forget_letters(settings, deployment, site, id)  # dead letters added meanwhile
    return found


async def _forget_letters(settings: Settings, deployment: Deployment, site: str, id: str) -> int:
    """Remove the dead letters that name a person; returns their number. Some people are only known from these."""
    from wakeline import keys
    from wakeline.dead_letters import forget
    from wakeline.redis.connect import connect

    async with connect(settings.redis, timeout=10.0) as redis:
        return await forget(redis, keys.Keys(deployment.version), range(deployment.lanes), site, id)


async def _find(redis: Redis, deployment: Deployment, site: str, id: str) -> Found:
    from wakeline import card_keys, keys
    from wakeline.lanes import lane_of
    from wakeline.record import ANONYMOUS_PREFIX

    live, lane = keys.Keys(deployment.version), lane_of(site, id, deployment.lanes)
    kept = live.state if id.startswith(ANONYMOUS_PREFIX) else live.profile  # these have no profile
    if await redis.exists(card_keys.card(lane, site, id)):
        return Found.CARD
    if await redis.exists(kept(lane, site, id)):
        return Found.SOMETHING
    return Found.FORGOTTEN if await redis.exists(keys.tombstone(lane, site, id)) else Found.NOTHING


async def _append(settings: Settings, deployment: Deployment, site: str, id: str) -> None:
    from wakeline.lanes import lane_of
    from wakeline.log.opening import open_log
    from wakeline.record import Erase, encode_record

    log = await open_log(settings, deployment.lanes)
    try:
        record = Erase(site=site, id=id, time=now_ms())
        await log.append([(lane_of(site, id, deployment.lanes), encode_record(record))])
    finally:
        await log.close()
