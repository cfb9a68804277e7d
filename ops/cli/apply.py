"""`wakeline apply`: what the configuration defines holds from now on, as a record in every lane."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, some_settings
from wakeline.record import MOST_DEFINITION_BYTES
from wakeline.settings import Config, Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ops.definitions import Change
    from wakeline.applied import Applied, Of
    from wakeline.lanes import Deployment

LOST = 3  # exit code where somebody else applied something else at the same time: doing it again would undo that


@click.command(short_help="Put changed interests, campaigns, costs and the like into effect from now on.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--under-up", is_flag=True, hidden=True)
@some_settings("redis", "log", "log_before")
def apply(dry_run: bool, under_up: bool, config: Path | None, **flags: Any) -> None:
    """Put the configured rules of each site into effect from now on: interests, campaigns, costs and the like.

    docs/settings.md lists them. Changes are appended to the log and apply to the events after them; nothing is
    restarted. `wakeline up` does this when it starts, and when the file has changed. `wakeline replay --from start
    --rules now` applies the rules to earlier events as well.
    """
    from wakeline.lanes import DeploymentMismatch

    read_config = read(config, flags, else_demo=dry_run)  # the demo applies its own by itself
    if not read_config.sites:
        raise Refused("no site is configured: name the file of your services with --config")
    try:
        with redis_errors(read_config.settings.redis):
            lines = asyncio.run(_apply(read_config, dry_run=dry_run))
    except DeploymentMismatch as mismatch:
        raise Refused(str(mismatch)) from None
    if under_up:
        lines = [line for line in lines if not line.startswith(" ")]
    elif not lines:
        lines = ["nothing to do: the configured rules are already in effect"]
    for line in lines:
        click.echo(line)


async def _apply(config: Config, *, dry_run: bool) -> list[str]:
    """What was done, or would be, in words; details begin with a space."""
    from ops.definitions import called, compare
    from wakeline.applied import append, applied, met
    from wakeline.log.opening import open_log
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis) as redis:
        deployment = await _deployment(redis, config.settings, makes=not dry_run)
        said = await applied(redis)
        changes = compare(config, said, await met(redis, deployment))
        _refuse_long(changes)
        cut = {of: one for of, one in said.items() if not one.is_everywhere}
        lines = [f"{called(of)}: version {one.version} was cut, and is appended again" for of, one in cut.items()]
        if dry_run or not (cut or changes):
            return lines + [line for change in changes for line in _told(change, "would hold")]
        log = await open_log(config.settings, deployment.lanes)
        try:
            if cut:
                await append(redis, log, deployment.lanes, cut)
                said = await applied(redis)
            new, lost = await _registered(redis, changes, said)
            if new:
                await append(redis, log, deployment.lanes, new)
        finally:
            await log.close()
    if lost:
        names = "\n".join(f"{called(of)}: somebody else has just applied another version, which holds" for of in lost)
        raise Refused(f"{names}\n`wakeline apply --dry-run` shows what is otherwise here", LOST)
    return lines + [line for change in changes for line in _told(change, "is now in effect")]


async def _registered(
    redis: Redis, changes: list[Change], said: Mapping[Of, Applied]
) -> tuple[dict[Of, Applied], list[Of]]:
    """What is ours to append, and what somebody else said otherwise at the same time."""
    from wakeline.applied import AppliedMeanwhile, applied, register

    new, lost = {}, []
    for of, former, body, version in changes:
        known = said.get(of)
        try:
            if (known.version if known else 0) != (former.version if former else 0):
                raise AppliedMeanwhile
            new[of] = await register(redis, of, known, version, body)
        except AppliedMeanwhile:
            theirs = (await applied(redis))[of]
            if bytes(theirs.body) == body:
                new[of] = theirs
            else:
                lost.append(of)
    return new, lost


async def _deployment(redis: Redis, settings: Settings, *, makes: bool) -> Deployment:
    """The deployment; where there is none yet, made if `makes`: what holds at first is then said before any event."""
    from wakeline import keys
    from wakeline.lanes import FIELDS, NoDeployment, open_deployment, stored_deployment

    values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
    try:
        return stored_deployment(values)
    except NoDeployment:
        if not makes:
            raise
        return await open_deployment(redis, settings)


def _refuse_long(changes: list[Change]) -> None:
    from ops.definitions import called

    for change in changes:
        if len(change.body) > MOST_DEFINITION_BYTES:
            raise Refused(
                f"{called(change.of)}: {len(change.body):,} bytes as JSON, more than {MOST_DEFINITION_BYTES:,}", FAILED
            )


def _told(change: Change, holds: str) -> list[str]:
    from ops.definitions import called

    return [f"{called(change.of)}: version {change.version} {holds}", *(f"  {line}" for line in change.words())]
