"""Why somebody is in a segment, or is not: each comparison of its rule, and what it found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.segments.fields import Kind
from wakeline.segments.language import Fading, Rule, evaluation, value
from wakeline.segments.person import Person
from wakeline.vocabulary.money import major_units

UNKNOWN = "not known"


class Found(NamedTuple):
    """One comparison."""

    written: str
    holds: bool
    found: str  # what was compared, such as "4.2" or "3 days ago"


def explained(rule: Rule, person: Person, now: int, fading: Fading, *, currency: str = "") -> Iterator[Found]:
    """Of each comparison of the rule, in order, what it is for the person at `now`, ms."""
    for leaf in rule.leaves:
        holds = bool(value(evaluation(leaf.whole.code), person, now, fading, else_=False))
        what = value(evaluation(leaf.asked.code), person, now, fading, else_=math.nan)
        yield Found(leaf.written, holds, shown(leaf.asked.kind, what, now, currency))


def shown(kind: Kind, what: Any, now: int, currency: str) -> str:
    """A value as people read it."""
    if what is None or (isinstance(what, float) and math.isnan(what)):
        return UNKNOWN
    if kind is Kind.TIME:
        return f"{length(now - what)} ago" if what <= now else f"in {length(what - now)}"
    if kind is Kind.LENGTH:
        return length(what)
    if kind is Kind.MONEY:
        return f"{major_units(round(what), currency):,f} {currency}"
    if kind is Kind.FLAG:
        return "yes" if what else "no"
    if kind in (Kind.NUMBER, Kind.SCORE):
        return f"{what:,.4g}" if isinstance(what, float) else f"{what:,}"
    if kind is Kind.TEXTS:
        return ", ".join(what) or "none"
    return str(what) if what != "" else UNKNOWN


def length(ms: float) -> str:
    """A length of time in its two largest units."""
    if ms < 0:
        return f"-{length(-ms)}"
    seconds = int(ms) // 1_000
    units = ((DAY_MS // 1_000, "d"), (3_600, "h"), (MINUTE_MS // 1_000, "min"), (1, "s"))
    parts: list[str] = []
    for size, unit in units:
        if (many := seconds // size) or (unit == "s" and not parts):
            parts.append(f"{many:,} {unit}")
        seconds %= size
    return " ".join(parts[:2])
