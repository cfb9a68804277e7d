"""What a visitor or a customer is interested in."""

from __future__ import annotations

from collections.abc import Mapping

MAX_INTERESTS = 64  # of one profile; beyond that the weakest are removed
KEPT_INTERESTS = 48  # number kept, so that not every new interest needs trimming

ROUNDING = 1e-9

NONE: set[str] = set()  # stays empty


class Interests:
    """A set of interests with stored scores (see `wakeline.decay`), and the current call's changes to it."""

    __slots__ = ("changed", "gone", "scores")

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores
        self.changed: set[str] = NONE  # most have none, and a set of their own is a third of what loading one costs
        self.gone: set[str] = NONE

    def add(self, name: str, amount: float) -> None:
        scores = self.scores
        scores[name] = scores.get(name, 0.0) + amount
        if self.changed is NONE:
            self.changed = set()
        self.changed.add(name)
        if len(scores) > MAX_INTERESTS:
            self._trim()

    def take(self, name: str, amount: float) -> None:
        """Subtract what was added before. What rounding leaves of it is nothing."""
        scores = self.scores
        if name not in scores:
            return
        left = scores[name] - amount
        if left > amount * ROUNDING:
            self.add(name, -amount)
        else:
            del scores[name]
            self.gone = self.gone | {name}
            self.changed.discard(name)
