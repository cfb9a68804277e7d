"""Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009) of interests.

A weight w at time t is stored as w * 2^((t - T0) / half_life). Stored values add, merge and order
without being read first; only a reader brings them to its own time.
"""

from __future__ import annotations

from math import exp2

BITS, DIGITS = 39, 13  # of a score: so many digits tell so many bits exactly
TEXT = f"%.{DIGITS}g"
SPLITTER = 2.0 ** (53 - BITS) + 1
MOST_ROUNDED = 1e300  # near where scores overflow, after 1,000 half-lives


def stored(weight: float, *, at: int, zero: int, half_life: int) -> float:
    """The amount that a `weight` at time `at` (ms) adds to the stored score. Overflows after 1,023 half-lives."""
    return weight * exp2((at - zero) / half_life)


def current(score: float, *, now: int, zero: int, half_life: int) -> float:
    """The value of a stored `score` at time `now` (ms)."""
    return score * exp2(-(now - zero) / half_life)


def rounded(score: float) -> float:
    """To BITS, which DIGITS tell exactly: all 17 would be a tenth more of what interests take in Redis.

    After each addition, so that a score does not depend on when it was written and loaded again. (Veltkamp's splitting:
    a third of what formatting takes.)
    """
    if abs(score) > MOST_ROUNDED:
        return score
    high = score * SPLITTER
    return high - (high - score)


def text_of(score: float) -> str:
    """A rounded score as it is stored."""
    return TEXT % score
