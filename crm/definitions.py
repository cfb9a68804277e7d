"""Definitions: what a fold reads besides its lane's records, so that it is itself a record in every lane.

A kind is declared here once: how records name it, which part of a site it is, and how it is said in words. To add one,
write its line in KINDS; it holds in a lane from its record on, and a replay follows, without another word. Campaigns
that are planned over HTTP are definitions, too, one each: see `wakeline.planned`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from crm.visits.passing import LEFT_OUT
from wakeline import planned
from wakeline.config.campaigns import campaign, misfits
from wakeline.paths import pattern
from wakeline.settings import (
    MOST_COST,
    MOST_GROUP_RULES,
    MOST_INTEREST_RULES,
    MOST_MARGIN_RULES,
    MOST_PAGE_GROUPS,
    MOST_PASSING_HOSTS,
    CampaignRule,
    InterestRule,
    MarginRule,
    PageGroupRule,
    Site,
)
from wakeline.vocabulary.money import FACTORS

Held = tuple[tuple[str, bytes], ...]  # name and body of each definition that holds for a site, by name


class Kind(NamedTuple):
    """A kind of definition. It takes effect in the field of `Site` that bears its name."""

    type: Any  # of that field; as JSON it is the record's body
    check: Callable[[Any], None]  # raises ValueError where the fold could not use it
    words: Callable[[Any], list[str]]  # one line for each part of it, to be compared


def _check_rules(rules: Sequence[InterestRule]) -> None:
    if len(rules) > MOST_INTEREST_RULES:
        raise ValueError(f"{len(rules):,} interest rules, more than {MOST_INTEREST_RULES:,}")
    for rule in rules:
        pattern(rule.path)


def _rules_in_words(rules: Sequence[InterestRule]) -> list[str]:
    return [f"{rule.path} counts for {rule.interest}" for rule in rules]


def _check_groups(rules: Sequence[PageGroupRule]) -> None:
    if len(rules) > MOST_GROUP_RULES:
        raise ValueError(f"{len(rules):,} rules for groups of pages, more than {MOST_GROUP_RULES}")
    if (count := len({rule.group for rule in rules})) > MOST_PAGE_GROUPS:
        raise ValueError(f"{count} groups of pages, more than {MOST_PAGE_GROUPS}")
    for rule in rules:
        pattern(rule.path)


def _groups_in_words(rules: Sequence[PageGroupRule]) -> list[str]:
    return [f"{rule.path} is in the group {rule.group}" for rule in rules]


def _check_margins(rules: Sequence[MarginRule]) -> None:
    if len(rules) > MOST_MARGIN_RULES:
        raise ValueError(f"{len(rules):,} margins, more than {MOST_MARGIN_RULES:,}")
    if any(not 0 <= rule.rate <= 1 for rule in rules):
        raise ValueError("a margin that is not between 0 and 1")


def _margins_in_words(rules: Sequence[MarginRule]) -> list[str]:
    return [f"of {rule.category} {rule.rate:.12g} of the price is earned" for rule in rules]


def _page_orders_in_words(counts: bool) -> list[str]:
    return ["orders that only a page told count" if counts else "orders that only a page told are left out"]


def _check_nothing(_: bool) -> None:
    pass


def _check_currency(code: str) -> None:
    if code and code not in FACTORS:
        raise ValueError("no currency of ISO 4217")


def _currency_in_words(code: str) -> list[str]:
    return [f"the main currency is {code}"] if code else ["there is no main currency"]


def _check_cost(amount: float) -> None:
    if not 0 <= amount <= MOST_COST:
        raise ValueError(f"a cost that is not between 0 and {MOST_COST:,}")


def _minute_in_words(amount: float) -> list[str]:
    return [f"a minute of service costs {amount:.12g}"]


def _check_hosts(hosts: Sequence[str]) -> None:
    if len(hosts) > MOST_PASSING_HOSTS:
        raise ValueError(f"{len(hosts):,} hosts to pass through, more than {MOST_PASSING_HOSTS:,}")


def _hosts_in_words(hosts: Sequence[str]) -> list[str]:
    added = [f"nobody comes from {host}" for host in hosts if not host.startswith(LEFT_OUT)]
    return added + [f"people come from {host[1:]}, too" for host in hosts if host.startswith(LEFT_OUT)]


def _check_campaigns(campaigns: Sequence[CampaignRule]) -> None:
    for what in (*filter(None, map(campaign, campaigns)), *misfits(campaigns)):
        raise ValueError(what)


def _campaigns_in_words(campaigns: Sequence[CampaignRule]) -> list[str]:
    return [line for one in campaigns for line in _campaign_in_words(one)]


def _campaign_in_words(one: CampaignRule) -> Iterator[str]:
    yield f"{one.type} {one.id} runs from {one.starts} to {one.ends}"
    if one.cost:
        yield f"{one.id} costs {one.cost:.12g} once"
    if one.send_cost:
        yield f"each mail or letter of {one.id} costs {one.send_cost:.12g}"
    for days in one.costs:
        yield f"{one.id} costs {days.cost:.12g} a day from {days.first} to {days.last}"
    elements = ", ".join(msgspec.json.encode(name).decode() for name in one.elements)
    for name, said in (("is for", one.audience), ("is to", one.goal), ("has", elements)):
        if said:
            yield f"{one.id} {name} {said}"


def _return_in_words(amount: float) -> list[str]:
    return [f"an order that comes back costs {amount:.12g}"]


KINDS: dict[str, Kind] = {
    "interests": Kind(tuple[InterestRule, ...], _check_rules, _rules_in_words),
    "margins": Kind(tuple[MarginRule, ...], _check_margins, _margins_in_words),
    "page_orders": Kind(bool, _check_nothing, _page_orders_in_words),
    "currency": Kind(str, _check_currency, _currency_in_words),
    "minute_cost": Kind(float, _check_cost, _minute_in_words),
    "return_cost": Kind(float, _check_cost, _return_in_words),
    "campaigns": Kind(tuple[CampaignRule, ...], _check_campaigns, _campaigns_in_words),
    "passing_hosts": Kind(tuple[str, ...], _check_hosts, _hosts_in_words),
    "page_groups": Kind(tuple[PageGroupRule, ...], _check_groups, _groups_in_words),
}
"""By the name that records, keys and `Site` use."""

_decoders = {name: msgspec.json.Decoder(kind.type) for name, kind in KINDS.items()}


def body_of(name: str, site: Site) -> bytes:
    """What a site's configuration says, as the body of a record; the same bytes for the same."""
    return msgspec.json.encode(getattr(site, name))


def read(name: str, body: bytes) -> Any:
    """What a body says. Raises ValueError, of which msgspec's errors are, where it is none of that kind."""
    if planned.is_told(name):
        return planned.decoded(body)
    value = _decoders[name].decode(body)
    KINDS[name].check(value)
    return value


def is_known(name: str) -> bool:
    """Whether this code knows what a definition of that name is."""
    return name in KINDS or planned.is_told(name)


def defined(site: Site, held: Held) -> Site:
    """The site where these definitions hold, which were read before. One of a kind that this code does not know changes
    nothing.
    """
    site = replace(site, **{name: _decoders[name].decode(body) for name, body in held if name in KINDS})
    return planned.with_told(site, [planned.decoded(body) for name, body in held if planned.is_told(name)])


def difference(name: str, former: bytes | None, new: bytes) -> list[str]:
    """What a new body changes, a line each: "+ ..." comes, "- ..." goes. `former`: None where there was none."""
    kind = KINDS[name]
    was = kind.words(read(name, former)) if former is not None else []
    now = kind.words(read(name, new))
    lines = [f"- {line}" for line in was if line not in now] + [f"+ {line}" for line in now if line not in was]
    return lines or ([] if was == now else ["the same in another order"])
