"""`wakeline dead-letters`: records that could not be folded and were set aside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import config_option, read, redis_option, some_settings
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS
from wakeline.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from wakeline.dead_letters import DeadLetter
    from wakeline.keys import Keys


@click.group("dead-letters", short_help="Records that could not be folded: show, retry, drop.")
def dead_letters() -> None:
    """Records that could not be folded and were set aside, so that their lane could continue.

    Reasons: malformed (not a valid record), unknown_site (the site was not configured), bug (a rule raised an error),
    conflict (a server used one id for two different events: the first stands; send the second under an id of its own,
    and drop the letter). `wakeline replay` processes each of the others again at its place, and folds those whose
    cause was fixed.
    """


def _filters(function: Any) -> Any:
    for option in (
        click.option("--lane", type=click.IntRange(0), metavar="N", help="Only this lane."),
        click.option("--reason", metavar="WORD", help="Only reasons with this prefix."),
    ):
        function = option(function)
    return function


@dead_letters.command("list")
@_filters
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="How many to show.")
@click.option("--json", "as_json", is_flag=True, help="All of them, one JSON object per line.")
@config_option
@redis_option
def list_letters(
    lane: int | None, reason: str | None, limit: int, as_json: bool, config: Path | None, redis: str | None
) -> None:
    """Count them by reason, and show the newest."""
    letters = _read(read(config, {"redis": redis}, else_demo=True).settings, _matching(lane, reason))
    if as_json:
        import msgspec

        from wakeline.escape import in_json

        for letter in letters:
            click.echo(in_json(msgspec.json.encode(letter).decode()))
        return
    _show_list(letters, limit)


@dead_letters.command()
@click.argument("id")
@config_option
@redis_option
def show(id: str, config: Path | None, redis: str | None) -> None:
    """Show the dead letter ID, as named by `list`: its record, and the traceback if a rule raised."""
    settings = read(config, {"redis": redis}, else_demo=True).settings
    (letter,) = _read(settings, _named((id,)), wanted=(id,))
    click.echo(f"{letter.id}  set aside {_moment(letter)}  {_inert(letter.reason)}")
    click.echo(_inert(letter.record))
    if letter.error:
        click.echo()
        click.echo("\n".join(_inert(line) for line in letter.error.splitlines()))


@dead_letters.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_of_them", is_flag=True, help="All, or all that match --lane and --reason.")
@_filters
@click.option("--yes", is_flag=True, help="Do not ask.")
@some_settings("redis", "log", "log_before")
def retry(
    ids: tuple[str, ...],
    all_of_them: bool,
    lane: int | None,
    reason: str | None,
    yes: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Append their records to the log again, after the cause is fixed, and remove them from the list.

    Each gets a new offset and counts at its original time; repeated ones are duplicates. Events older than 8 days are
    rejected as too late: use a replay for those.
    """
    chosen = _chosen(ids, all_of_them, lane, reason)
    settings = read(config, flags, else_demo=True).settings
    letters = _read(settings, chosen, wanted=ids)
    derived = [letter.id for letter in letters if letter.is_derived]
    if derived:
        raise Refused(
            f"{', '.join(derived)}: made by the processor itself, and later records are applied already\n"
            "only a replay folds it at its place: `wakeline replay --from start`",
            FAILED,
        )
    if forgotten := [letter.id for letter in letters if letter.is_forgotten]:
        raise Refused(f"{', '.join(forgotten)}: the person was erased and the record was not kept: drop it", FAILED)
    if damaged := [letter.id for letter in letters if not letter.is_text]:
        raise Refused(f"{', '.join(damaged)}: not valid text and cannot be retried: drop it", FAILED)
    old = sum(letter.is_too_late() for letter in letters)
    also = f" ({old} of them are older than {LATE_MS // DAY_MS} days and will be rejected as too late)" if old else ""
    confirm(f"Append {_count(letters)} to the log again{also}?", yes=yes, for_good=False)
    with redis_errors(settings.redis):
        asyncio.run(_retry(settings, letters))
    click.echo(f"{_count(letters)} appended again")


