"""`wakeline profile`: shows the profile of a visitor or a customer, or what is known of an order, once or live."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import (
    config_option,
    read,
    redis_option,
    secret_of,
    site_of,
    site_option,
)
from ops.cli.parts import WithParts
from ops.cli.person import CUSTOMERS, called, is_unicode, person_of
from ops.cli.personal import personal_of, personal_view
from ops.cli.things import kind_of, of_kind, thing_options, thing_view
from wakeline.escape import plain
from wakeline.record import ANONYMOUS_PREFIX, CUSTOMER_PREFIX

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wakeline.cards import Personal
    from wakeline.profiles import Profile
    from wakeline.settings import Config, Site
    from wakeline.thing_fields import AnyThing

WATCH_EVERY_S = 0.5
OWN_IDS = f"{CUSTOMERS}, --order for an order's number"


@click.command(cls=WithParts, short_help="Show the profile of a visitor or customer, or an order.")
@click.argument("id")
@site_option
@click.option("--customer", is_flag=True, help="ID is your own customer id, not a visitor id.")
@thing_options
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
    **kinds: bool,
) -> None:
    """Show the live profile of visitor ID, or of your customer, order, product, contact, service order or agreement.

    \b
    wakeline profile show 1042 --customer
    wakeline profile show A1001 --order

    The word `show` may be left out. `wakeline profile export CUSTOMER` writes all that is known of a customer,
    `wakeline profile erase ID` erases a person.

    A visitor's id is in the page's localStorage as wakeline.id; the demo shop's panel shows it.
    """
    if personal and watch:
        raise Refused("--personal shows the values once: omit --watch")
    kind = kind_of(kinds, customer=customer)
    if personal and kind is not None:
        raise Refused("--personal shows the values of a customer")
    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    if kind is not None:
        _thing(read_config, site, kind, id, as_json=as_json, watch=watch)
        return
    person = person_of(site, id, is_customer=customer, else_use=OWN_IDS)
    if person.startswith(ANONYMOUS_PREFIX):
        raise Refused(
            "anonymous visitors have no profile: of who has not consented (consent full), only numbers of the site are "
            "kept, and the id is another one the next day",
            FAILED,
        )
    who = called(id, person)
    url = read_config.settings.redis
    with redis_errors(url):
        from ops.cli.profile_view import profile_view
        from wakeline.profiles import Profiles

        with Profiles(url) as profiles:
            if watch:
                _watch(
                    lambda: profiles.read(site.key, person),
                    lambda found: profile_view(found, who, person),
                    f"{who} has no profile yet",
                    as_json=as_json,
                )
                return
            found = profiles.read(site.key, person)
        cards: list[Personal] = []
        if personal and (of := person if person[0] == CUSTOMER_PREFIX else found and found.customer):
            from ops.person import ids_of

            cards = list(personal_of(read_config, site.key, ids_of(url, site.key, of)).values())
        _show(found, cards, site.key, who, person, as_json)


def _show(found: Profile | None, cards: Sequence[Personal], site: str, who: str, person: str, as_json: bool) -> None:
    if found is None and not cards:
        raise Refused(
            f"there is no profile of {who} on site {site}: it may not have consented (consent full), "
            "was erased, has expired, or is a bot or own traffic"
            + (f"\n{OWN_IDS}" if who == person and person[0] != CUSTOMER_PREFIX else ""),
            FAILED,
        )
    if as_json:
        click.echo(_json(found, cards))
        return
    from rich.console import Console

    from ops.cli.profile_view import profile_view

    console = Console(highlight=False)
    if found is not None:
        console.print(profile_view(found, who, person))
    for card in cards:
        console.print(personal_view(card))


def _thing(config: Config, site: Site, kind: type[AnyThing], id: str, *, as_json: bool, watch: bool) -> None:
    from rich.console import Console

    from wakeline.profiles import Product, Profiles
    from wakeline.vocabulary import things

    if not is_unicode(id) or things.own_id(id) is None:
        raise Refused(f"this is no id that {of_kind(kind)}s have: it is empty, a placeholder such as NULL, or too long")
    secret = "" if kind is Product else secret_of(site)
    url = config.settings.redis
    with redis_errors(url), Profiles(url) as profiles:

        def look() -> AnyThing | None:
            return profiles.read_thing(site.key, kind, id, secret)

        def view(found: AnyThing) -> RenderableType:
            return thing_view(found, id)

        nothing = f'nothing is known of {of_kind(kind)} "{plain(id)}" on site {site.key}'
        if watch:
            _watch(look, view, nothing, as_json=as_json)
            return
        found = look()
    if found is None:
        raise Refused(f"{nothing}: neither a page nor a server nor an import told of it, or it is too old", FAILED)
    if as_json:
        click.echo(_json(found))
    else:
        Console(highlight=False).print(view(found))


def _watch(look: Callable[[], Any], view: Callable[[Any], RenderableType], nothing: str, *, as_json: bool) -> None:
    try:
        if as_json:
            _watch_lines(look)
        else:
            _watch_screen(look, view, nothing)
    except KeyboardInterrupt:
        pass


def _watch_lines(look: Callable[[], Any]) -> None:
    shown = ""
    while True:
        found = look()
        line = _json(found) if found else "null"
        if line != shown:
            click.echo(line)
            shown = line
        time.sleep(WATCH_EVERY_S)


def _watch_screen(look: Callable[[], Any], view: Callable[[Any], RenderableType], nothing: str) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=False) as live:
        while True:
            found = look()
            live.update(view(found) if found else Text(nothing), refresh=True)
            time.sleep(WATCH_EVERY_S)


def _json(found: Profile | AnyThing | None, cards: Sequence[Personal] = ()) -> str:
    """The profile or thing; with cards these too: that of the id which keeps the profile, or else the first one, as
    `personal`, and those of its aliases as `personal_of_aliases`.
    """
    import msgspec

    from wakeline.escape import in_json

    if not cards:
        return in_json(msgspec.json.encode(found).decode())
    shown = (msgspec.to_builtins(found) if found else {}) | {"personal": cards[0]}
    if len(cards) > 1:
        shown["personal_of_aliases"] = cards[1:]
    return in_json(msgspec.json.encode(shown).decode())
