"""`wakeline segment`: tries rules of segments on those who are known now, and says why somebody matches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import config_option, read, redis_option, site_of, site_option
from ops.cli.person import called, person_of

if TYPE_CHECKING:
    from crm.segments.language import Rule
    from wakeline.settings import Site

SHOWN = 5  # ids of those who match


@click.group(short_help="Try rules of segments: who matches, and why.")
def segment() -> None:
    """Try rules over what is known of persons: customers, and visitors whom nobody has identified.

    \b
    wakeline segment try "orders == 0 and interests['lamps'] > 3 and last_seen < 2d"
    wakeline segment explain 1042 --customer "revenue > 200 EUR"
    wakeline segment fields

    Rules are explained in docs/segments.md.
    """


@segment.command(name="try", short_help="Count who matches a rule now.")
@click.argument("rule")
@click.option("--ids", is_flag=True, help="Only the ids of all who match, a line each.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@site_option
@config_option
@redis_option
def try_(rule: str, ids: bool, as_json: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """Count the persons who match RULE now. Reads every profile of the site; changes nothing."""
    from crm.segments.language import Fading
    from crm.segments.of_profile import of_profile
    from ops.cli.progress import progress_bar
    from wakeline.clock import now_ms
    from wakeline.profiles import Profiles

    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    made, now = _rule(rule, site), now_ms()
    known, found = 0, []
    url = read_config.settings.redis
    with redis_errors(url), Profiles(url) as profiles, progress_bar("looking at", "persons") as (_, done):
        fading = Fading(now, profiles.half_life())
        for profile in profiles.everyone(site.key, now=now):
            known += 1
            done(1)
            if made.matches(of_profile(profile, site.currency), now, fading):
                found.append(profile.id)
    if as_json:
        import msgspec

        said: dict[str, Any] = {"site": site.key, "rule": rule, "known": known, "matching": len(found)}
        click.echo(msgspec.json.encode(said | ({"ids": found} if ids else {})).decode())
    elif ids:
        click.echo("\n".join(found))
    else:
        share = f", {len(found) / known:.1%}" if known else ""
        click.echo(f"{len(found):,} of {known:,} persons match{share}")
        for id in found[:SHOWN]:
            click.echo(f"  {id}")
        if found:
            click.echo(f'why: wakeline segment explain {found[0]} "RULE"; all of them: --ids')


@segment.command(short_help="Say why a person matches a rule, or does not.")
@click.argument("id")
@click.argument("rule")
@click.option("--customer", is_flag=True, help="ID is your own customer id, not a visitor id.")
@site_option
@config_option
@redis_option
def explain(id: str, rule: str, customer: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """Say of each comparison in RULE whether it holds for visitor ID, or your customer, and what was found."""
    from crm.segments.explain import explained, length
    from crm.segments.language import Fading
    from crm.segments.of_profile import of_profile
    from wakeline.clock import now_ms
    from wakeline.definitions import MAX_INTERESTS
    from wakeline.durations import NEVER
    from wakeline.profiles import Profiles

    read_config = read(config, {"redis": redis}, else_demo=True)
    site = site_of(read_config, key)
    made, now = _rule(rule, site), now_ms()
    who = person_of(site, id, is_customer=customer)
    url = read_config.settings.redis
    with redis_errors(url), Profiles(url) as profiles:
        profile = profiles.read(site.key, who, interests=MAX_INTERESTS, now=now)
        fading = Fading(now, profiles.half_life())
    if profile is None:
        raise Refused(f"nothing is known of {called(id, who)} on site {site.key}", FAILED)
    person = of_profile(profile, site.currency)
    matches = made.matches(person, now, fading)
    click.echo(f"{called(id, who)} {'matches' if matches else 'does not match'}:")
    for one in explained(made, person, now, fading, currency=site.currency):
        click.echo(f"  {'yes' if one.holds else 'no '}  {one.written}: {one.found}")
    if profile.customer:
        click.echo(f"a segment has the customer, {profile.customer}, in place of this visitor")
    if (moment := made.moment(person, now, fading)) < NEVER:
        click.echo(f"if nothing happens, that may change in {length(moment - now)}")


@segment.command(short_help="List the fields and functions of rules.")
def fields() -> None:
    """List what a rule may ask for."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from crm.segments.fields import FIELDS, FUNCTIONS

    table = Table(box=SIMPLE)
    for column in ("field", "kind", "what it is"):
        table.add_column(column)
    for name, field in FIELDS.items():
        table.add_row(f'{name}["..."]' if field.of_each else name, field.kind.value, field.help)
    for function in FUNCTIONS.values():
        table.add_row(function.call, function.kind.value, function.help)
    Console(highlight=False).print(table, markup=False)


def _rule(text: str, site: Site) -> Rule:
    from crm.segments.language import compiled
    from crm.segments.source import BadRule

    try:
        return compiled(text, currency=site.currency)
    except BadRule as error:
        line = text.splitlines()[error.line - 1] if text.strip() else ""
        raise Refused(f"{error}\n  {line}\n  {' ' * (error.column - 1)}^") from None
