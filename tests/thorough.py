"""How many of the tests' many cases run: in `make test` one in four, with `make test TEST_ARGS=--thorough` all.

Cases that a seed generates, orders in which things arrive, calls at which something is killed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

SHARE = 4
"""One case in so many runs; with `--thorough` it is 1, so read it as `thorough.SHARE`."""

T = TypeVar("T")


def begin() -> None:
    """From now on all cases run."""
    global SHARE
    SHARE = 1


def cases(count: int) -> int:
    """Of so many cases, how many run: at least one."""
    return max(1, count // SHARE)


def chosen(found: Sequence[T], by: object) -> list[T]:
    """Of these, as many as run, in the same order: `by` decides which, by its repr, the same in every run."""
    kept = random.Random(repr(by)).sample(range(len(found)), cases(len(found)))
    return [found[index] for index in sorted(kept)]
