"""How many generated cases run: in `make test` a share of them, with `make test TEST_ARGS=--all-generated` each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

SHARE = 4
"""One in so many runs; 1 with `--all-generated`."""

T = TypeVar("T")


def cases(count: int) -> int:
    """Of so many cases, how many run: at least one."""
    return max(1, count // SHARE)


def chosen(found: Sequence[T], by: object) -> list[T]:
    """Of these, as many as run, in the same order: whatever `by` says decides which, the same in every run."""
    kept = random.Random(repr(by)).sample(range(len(found)), cases(len(found)))
    return [found[index] for index in sorted(kept)]


def run_all() -> None:
    """Every case runs, from now on."""
    global SHARE
    SHARE = 1
