"""`wakeline snippet`: the script tag."""

from __future__ import annotations

from pathlib import Path

import click

from ops.cli.options import config_option, read, site_of, site_option
from wakeline.scripts import Kind, published
from wakeline.tag import DATA_LAYER, PLATFORMS, script_tag


@click.command()
@click.option("--full", is_flag=True, help="The full script: links, downloads, forms, searches, short event calls.")
@click.option("--vitals", is_flag=True, help="Also print the tag for web vitals.")
@click.option("--usability", is_flag=True, help="Also print the tag for clicks in vain, forms left and script errors.")
@click.option(
    "--consent",
    "platform",
    type=click.Choice(PLATFORMS),
    help="Also print the tag that takes the visitor's choice from Google's consent mode, or the IAB's framework.",
)
@click.option(
    "--datalayer",
    "layer",
    is_flag=False,
    flag_value=DATA_LAYER,
    metavar="[NAME]",
    help=f"Also print the tag that takes a shop's events from its data layer, {DATA_LAYER} or NAME.",
)
@click.option("--pinned", is_flag=True, help="Pin this version, with its hash: browsers reject a changed script.")
@site_option
@config_option
def snippet(
    full: bool,
    vitals: bool,
    usability: bool,
    platform: str | None,
    layer: str | None,
    pinned: bool,
    key: str | None,
    config: Path | None,
) -> None:
    """Print the tag to paste into the <head> of each page.

    Its URLs come from the settings public_url (or the collector's address), script_path and endpoint_path.
    """
    read_config = read(config, {}, else_demo=True)
    site = site_of(read_config, key)
    version = published() if pinned else None
    more = [kind for kind, is_asked in ((Kind.VITALS, vitals), (Kind.USABILITY, usability)) if is_asked]
    for kind in (Kind.FULL if full else Kind.CORE, *more):
        click.echo(script_tag(site, read_config.settings, kind, pinned=version))
    if platform:
        click.echo(script_tag(site, read_config.settings, Kind.CONSENT, platform=platform, pinned=version))
    if layer:
        click.echo(script_tag(site, read_config.settings, Kind.DATALAYER, layer=layer, pinned=version))
