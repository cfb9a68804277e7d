"""`wakeline snippet`: the line to paste."""

from __future__ import annotations

from pathlib import Path

import click

from wakeline.cli.options import config_option, read, site_of, site_option
from wakeline.tag import script_tag


@click.command()
@site_option
@config_option
def snippet(key: str | None, config: Path | None) -> None:
    """Print the line to paste into the <head> of each page.

    Its URL is the setting public_url, or where the collector listens.
    """
    read_config = read(config, {}, else_demo=True)
    click.echo(script_tag(site_of(read_config, key), read_config.settings))
