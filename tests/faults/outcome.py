"""The measurements of one run of a row, and those that miss their requirement."""

from __future__ import annotations

import operator
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import ROOT

COMPARE: dict[str, Callable[[float, float], bool]] = {"==": operator.eq, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Figure:
    """A number; without `direction` it is only informative."""

    name: str
    value: float
    direction: str = ""
    bound: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.direction or COMPARE[self.direction](self.value, self.bound)

    @property
    def badness(self) -> float:
        """Of two measurements of one figure the worse is shown."""
        return {"==": abs(self.value - self.bound), ">=": -self.value}.get(self.direction, self.value)

    def __str__(self) -> str:
        return f"{self.name} {number(self.value)}"

    @property
    def aim(self) -> str:
        """Its requirement; "" for an informative one."""
        if not self.direction:
            return ""
        sign = {"==": "", "<=": "<= ", ">=": ">= "}[self.direction]
        return f"{self.name} {sign}{number(self.bound)}"


class Outcome:
    """Figures by name, in order of measurement, and descriptions of failures."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}
        self.notes: list[str] = []

    def shows(self, name: str, value: float) -> None:
        self.take(Figure(name, value))

    def is_exactly(self, name: str, value: float, wanted: float) -> None:
        self.take(Figure(name, value, "==", wanted))

    def at_most(self, name: str, value: float, bound: float) -> None:
        self.take(Figure(name, value, "<=", bound))

    def at_least(self, name: str, value: float, bound: float) -> None:
        self.take(Figure(name, value, ">=", bound))

    def note(self, words: str) -> None:
        self.notes.append(words)

    def take(self, figure: Figure) -> None:
        known = self.figures.get(figure.name)
        if known is None or figure.badness > known.badness:
            self.figures[figure.name] = figure

    @property
    def aims(self) -> dict[str, str]:
        """What figures must reach, by their names."""
        return {figure.name: figure.aim for figure in self.figures.values() if figure.aim}

    @property
    def failures(self) -> list[str]:
        missed = [f"{each}, must be {each.direction} {number(each.bound)}" for each in self.missed()]
        return missed + self.notes

    def missed(self) -> Iterator[Figure]:
        return (figure for figure in self.figures.values() if not figure.holds)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Of several runs of a row: each figure at its worst, and all failures."""
    found = Outcome()
    for outcome in outcomes:
        for figure in outcome.figures.values():
            found.take(figure)
        found.notes += outcome.notes
    return found


def in_words(error: BaseException, *, places: int = 3) -> str:
    """The error with its locations and the services' last output; of several errors the first."""
    notes = getattr(error, "__notes__", [])
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if str(ROOT) in frame.filename]
    return "\n".join([f"{type(error).__name__}: {error} ({', '.join(ours[-places:])})", *notes])


def number(value: float) -> str:
    """For people: integers as they are, other numbers with three digits."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