@dead_letters.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_of_them", is_flag=True, help="All, or all that match --lane and --reason.")
@_filters
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@config_option
@redis_option
def drop(
    ids: tuple[str, ...],
    all_of_them: bool,
    lane: int | None,
    reason: str | None,
    yes: bool,
    config: Path | None,
    redis: str | None,
) -> None:
    """Remove them from the list. They stay in the log and in the ledger, and a replay processes them again."""
    chosen = _chosen(ids, all_of_them, lane, reason)
    settings = read(config, {"redis": redis}, else_demo=True).settings
    letters = _read(settings, chosen, wanted=ids)
    confirm(f"Remove {_count(letters)}?", yes=yes, for_good=True)
    with redis_errors(settings.redis):
        asyncio.run(_drop(settings, letters))
    click.echo(f"{_count(letters)} removed")


# ---- which ones -----------------------------------------------------------------------------------------

Choice = Callable[["DeadLetter"], bool]


def _matching(lane: int | None, reason: str | None) -> Choice:
    return lambda letter: (lane is None or letter.lane == lane) and letter.reason.startswith(reason or "")


def _named(ids: tuple[str, ...]) -> Choice:
    return lambda letter: letter.id in ids


def _chosen(ids: tuple[str, ...], all_of_them: bool, lane: int | None, reason: str | None) -> Choice:
    if bool(ids) == all_of_them:
        raise Refused("which ones? Give their IDs from `wakeline dead-letters list`, or --all")
    if ids and (lane is not None or reason):
        raise Refused("--lane and --reason require --all")
    return _named(ids) if ids else _matching(lane, reason)


def _read(settings: Settings, choice: Choice, *, wanted: tuple[str, ...] = ()) -> list[DeadLetter]:
    """The dead letters selected by `choice`, newest first. Ends the command if a `wanted` one does not exist."""
    with redis_errors(settings.redis):
        letters = asyncio.run(_all(settings, choice))
    if missing := set(wanted) - {letter.id for letter in letters}:
        raise Refused(f"there is no dead letter {', '.join(sorted(missing))}: see `wakeline dead-letters list`", FAILED)
    return letters


def _count(letters: list[DeadLetter]) -> str:
    return f"{len(letters):,} dead letter{'' if len(letters) == 1 else 's'}"


# ---- what is shown --------------------------------------------------------------------------------------


def _show_list(letters: list[DeadLetter], limit: int) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not letters:
        console.print("no dead letters")
        return
    for kind, count in Counter(letter.reason.partition(":")[0] for letter in letters).most_common():
        console.print(Text(f"{count:>8,}  {_inert(kind)}"))
    table = Table("id", "set aside", "reason", "record", box=SIMPLE)
    for letter in letters[:limit]:
        reason, record = (
            Text(_inert(text), no_wrap=True, overflow="ellipsis") for text in (letter.reason, letter.record)
        )
        table.add_row(letter.id, _moment(letter), reason, record)
    if limit:
        console.print(table)
    if len(letters) > limit:
        console.print(f"{len(letters) - limit:,} more: --limit, --lane, --reason")


def _moment(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(letter.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _inert(text: str) -> str:
    """Untrusted text without control characters for the terminal."""
    from wakeline.escape import plain

    return plain(text)


# ---- Redis and the log ----------------------------------------------------------------------------------


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Redis, Keys, int]]:
    """Redis, the live keys, the number of lanes."""
    from wakeline.keys import DEPLOYMENT, Keys
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.redis.connect import connect

    async with connect(settings.redis, timeout=10.0) as redis:
        values: Any = await redis.hmget(DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        yield redis, Keys(deployment.version), deployment.lanes


async def _all(settings: Settings, choice: Choice) -> list[DeadLetter]:
    from wakeline.dead_letters import dead_letters

    async with _opened(settings) as (redis, live, lanes):
        return await dead_letters(redis, live, range(lanes), choice)


async def _retry(settings: Settings, letters: list[DeadLetter]) -> None:
    from wakeline.dead_letters import completed, retry
    from wakeline.log.opening import open_log

    async with _opened(settings) as (redis, live, lanes):
        log = await open_log(settings, lanes)
        try:
            letters = await completed(redis, live, log, letters)
            if cut := [letter.id for letter in letters if letter.is_cut]:
                raise Refused(
                    f"{', '.join(cut)}: the dead letter is incomplete, and the log no longer has the record\n"
                    "if the history has, a replay folds it: `wakeline replay --from start`",
                    FAILED,
                )
            await retry(redis, live, log, letters)
        finally:
            await log.close()


async def _drop(settings: Settings, letters: list[DeadLetter]) -> None:
    from wakeline.dead_letters import drop

    async with _opened(settings) as (redis, live, _):
        await drop(redis, live, letters)
