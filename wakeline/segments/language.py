"""Compiled rules.

    rule = compiled("orders == 0 and interests['running'] > 3 and last_seen < 2d", currency="EUR")
    rule.matches(person, now, clock)

Compiled once, ten rules of a shop take a microsecond or so: see `segments_us` of the benchmarks.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from math import exp2
from typing import Any, NamedTuple

from wakeline.durations import NEVER
from wakeline.segments import running
from wakeline.segments.checking import Checker
from wakeline.segments.parts import Leaf, Part, Site
from wakeline.segments.person import Person
from wakeline.segments.source import BadRule, Source

NAMES: dict[str, Any] = {
    name: getattr(running, name)
    for name in ("ratio", "differs", "number", "text", "within", "share", "reached", "passed", "leaves", "crosses")
} | {"__builtins__": {}, "min": builtins.min}


class Fading(NamedTuple):
    """How scores halve: see `wakeline.decay`. Times in ms."""

    zero: int
    half_life: int

    def at(self, now: int) -> float:
        """What a stored score is multiplied by."""
        return exp2((self.zero - now) / self.half_life)


class Rule:
    """One rule of a segment."""

    def __init__(self, text: str, whole: Part, leaves: list[Leaf]) -> None:
        self.text = text
        self.leaves = leaves
        self._matches = evaluation(whole.code)
        moments = tuple(dict.fromkeys(whole.moments))
        self._moment = evaluation(f"min({', '.join(moments)}, {NEVER})") if moments else None

    def matches(self, person: Person, now: int, fading: Fading) -> bool:
        """Whether the person is in the segment at `now`, ms."""
        return bool(value(self._matches, person, now, fading, else_=False))

    def moment(self, person: Person, now: int, fading: Fading) -> int:
        """The next moment (ms) at which that may change if nothing happens; NEVER for none."""
        if self._moment is None:
            return NEVER
        return int(value(self._moment, person, now, fading, else_=NEVER))


def compiled(text: str, *, currency: str = "", segments: Mapping[str, str] = {}, name: str = "") -> Rule:
    """The rule, of a site with this main currency and these `segments`, whose rules it may name by `in_segment`.

    `name`: its own among them. Raises BadRule.
    """
    try:
        checker = Checker(Source(text), Site(currency, segments, (name,) if name else ()))
        whole = checker.check()
        return Rule(text, whole, checker.leaves)
    except (RecursionError, MemoryError):
        raise BadRule("nested too deep") from None


Evaluation = Callable[[Person, int, float, int], Any]


def evaluation(code: str) -> Evaluation:
    """A function of `code`, which the checker wrote."""
    found: Evaluation = eval(f"lambda p, now, faded, half_life: {code}", NAMES)
    return found


def value(asked: Evaluation, person: Person, now: int, fading: Fading, *, else_: Any) -> Any:
    """What it is of a person; `else_` where numbers become too large."""
    try:
        return asked(person, now, fading.at(now), fading.half_life)
    except OverflowError:
        return else_
