"""`wakeline replay`: rebuilds all data derived from the log beside the live version, then switches to them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, some_settings
from wakeline import logs

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from processor.replay import Progress as Folded
    from processor.replay import Replay
    from processor.switch import Switch
    from wakeline.applied import Now, Of
    from wakeline.keys import Keys
    from wakeline.lanes import Deployment
    from wakeline.log import Log
    from wakeline.settings import Config, Settings


@click.command(short_help="Rebuild profiles and numbers from the history, while the deployment runs.")
@click.option("--from", "since", metavar="start|TIME", help="Where to begin: start, or an ISO time (UTC by default).")
@click.option("--into", type=click.IntRange(1), metavar="N", help="The key version to build.  [default: the next one]")
@click.option(
    "--rules",
    type=click.Choice(["now"]),
    help="now: today's rules hold from the start.  [default: each from when it was applied]",
)
@click.option("--no-switch", is_flag=True, help="Only build it; the same command without this flag switches later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--abort", is_flag=True, help="Revert an interrupted switch.")
@click.option("--drop", type=click.IntRange(1), metavar="N", help="Remove key version N, which is not live.")
@click.option("--lane", type=click.IntRange(0), metavar="N", help="Rebuild the torn lane N in place.")
@some_settings("redis", "data", "log", "log_before", "archive", "log_format")
def replay(
    since: str | None,
    into: int | None,
    rules: str | None,
    no_switch: bool,
    yes: bool,
    abort: bool,
    drop: int | None,
    lane: int | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Rebuild profiles and numbers from the history and the log, beside the live version; then switch to them.

    Use it after a change of rules (--rules now), a bug fix or a late change of a site's settings. The live version
    keeps running; the switch at the end takes a second or two, in which profiles stay readable. If it is interrupted,
    by Ctrl-C or a crash, the same command continues. The previous version uses memory until it is removed with --drop;
    --into switches back to it.

    Rules that were applied (`wakeline apply`), such as interests, hold from their record in the log; the first one also
    before it. With --rules now, those applied today hold from the start.

    From the start, customers are rebuilt like visitors, by the present code. With a TIME, and with --lane, they get
    the contributions recorded in the log, as computed then.

    With a TIME, profiles and numbers begin there: people identified before are linked again at their next identify. If
    that comes after the switch, events between TIME and the switch count twice for the customer. So choose an early
    time, or start.
    """
    if sum(asked is not None and asked is not False for asked in (abort or None, drop, lane)) > 1:
        raise Refused("use only one of --abort, --drop and --lane")
    read_config = read(config, flags, else_demo=True)
    logs.configure(read_config.settings.log_format, "")
    begin = _ms(since) if since else ""
    with redis_errors(read_config.settings.redis), _words():
        if abort:
            asyncio.run(_abort(read_config))
        elif drop is not None:
            asyncio.run(_drop(read_config, drop, yes))
        elif lane is not None:
            asyncio.run(_rebuild(read_config, lane, begin))
        else:
            asyncio.run(_replay(read_config, begin, into, rules, no_switch, yes))


def _ms(since: str) -> str:
    """The processor's format: start, or ms since 1970."""
    if since == "start":
        return since
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise Refused(f"--from {since}: neither start nor a time such as 2026-11-01 or 2026-11-01T08:30") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise Refused(f"--from {since} is in the future")
    return str(round(moment.timestamp() * 1000))


@contextmanager
def _words() -> Iterator[None]:
    from processor.store import LaneLost, LaneTorn
    from processor.switch import SwitchRefused
    from processor.torn import NotTorn
    from processor.versions import VersionRefused
    from wakeline.history import HistoryDamaged
    from wakeline.log import LogGap

    try:
        yield
    except (VersionRefused, SwitchRefused, NotTorn, LogGap, HistoryDamaged) as error:
        raise Refused(str(error), FAILED) from None
    except LaneLost as error:
        raise Refused(f"another replay or a processor took over: {error}", FAILED) from None
    except LaneTorn as error:
        raise Refused(f"{error}; if the version is not live, remove it with --drop and start over", FAILED) from None
    except KeyboardInterrupt:
        raise Refused("interrupted; the same command continues from here", FAILED) from None


# ---- the actions --------------------------------------------------------------------------------------


async def _replay(config: Config, since: str, into: int | None, rules: str | None, no_switch: bool, yes: bool) -> None:
    from ops.cli.progress import progress_bar
    from processor.switch import Switch
    from processor.versions import begin
    from wakeline.keys import DEPLOYMENT, Keys

    async with _opened(config.settings) as (redis, deployment, log, whole):
        await _name_unconfigured(config, redis, deployment)
        moving = await redis.hget(DEPLOYMENT, "moving")
        chosen = into or (int(moving.split()[0]) if moving else deployment.version + 1)
        if not (since or into or moving or no_switch or yes):
            await _ask_to_switch(redis, Keys(chosen))
        switch = Switch(redis, log, live=Keys(deployment.version), into=Keys(chosen), lanes=deployment.lanes)
        crosses = await begin(
            redis,
            whole,
            live=Keys(deployment.version),
            into=Keys(chosen),
            places=await switch.places(),
            since=since,
            now=await _rules_of_today(redis, config) if rules else None,
        )
        with progress_bar(f"key version {chosen}", "records") as (ahead, folded):
            made = _made(config, redis, deployment, whole, Keys(chosen), folded, crosses=crosses)
            await switch.approach(made, ahead)
        if no_switch:
            click.echo(f"key version {chosen} is built; `wakeline replay --into {chosen}` switches to it")
            return
        await _compare(redis, deployment, chosen, yes)
        await _to_its_end(switch, made)
    click.echo(f"key version {chosen} is live")
    former = deployment.version
    click.echo(f"`wakeline replay --drop {former}` removes the other one, `wakeline replay --into {former}` goes back")


