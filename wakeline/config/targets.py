"""Rules for targets in wakeline.toml: what of one cannot be, and what of several does not go together."""

from __future__ import annotations

from collections.abc import Iterator

from wakeline.config.values import nearest, number, quoted
from wakeline.numbers.long import TARGETED, in_money
from wakeline.settings import MOST_GOAL, MOST_TARGETS, Site, TargetRule

MOST_LETTERS = {"name": 60, "owner": 60}


def target(rule: TargetRule) -> str:
    """What is wrong with a target, after the word; "" for nothing."""
    return next((f"{quoted(rule.name)} {what}" for what in _faults(rule)), "")


def _faults(rule: TargetRule) -> Iterator[str]:
    for name, most in MOST_LETTERS.items():
        text: str = getattr(rule, name)
        least = int(name == "name")
        if not least <= len(text) <= most or text != text.strip() or not text.isprintable():
            yield f"has {name} {quoted(text)}: {least} to {most} visible characters, without spaces around them"
    if rule.number not in TARGETED:
        meant = nearest(rule.number, TARGETED) or f": choose one of {', '.join(TARGETED)}"
        yield f"is for {quoted(rule.number)}, which is no number{meant}"
    if not 0 < rule.goal <= MOST_GOAL:
        yield f"has goal {number(rule.goal)}: write what the number is to be, above 0, up to {MOST_GOAL:,}"


def misfits(site: Site) -> Iterator[str]:
    """What does not go together."""
    if (count := len(site.targets)) > MOST_TARGETS:
        yield f"are {count:,}, more than {MOST_TARGETS}: keep those that somebody looks at"
    seen = set()
    for rule in site.targets:
        if rule.name in seen:
            yield f"have {quoted(rule.name)} twice: give each a name of its own"
        seen.add(rule.name)


def need_currency(site: Site) -> bool:
    """Whether a target is an amount."""
    return any(rule.number in TARGETED and in_money(TARGETED[rule.number]) for rule in site.targets)
