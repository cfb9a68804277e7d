"""`wakeline sign`: the signature that a site's server computes for `identify`, or for an order."""

from __future__ import annotations

from pathlib import Path

import click

from ops.cli.errors import Refused
from ops.cli.options import (
    config_option,
    read,
    secret_of,
    site_of,
    site_option,
)
from ops.cli.person import is_unicode, own_id
from wakeline.amounts import amount_of
from wakeline.commerce import signed_text
from wakeline.escape import plain
from wakeline.event import MAX_EXPIRES
from wakeline.identity import forgotten, identified, signature
from wakeline.vocabulary import things
from wakeline.vocabulary.money import BadAmount


@click.command()
@click.argument("id")
@click.option("--order", "total", nargs=2, metavar="VALUE CURRENCY", help="ID is an order's number: sign the order.")
@click.option(
    "--expires",
    type=click.IntRange(0, MAX_EXPIRES),
    metavar="MS",
    help="The end of a customer's signature, in ms since 1970: sign it too.",
)
@click.option("--forget", "erases", is_flag=True, help="Sign that the customer is to be forgotten; needs --expires.")
@site_option
@config_option
def sign(
    id: str,
    total: tuple[str, str] | None,
    expires: int | None,
    erases: bool,
    key: str | None,
    config: Path | None,
) -> None:
    """Print the signature of customer ID, or of order ID.

    Your server passes it to the page for wakeline("identify", ID, {signature}): the HMAC-SHA256 of the ID with the
    site's secret, in hex. Use this command to check your own code.

    With an end, for wakeline("identify", ID, {signature, expires}), it is that of two lines: the ID and the end. To
    erase the customer, for wakeline("forget", ID, {signature, expires}), "forget" is a line before them.

    For a purchase (wakeline sign A-1001 --order 154.80 EUR) it is that of three lines: the order's number, its value
    with the decimals of its currency, and the currency.
    """
    if total is not None and (expires is not None or erases):
        raise Refused("--expires and --forget are of a customer's signature: an order's has neither")
    if erases and expires is None:
        raise Refused("--forget needs --expires: nobody may keep the right to erase a customer")
    if total is not None:
        text = order_text(id, *total)
    else:
        text = forgotten(own_id(id), expires) if erases and expires is not None else identified(own_id(id), expires)
    click.echo(signature(secret_of(site_of(read(config, {}, else_demo=True), key)), text))


def order_text(id: str, value: str, currency: str) -> str:
    """What is signed of an order. Ends the command if one of the three is invalid."""
    number = things.own_id(id) if is_unicode(id) else None
    if number is None:
        raise Refused(f'"{plain(id)}" is no order number: 1 to {things.MAX_THING_ID} characters, and not a placeholder')
    amount = amount_of(value, currency.upper())
    if amount is None:
        raise Refused(f'"{plain(value)}" is no amount in {plain(currency)}: 154.80, for example')
    try:
        return signed_text(number, amount, currency.upper())
    except BadAmount as error:
        raise Refused(f'"{plain(value)} {plain(currency)}" {error}') from None
