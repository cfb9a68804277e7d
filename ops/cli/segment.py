"""`wakeline segment`: who is in a site's segments, who would match another rule, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import config_option, read, redis_option, site_of, site_option
from ops.cli.person import called, person_of

if TYPE_CHECKING:
    from wakeline.segments.language import Rule
    from wakeline.settings import Site

SHOWN = 5  # ids of those who match

ids_option = click.option("--ids", is_flag=True, help="Only the ids of all who match, a line each.")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


class Found(NamedTuple):
    """Who matches which rule, of how many that are known."""

    known: int
    ids: Mapping[str, list[str]]


@click.group(short_help="Show who is in a segment, and why; try a rule.")
def segment() -> None:
    """Show who is in a site's segments: customers, and visitors whom nobody has identified.

    \b
    wakeline segment list
    wakeline segment show ready-to-buy --ids
    wakeline segment explain 1042 --customer
    wakeline segment try "orders == 0 and interests['lamps'] > 3 and last_seen < 2d"

    Segments are declared in wakeline.toml, see docs/segments.md. All of these look at every profile of the site, as it
    is now, and change nothing.
    """


@segment.command(name="list", short_help="List the segments, and how many are in each.")
@json_option
@site_option
@config_option
@redis_option
def list_(as_json: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """List the site's segments, with how many persons are in each now."""
    url, site = _site(key, config, redis)
    rules = _declared(site)
    found = _look(url, site, rules)
    if as_json:
        import msgspec

        rows = [
            {
                "name": one.name,
                "says": one.says,
                "rule": one.rule,
                "known": found.known,
                "size": len(found.ids[one.name]),
            }
            for one in site.segments
        ]
        click.echo(msgspec.json.encode(rows).decode())
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    for column in ("segment", "who is in it"):
        table.add_column(column)
    for column in ("persons", "of all"):
        table.add_column(column, justify="right")
    for one in site.segments:
        size = len(found.ids[one.name])
        table.add_row(one.name, one.says or one.rule, f"{size:,}", f"{size / found.known:.1%}" if found.known else "")
    Console(highlight=False).print(table, markup=False)


