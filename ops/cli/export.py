"""`wakeline profile export`: all that is known of a customer, for that person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, site_of, site_option, some_settings
from ops.cli.person import called, person_of
from ops.cli.personal import personal_of
from wakeline.identity import PSEUDONYM


@click.command(short_help="Write all that is known of a customer as JSON.")
@click.argument("customer")
@site_option
@some_settings("redis", "card_key")
def export(customer: str, key: str | None, config: Path | None, **flags: Any) -> None:
    """Write all that is known of CUSTOMER as JSON: your own customer id, or a pseudonym ("@" and 32 hex digits).

    For a person who asks what is known of them: the personal values of the card, what servers and imports told
    (traits, preferences, tags, consent), the profile, the linked browsers, and the orders, contacts, agreements and
    other things that name the customer; of its aliases too. It needs the key of the cards, if there is a card.

        wakeline profile export customer-1042 > customer-1042.json
    """
    from ops.person import as_text, ids_of, known_of, with_card

    found = read(config, flags, else_demo=True)
    site = site_of(found, key)
    person = person_of(site, customer, is_customer=re.fullmatch(PSEUDONYM, customer) is None)
    url = found.settings.redis
    with redis_errors(url):
        ids = ids_of(url, site.key, person)
        holders = with_card(url, site.key, ids)
        known = known_of(url, site.key, ids, personal_of(found, site.key, holders) if holders else {})
    if known is None:
        raise Refused(f"nothing is known of {called(customer, person)} on site {site.key}", FAILED)
    click.echo(as_text(known))
