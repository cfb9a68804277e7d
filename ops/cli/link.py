"""`wakeline link`: signed links for mails and letters, also as a QR code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from ops.cli.errors import FAILED, Refused
from ops.cli.options import config_option, read, secret_of, site_of, site_option
from wakeline.escape import plain
from wakeline.extras import install
from wakeline.mailing import BadLink, Made
from wakeline.mailing.making import DAYS, MOST_DAYS
from wakeline.mailing.of_site import links_of
from wakeline.mailing.targets import MEDIUM, SOURCE
from wakeline.vocabulary.fields import ELEMENTS

FORMS = (".svg", ".png", ".eps", ".pdf")


@click.command(short_help="Make signed links for mails and letters.")
@click.argument("url", nargs=-1, required=True)
@click.option("--campaign", required=True, metavar="ID", help="The campaign that the link is of: utm_campaign.")
@click.option("--sent-id", metavar="ID", help="Your id of the mail, as in campaign_sent: its clicks are counted.")
@click.option("--customer", metavar="ID", help="Your id of the customer who gets it.")
@click.option(
    "--element",
    nargs=2,
    multiple=True,
    metavar="KIND TEXT",
    help=f"Of the mail or the link: {', '.join(ELEMENTS)}. May be repeated.",
)
@click.option("--content", default="", metavar="TEXT", help="utm_content; default: the element link.")
@click.option("--medium", default=MEDIUM, show_default=True, metavar="TEXT", help="utm_medium.")
@click.option("--source", default=SOURCE, show_default=True, metavar="TEXT", help="utm_source.")
@click.option("--topic", default="", metavar="TEXT", help="What is unsubscribed from; default: all mails.")
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=DAYS, show_default=True, help="After which it counts no more."
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it: links, pixel, unsubscribe link and headers.")
@click.option(
    "--qr",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Also write the first link as a QR code, for print: {', '.join(form[1:] for form in FORMS)}.",
)
@site_option
@config_option
def link(
    url: tuple[str, ...],
    campaign: str,
    sent_id: str | None,
    customer: str | None,
    element: tuple[tuple[str, str], ...],
    content: str,
    as_json: bool,
    qr: Path | None,
    key: str | None,
    config: Path | None,
    **more: Any,
) -> None:
    """Print a signed link to each URL, which must be a page of the site or of its link_hosts.

    A poster, the same for all who see it (who follows it arrives with the campaign):

    \b
    wakeline link https://shop.example/lamps --campaign winter-light --medium print --qr lamps.svg

    A mail to one customer (its opens and clicks are counted; --json has its pixel and its headers, too):

    \b
    wakeline link https://shop.example/ --campaign winter-light --sent-id mail-77 --customer 1042 --json

    Your mailer makes them by POST /v1/server/links, by wakeline.server in Python, or itself: see docs/links.md.
    """
    if qr is not None and qr.suffix.lower() not in FORMS:
        raise Refused(f'"{plain(qr.name)}": the name of a QR code ends with one of {", ".join(FORMS)}')
    found = read(config, {}, else_demo=True)
    site = site_of(found, key)
    secret_of(site)
    links = [{"url": each, "content": content} for each in url]
    try:
        made = links_of(site, found.settings).mail(
            campaign=campaign, sent_id=sent_id, customer=customer, element=dict(element), links=links, **more
        )
    except BadLink as error:
        raise Refused(plain(str(error))) from None
    _say(made, as_json=as_json)
    if qr is not None:
        _draw(made.links[0], qr)


def _say(made: Made, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(made), indent=2))
        return
    for each in made.links:
        click.echo(each)


def _draw(text: str, path: Path) -> None:
    """Write a QR code that survives a scratch, large enough to be seen on a screen. Ends the command on failure."""
    try:
        import segno
    except ModuleNotFoundError:
        raise Refused(f"a QR code needs a package that is missing: {install('qr')}", FAILED) from None
    try:
        segno.make(text, error="m", micro=False).save(str(path), scale=4)
    except (OSError, ValueError) as error:  # segno: too long for a code
        raise Refused(f"{path}: {error}", FAILED) from None
    click.echo(f"{path}: the first link as a QR code", err=True)
