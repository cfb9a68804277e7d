"""A figure: one number of the report, its meaning, and its floor."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.stand import Stand

COMPARE: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Floor:
    """The limit of a figure: `direction` is ">=", "<=" or "<"."""

    direction: str
    bound: float

    def holds(self, value: float) -> bool:
        return COMPARE[self.direction](value, self.bound)

    def __str__(self) -> str:
        return f"{self.direction} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """`how` briefly says what is measured; `floor` is None for a figure that only explains another."""

    name: str
    how: str
    floor: Floor | None = None


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks. `folder` is temporary; `say` prints a line that belongs to no figure."""

    folder: Path
    quick: bool  # fewer rounds and records: a smoke test that proves no floor
    say: Callable[[str], None]
    stand: Callable[[], Stand]  # shared by all, built at the first call
    base: str = ""  # the commit to compare with


class Benchmark(Protocol):
    """A module of this package that measures the figures it lists."""

    @property
    def FIGURES(self) -> tuple[Figure, ...]: ...

    def measure(self, run: Run) -> Mapping[str, float]:
        """A number for each of FIGURES, by name."""


def at_least(bound: float) -> Floor:
    return Floor(">=", bound)


def at_most(bound: float) -> Floor:
    return Floor("<=", bound)


def below(bound: float) -> Floor:
    return Floor("<", bound)
