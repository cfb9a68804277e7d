"""`wakeline key`: API keys, with which servers tell events and read."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, secret_of, site_of, site_option, some_settings
from wakeline.api_keys import MOST_KEYS, MOST_LABEL, NAME, ApiKey, Scope, new_key
from wakeline.clock import now_ms
from wakeline.escape import plain
from wakeline.settings import Config

T = TypeVar("T")


@click.group(short_help="Make, list and revoke API keys for your servers.")
def key() -> None:
    """API keys: a server proves with one that it may tell events of a site, or read what is known.

    \b
    wakeline key make --label "till 3"        shows the key, once
    wakeline key list                         what there is, and when it was last used
    wakeline key revoke NAME                  stops one for good: reading at once, telling within five seconds

    `wakeline key rotate-cards` is about another key: that which encrypts customers' personal values.

    A key looks like wk_NAME_SECRET. NAME is public; Wakeline stores only a hash of SECRET.
    """


@key.command(short_help="Make a key, and show it once.")
@click.option("--label", required=True, metavar="TEXT", help="What it is for, e.g. the name of the server.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    default=(Scope.EVENTS.value,),
    show_default=True,
    help="What it may do; may be repeated. events: tell events; erase: tell `forget`, which erases a person; "
    "links: make links of mails; profiles: read profiles; campaigns: plan campaigns; "
    "cards: read and search customers' personal values.",
)
@site_option
@some_settings("redis")
def make(label: str, scopes: tuple[str, ...], key: str | None, config: Path | None, **flags: Any) -> None:
    """Make a key for a site, and print it.

    It is shown only now: store it where the server reads its secrets, and make one key per server, so that each can be
    revoked by itself. It works within five seconds:

    \b
    curl https://stats.your-site.example/v1/server/events \\
      -H "Authorization: Bearer $WAKELINE_KEY" -H "Content-Type: application/json" \\
      -d '{"events": [{"id": "1", "type": "purchase", "time": "2026-03-01T12:00:00+01:00",
           "customer": "customer-1042", "transaction_id": "A-1001", "value": 154.8, "currency": "EUR"}]}'
    """
    found = read(config, flags, else_demo=True)
    site = site_of(found, key)
    secret_of(site)
    label = plain(label).strip()
    if not 0 < len(label) <= MOST_LABEL:
        raise Refused(f"a label has 1 to {MOST_LABEL} characters")
    name, text, made = new_key(site.key, label, sorted(set(scopes)), now=now_ms())
    _run(found, _add(found, name, made))
    click.echo(
        f"The key {name} of site {site.key} may do: {', '.join(made.scopes)}. It is shown only now, and works within "
        "five seconds:",
        err=True,
    )
    click.echo(text)


@key.command(name="list", short_help="List all keys.")
@some_settings("redis")
def list_(config: Path | None, **flags: Any) -> None:
    """List all keys: name, site, label, scopes, when each was made, last used and revoked.

    The last use is a minute late at most. No command can show a key again.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = read(config, flags, else_demo=True)
    keys, used = _run(found, _all(found))
    if not keys:
        click.echo("there are no keys: wakeline key make makes one")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=1_000)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("name", "site", "label", "scopes", "made", "last used", "revoked"):
        table.add_column(heading)
    for name, one in sorted(keys.items(), key=lambda item: (bool(item[1].revoked), item[1].site, item[1].made)):
        cells = (name, one.site, one.label, ",".join(one.scopes), *map(_day, (one.made, used.get(name), one.revoked)))
        table.add_row(*(Text(plain(cell)) for cell in cells))
    console.print(table)


@key.command(short_help="Revoke a key for good.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@some_settings("redis")
def revoke(name: str, yes: bool, config: Path | None, **flags: Any) -> None:
    """Revoke the key NAME for good: what it tells is refused within five seconds, what it asks at once.

    NAME is the part after wk_, as `wakeline key list` shows it. What was told with the key stays.
    """
    parsed = NAME.fullmatch(name)
    if parsed is None:
        raise Refused("this is no name of a key: 12 letters and digits; `wakeline key list` shows them")
    confirm(f"Revoke the key {parsed[1]}?", yes=yes, for_good=True)
    found = read(config, flags, else_demo=True)
    before = _run(found, _revoke(found, parsed[1]))
    if before is None:
        raise Refused(f"there is no key {parsed[1]}; `wakeline key list` shows all", FAILED)
    when = (
        f"was revoked before, {_day(before.revoked)}"
        if before.revoked
        else "is revoked: it reads no more, and stops telling within five seconds"
    )
    click.echo(f'the key {parsed[1]} of site {before.site} ("{plain(before.label)}") {when}')


async def _add(config: Config, name: str, made: ApiKey) -> None:
    from wakeline.api_keys import TooManyKeys, add
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis) as redis:
        try:
            await add(redis, name, made)
        except TooManyKeys:
            raise Refused(f"there are {MOST_KEYS:,} keys already, revoked ones included", FAILED) from None


async def _all(config: Config) -> tuple[dict[str, ApiKey], dict[str, int]]:
    from wakeline.api_keys import last_used, stored_keys
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis) as redis:
        return await stored_keys(redis), await last_used(redis)


async def _revoke(config: Config, name: str) -> ApiKey | None:
    from wakeline.api_keys import revoke as revoke_key
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis) as redis:
        return await revoke_key(redis, name, now=now_ms())


def _run(config: Config, work: Coroutine[Any, Any, T]) -> T:
    with redis_errors(config.settings.redis):
        return asyncio.run(work)


def _day(ms: int | None) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC") if ms else "-"