async def _ask_to_switch(redis: Redis, into: Keys) -> None:
    """Ask before a command that names nothing switches to a version that is there already."""
    if not await redis.exists(into.replay) and not await redis.exists(into.lane(0)):
        return
    version = into.version
    if not sys.stdin.isatty():
        raise Refused(f"key version {version} was begun before: --into {version} completes it and switches to it")
    click.confirm(f"Key version {version} was begun before. Complete it and switch to it?", abort=True)


async def _name_unconfigured(config: Config, redis: Redis, deployment: Deployment) -> None:
    from redis.exceptions import NoPermissionError

    from ops.check.sites import unconfigured
    from wakeline.keys import Keys

    with suppress(NoPermissionError):
        if found := await unconfigured(redis, Keys(deployment.version), config.sites):
            click.echo(
                f"in the data, but not configured: {', '.join(found)}; their records become dead letters", err=True
            )


async def _rules_of_today(redis: Redis, config: Config) -> dict[Of, Now]:
    """What is applied, which has to be what the configuration says."""
    from ops.definitions import compare
    from wakeline.applied import Now, applied

    said = await applied(redis)
    if compare(config, said, {}) or not all(one.is_everywhere for one in said.values()):
        raise Refused("wakeline.toml contains changes that are not applied yet: `wakeline apply` first", FAILED)
    return {of: Now(one.version, one.body) for of, one in said.items()}


async def _to_its_end(switch: Switch, made: Replay) -> None:
    """Delays Ctrl-C: a half-done switch would block the live numbers."""
    switching = asyncio.ensure_future(switch.run(made))
    while not switching.done():
        try:
            await asyncio.shield(switching)
        except asyncio.CancelledError:
            if switching.cancelled():
                raise
            click.echo("completing the switch, which takes a second; Ctrl-C again leaves it half done", err=True)
    switching.result()


async def _compare(redis: Redis, deployment: Deployment, chosen: int, yes: bool) -> None:
    """More dead letters than before suggest that the configuration differs from the processor's."""
    from wakeline.keys import Keys

    dead = {}
    for version in (deployment.version, chosen):
        found = [await redis.hget(Keys(version).lane(lane), "dead") for lane in range(deployment.lanes)]
        dead[version] = sum(int(count or 0) for count in found)
    more = dead[chosen] - dead[deployment.version]
    if more <= 0 or yes:
        return
    words = f"the new version has {more} more dead letters than the live one: is this the processor's configuration?"
    if not sys.stdin.isatty():
        raise Refused(f"{words}\nif so, add --yes; if not, name it with --config after --drop {chosen}", FAILED)
    click.confirm(f"{words} Switch to it?", abort=True)


async def _rebuild(config: Config, lane: int, since: str) -> None:
    from ops.cli.progress import progress_bar
    from processor.torn import TornLane
    from wakeline.keys import Keys

    async with _opened(config.settings) as (redis, deployment, _, whole):
        if lane >= deployment.lanes:
            raise Refused(f"there is no lane {lane}: the last one is {deployment.lanes - 1}")
        live = Keys(deployment.version)
        torn = TornLane(redis, whole, live=live, lane=lane, since=since)
        upto = await torn.prepare()
        with progress_bar(f"lane {lane}", "records") as (ahead, folded):
            made = _made(config, redis, deployment, whole, live, folded, crosses=False, moved=str(live.version))
            ahead(upto - (await made.place(lane)).offset)
            await torn.rebuild(made, upto)
    click.echo(f"lane {lane} is rebuilt up to record {upto}; a processor continues from there")


async def _abort(config: Config) -> None:
    from processor.switch import take_back
    from wakeline.keys import Keys

    async with _redis(config.settings) as (redis, deployment):
        was_begun = await take_back(redis, live=Keys(deployment.version), lanes=deployment.lanes)
    click.echo(
        f"switch reverted: key version {deployment.version} stays live" if was_begun else "there is no switch to revert"
    )


async def _drop(config: Config, version: int, yes: bool) -> None:
    from ops.cli.progress import progress_bar
    from processor.versions import drop

    async with _redis(config.settings) as (redis, _):
        confirm(f"Remove key version {version} completely?", yes=yes, for_good=False)
        with progress_bar(f"removing key version {version}", "keys") as (_, dropped):
            count = await drop(redis, version, dropped=dropped)
    click.echo(f"key version {version} is removed: {count} keys")


# ---- shared -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[tuple[Redis, Deployment]]:
    from wakeline.keys import DEPLOYMENT
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.redis.connect import connect

    async with connect(settings.redis, timeout=10.0) as redis:
        values: Any = await redis.hmget(DEPLOYMENT, FIELDS)
        yield redis, stored_deployment(values)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Redis, Deployment, Log, Log]]:
    """Redis, the deployment, the log, and the log including its history."""
    from wakeline.history import History, HistoryLog, archive_url
    from wakeline.log.opening import open_log

    async with _redis(settings) as (redis, deployment):
        log = await open_log(settings, deployment.lanes)
        url = archive_url(settings)
        try:
            yield redis, deployment, log, log if url is None else HistoryLog(History(url), log)
        finally:
            await log.close()


def _made(
    config: Config,
    redis: Redis,
    deployment: Deployment,
    log: Log,
    keys: Any,
    folded: Folded,
    *,
    crosses: bool,
    moved: str = "",
) -> Replay:
    from crm.sites import SiteFacts
    from processor.replay import Replay

    sites = {key: SiteFacts(site) for key, site in config.sites.items()}
    return Replay(
        log, redis, sites=sites, deployment=deployment, key_space=keys, crosses=crosses, moved=moved, progress=folded
    )
