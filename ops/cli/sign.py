"""`wakeline sign`: the signature that a site's server computes for `identify`."""

from __future__ import annotations

from pathlib import Path

import click

from ops.cli.options import (
    config_option,
    read,
    secret_of,
    site_of,
    site_option,
)
from ops.cli.person import own_id
from wakeline.identity import signature


@click.command()
@click.argument("id")
@site_option
@config_option
def sign(id: str, key: str | None, config: Path | None) -> None:
    """Print the signature of customer ID.

    Your server passes it to the page for wakeline("identify", ID, {signature}): the HMAC-SHA256 of the ID with the
    site's secret, in hex. Use this command to check your own code.
    """
    click.echo(signature(secret_of(site_of(read(config, {}, else_demo=True), key)), own_id(id)))
