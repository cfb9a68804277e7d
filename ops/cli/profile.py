"""`wakeline profile`: shows the profile of a visitor or a customer, once or live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import (
    config_option,
    read,
    redis_option,
    site_of,
    site_option,
)
from ops.cli.person import called, person_of
from ops.cli.personal import personal_of, personal_view
from wakeline.record import CUSTOMER_PREFIX

if TYPE_CHECKING:
    from wakeline.cards import Personal
    from wakeline.profiles import Profile, Profiles

WATCH_EVERY_S = 0.5


@click.command()
@click.argument("id")
@site_option
@click.option("--customer", is_flag=True, help="ID is your own customer id, not a visitor id.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --watch one line per change.")
@click.option("--personal", is_flag=True, help="Also the customer's personal values; needs the key, see card_key.")
@click.option("--watch", is_flag=True, help="Show it live, until Ctrl-C.")
@config_option
@redis_option
def profile(
    id: str,
    key: str | None,
    customer: bool,
    as_json: bool,
    personal: bool,
    watch: bool,
    config: Path | None,
    redis: str | None,
) -> None:
    """Show the live profile of visitor ID.

    A visitor's id is in the page's localStorage as wakeline.id; the demo shop's panel shows it.
    """
    if personal and watch:
        raise Refused("--personal shows the values once: omit --watch")
    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    person = person_of(site, id, is_customer=customer)
    who = called(id, person)
    url = read_config.settings.redis
    with redis_errors(url):
        from wakeline.profiles import Profiles

        with Profiles(url) as profiles:
            if watch:
                _watch(profiles, site.key, person, who, as_json)
                return
            found = profiles.read(site.key, person)
        card = None
        if personal and (of := person if person[0] == CUSTOMER_PREFIX else found and found.customer):
            card = personal_of(read_config, site.key, of)
        _show(found, card, site.key, who, as_json)


def _show(found: Profile | None, card: Personal | None, site: str, who: str, as_json: bool) -> None:
    if found is None and card is None:
        raise Refused(
            f"there is no profile of {who} on site {site}: it may not have consented (consent full), "
            "was erased, has expired, or is a bot or own traffic",
            FAILED,
        )
    if as_json:
        click.echo(_json(found, card))
        return
    from rich.console import Console

    from ops.cli.profile_view import profile_view

    console = Console(highlight=False)
    if found is not None:
        console.print(profile_view(found, who))
    if card is not None:
        console.print(personal_view(card))


def _watch(profiles: Profiles, site: str, id: str, who: str, as_json: bool) -> None:
    try:
        if as_json:
            _watch_lines(profiles, site, id)
        else:
            _watch_screen(profiles, site, id, who)
    except KeyboardInterrupt:
        pass


def _watch_lines(profiles: Profiles, site: str, id: str) -> None:
    shown = ""
    while True:
        found = profiles.read(site, id)
        line = _json(found) if found else "null"
        if line != shown:
            click.echo(line)
            shown = line
        time.sleep(WATCH_EVERY_S)


def _watch_screen(profiles: Profiles, site: str, id: str, who: str) -> None:
    from rich.live import Live
    from rich.text import Text

    from ops.cli.profile_view import profile_view

    with Live(auto_refresh=False, screen=False) as live:
        while True:
            found = profiles.read(site, id)
            live.update(profile_view(found, who) if found else Text(f"{who} has no profile yet"), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _json(found: Profile | None, card: Personal | None = None) -> str:
    """The profile; with a card that too, as `personal`."""
    import msgspec

    from wakeline.escape import in_json

    shown = msgspec.to_builtins(found) | {"personal": card} if found and card else found or {"personal": card}
    return in_json(msgspec.json.encode(shown).decode())
