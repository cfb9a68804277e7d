"""What a part of a rule is, and what comes out where parts are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wakeline.segments.fields import Kind

NUMBERS = (Kind.NUMBER, Kind.SCORE, Kind.LENGTH, Kind.MONEY)
MEASURES = (Kind.SCORE, Kind.LENGTH, Kind.MONEY)


class Part(NamedTuple):
    """What a part of a rule is; as Python: how it is computed, and moments at which it may change on its own."""

    kind: Kind
    code: str
    moments: tuple[str, ...] = ()
    constant: Any = None


class Site(NamedTuple):
    """What rules need of their site."""

    currency: str  # the main one; "" for none
    segments: Mapping[str, str]  # the text of each one's rule
    inside: tuple[str, ...] = ()  # the names of the segments in whose rules this one stands, the outermost first


class Leaf(NamedTuple):
    """A comparison, or a field that is yes or no: as it was written, what it compares, and the whole."""

    written: str
    asked: Part
    whole: Part


def joined(parts: Sequence[Part], word: str) -> Part:
    if len(parts) == 1:
        return parts[0]
    moments = tuple(moment for part in parts for moment in part.moments)
    return Part(Kind.FLAG, f"({word.join(part.code for part in parts)})", moments)


def flag(code: str, *of: Part) -> Part:
    return Part(Kind.FLAG, code, tuple(moment for part in of for moment in part.moments))


def of_score(score: Part, symbol: str, limit: Part) -> Part:
    found = flag(f"({score.code} {symbol} {limit.code})", score, limit)
    return found._replace(moments=(*found.moments, f"crosses({score.code}, {limit.code}, now, half_life)"))


def alike(part: Part, other: Part) -> Part:
    """A trait as what it is compared with."""
    if part.kind is not Kind.TRAIT:
        return part
    if other.kind is Kind.NUMBER:
        return part._replace(kind=Kind.NUMBER, code=f"number({part.code})")
    if other.kind is Kind.FLAG:
        return part._replace(kind=Kind.FLAG, code=f"({part.code} is True)")
    return part._replace(kind=Kind.TEXT, code=f"text({part.code})")


def computed(one: Kind, symbol: str, other: Kind) -> Kind | None:
    """What comes out; None: nothing does."""
    if one is other and one in NUMBERS:
        if symbol in "+-":
            return one
        return Kind.NUMBER if symbol == "/" or one is Kind.NUMBER else None
    if (one, symbol, other) == (Kind.TIME, "-", Kind.TIME):
        return Kind.LENGTH
    if one in MEASURES and other is Kind.NUMBER and symbol in "*/":
        return one
    if one is Kind.NUMBER and other in MEASURES and symbol == "*":
        return other
    return None


def a(kind: Kind) -> str:
    """With its article; what is yes or no has none."""
    return kind.value if kind is Kind.FLAG else f"an {kind.value}" if kind is Kind.MONEY else f"a {kind.value}"