@segment.command(short_help="Show who is in a segment.")
@click.argument("name")
@ids_option
@json_option
@site_option
@config_option
@redis_option
def show(name: str, ids: bool, as_json: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """Show who is in the segment NAME now."""
    url, site = _site(key, config, redis)
    rules = _declared(site)
    if name not in rules:
        raise Refused(f"site {site.key} has no segment {name}: there are {', '.join(rules)}")
    _say(_look(url, site, {name: rules[name]}), name, site, rules[name].text, ids=ids, as_json=as_json)


@segment.command(name="try", short_help="Count who matches a rule now.")
@click.argument("rule")
@ids_option
@json_option
@site_option
@config_option
@redis_option
def try_(rule: str, ids: bool, as_json: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """Count the persons who match RULE now."""
    url, site = _site(key, config, redis)
    _say(_look(url, site, {"": _rule(rule, site)}), "", site, rule, ids=ids, as_json=as_json)


@segment.command(short_help="Say why a person is in a segment, or is not.")
@click.argument("id")
@click.argument("rule", required=False)
@click.option("--customer", is_flag=True, help="ID is your own customer id, not a visitor id.")
@site_option
@config_option
@redis_option
def explain(id: str, rule: str | None, customer: bool, key: str | None, config: Path | None, redis: str | None) -> None:
    """Say of visitor ID, or your customer, which segments it is in, and what each comparison found; or of a RULE."""
    from wakeline.clock import now_ms
    from wakeline.definitions import MAX_INTERESTS
    from wakeline.durations import NEVER
    from wakeline.profiles import Profiles
    from wakeline.segments.explain import explained, length
    from wakeline.segments.language import Fading
    from wakeline.segments.of_profile import of_profile

    url, site = _site(key, config, redis)
    rules = _declared(site) if rule is None else {"": _rule(rule, site)}
    who, now = person_of(site, id, is_customer=customer), now_ms()
    with redis_errors(url), Profiles(url) as profiles:
        profile = profiles.read(site.key, who, interests=MAX_INTERESTS, now=now)
        fading = Fading(now, profiles.half_life())
    if profile is None:
        raise Refused(f"nothing is known of {called(id, who)} on site {site.key}", FAILED)
    person = of_profile(profile, site.currency)
    for name, each in rules.items():
        matches = each.matches(person, now, fading)
        if name:
            click.echo(f"{called(id, who)} is {'' if matches else 'not '}in {name}:")
        else:
            click.echo(f"{called(id, who)} {'matches' if matches else 'does not match'}:")
        for one in explained(each, person, now, fading, currency=site.currency):
            click.echo(f"  {'yes' if one.holds else 'no '}  {one.written}: {one.found}")
        if (moment := each.moment(person, now, fading)) < NEVER:
            click.echo(f"  if nothing happens, that may change in {length(moment - now)}")
    if profile.customer:
        click.echo(f"a segment has the customer, {profile.customer}, in place of this visitor")


@segment.command(short_help="List the fields and functions of rules.")
def fields() -> None:
    """List what a rule may ask for."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from wakeline.segments.fields import FIELDS, FUNCTIONS

    table = Table(box=SIMPLE)
    for column in ("field", "kind", "what it is"):
        table.add_column(column)
    for name, field in FIELDS.items():
        table.add_row(f'{name}["..."]' if field.of_each else name, field.kind.value, field.help)
    for function in FUNCTIONS.values():
        table.add_row(function.call, function.kind.value, function.help)
    Console(highlight=False).print(table, markup=False)


def _site(key: str | None, config: Path | None, redis: str | None) -> tuple[str, Site]:
    """The server's URL, and the site."""
    found = read(config, {"redis": redis}, else_demo=True)
    return found.settings.redis, site_of(found, key)


def _declared(site: Site) -> dict[str, Rule]:
    from wakeline.segments.declared import declared

    if not site.segments:
        raise Refused(f"site {site.key} has no segments: declare them as [[site.segments]], see docs/segments.md")
    return declared(site)


def _rule(text: str, site: Site) -> Rule:
    from wakeline.segments.declared import rules_of
    from wakeline.segments.language import compiled
    from wakeline.segments.source import BadRule

    try:
        return compiled(text, currency=site.currency, segments=rules_of(site))
    except BadRule as error:
        line = text.splitlines()[error.line - 1] if text.strip() else ""
        raise Refused(f"{error}\n  {line}\n  {' ' * (error.column - 1)}^") from None


def _look(url: str, site: Site, rules: Mapping[str, Rule]) -> Found:
    """Looks at every person of the site."""
    from ops.cli.progress import progress_bar
    from wakeline.clock import now_ms
    from wakeline.profiles import Profiles
    from wakeline.segments.language import Fading
    from wakeline.segments.of_profile import of_profile

    known, now = 0, now_ms()
    found: dict[str, list[str]] = {name: [] for name in rules}
    with redis_errors(url), Profiles(url) as profiles, progress_bar("looking at", "persons") as (_, done):
        fading = Fading(now, profiles.half_life())
        for profile in profiles.everyone(site.key, now=now):
            known += 1
            done(1)
            person = of_profile(profile, site.currency)
            for name, rule in rules.items():
                if rule.matches(person, now, fading):
                    found[name].append(profile.id)
    return Found(known, {name: sorted(ids) for name, ids in found.items()})


def _say(found: Found, name: str, site: Site, rule: str, *, ids: bool, as_json: bool) -> None:
    here = found.ids[name]
    if as_json:
        import msgspec

        said: dict[str, Any] = {"site": site.key, "rule": rule, "known": found.known, "matching": len(here)}
        click.echo(msgspec.json.encode(said | ({"ids": here} if ids else {})).decode())
        return
    if ids:
        for id in here:
            click.echo(id)
        return
    share = f", {len(here) / found.known:.1%}" if found.known else ""
    click.echo(f"{len(here):,} of {found.known:,} persons {f'are in {name}' if name else 'match'}{share}")
    for id in here[:SHOWN]:
        click.echo(f"  {id}")
    if here:
        click.echo(f"why: wakeline segment explain {here[0]}{'' if name else ' RULE'}; all of them: --ids")
