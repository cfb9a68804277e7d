"""What compiled rules call. Times are ms since 1970; what there is none of is not a number, so no comparison holds."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from wakeline.durations import NEVER

NONE = float("nan")
SHARE_BITS = 48


def ratio(part: float, whole: float) -> float:
    """NONE of what nothing is."""
    return part / whole if whole else NONE


def differs(one: float, other: float) -> bool:
    return one < other or one > other


def number(value: Any) -> float:
    """A trait as a number; NONE if it is none."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else NONE


def text(value: Any) -> str:
    """A trait as a text; "" if it is none."""
    return value if isinstance(value, str) else ""


def within(times: Sequence[float], since: float) -> int:
    """How many of these times, the latest first, are later."""
    return bisect_left(times, True, key=lambda time: time <= since)


def share(id: str, name: str) -> float:
    """Where in [0, 1) a person lies at random, by this name, for ever."""
    digest = sha256(f"{name}\n{id}".encode()).digest()
    return int.from_bytes(digest[: SHARE_BITS // 8], "big") / (1 << SHARE_BITS)


# ---- moments: the next one, after `now`, at which a comparison may change if nothing happens ----------


def reached(at: float, now: int) -> int:
    """Of what is so until a time, or from then on."""
    return max(math.ceil(at), now + 1) if at > now else NEVER


def passed(at: float, now: int) -> int:
    """Of what is still so at that very time, and not after it; or the other way round."""
    return max(math.floor(at) + 1, now + 1) if at >= now else NEVER


def leaves(times: Sequence[float], length: float, now: int) -> int:
    """When the oldest time that still counts is too old."""
    inside = within(times, now - length)
    return reached(times[inside - 1] + length, now) if inside else NEVER


def crosses(score: float, limit: float, now: int, half_life: int) -> int:
    """When a score that halves with each half-life comes down to a limit, or up to one below 0."""
    times = ratio(score, limit)
    if not times >= 1:
        return NEVER
    at = now + half_life * math.log2(times)
    return max(math.ceil(at), now + 1) if at < NEVER else NEVER
