"""The segments that a site declares, compiled."""

from __future__ import annotations

from collections.abc import Iterator

from wakeline.segments.language import Rule, compiled
from wakeline.segments.source import BadRule
from wakeline.settings import Site


def rules_of(site: Site) -> dict[str, str]:
    """The text of each segment's rule, by name."""
    return {segment.name: segment.rule for segment in site.segments}


def declared(site: Site) -> dict[str, Rule]:
    """By name, in the order of the file. Raises BadRule."""
    rules = rules_of(site)
    return {name: compiled(text, currency=site.currency, segments=rules, name=name) for name, text in rules.items()}


def bad_rules(site: Site) -> Iterator[tuple[str, BadRule]]:
    """The segments whose rules cannot be used, and why."""
    rules = rules_of(site)
    for name, text in rules.items():
        try:
            compiled(text, currency=site.currency, segments=rules, name=name)
        except BadRule as error:
            yield name, error
