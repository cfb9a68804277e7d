"""What a visitor or a customer is interested in."""

from __future__ import annotations

from collections.abc import Mapping

from wakeline.decay import rounded
from wakeline.definitions import MAX_INTERESTS

KEPT_INTERESTS = 48  # number kept, so that not every new interest needs trimming

ROUNDING = 1e-5  # of an amount taken back: rounding leaves up to a millionth of a small one, beside large ones

NONE: set[str] = set()  # stays empty


class Interests:
    """A set of interests with stored scores (see `wakeline.decay`), and the current call's changes to it."""

    __slots__ = ("changed", "gone", "scores")

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores  # each rounded
        self.changed: set[str] = NONE  # most have none, and a set of their own is a third of what loading one costs
        self.gone: set[str] = NONE

    def add(self, name: str, amount: float) -> None:
        scores = self.scores
        scores[name] = rounded(scores.get(name, 0.0) + amount)
        if self.changed is NONE:
            self.changed = set()
        self.changed.add(name)
        if len(scores) > MAX_INTERESTS:
            self._trim()

    def add_all(self, amounts: Mapping[str, float]) -> None:
        """Add what is said at once: what is removed for it does not depend on the order of the names."""
        scores = self.scores
        for name, amount in amounts.items():
            scores[name] = rounded(scores.get(name, 0.0) + amount)
        self.changed = self.changed.union(amounts)
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

    def _trim(self) -> None:
        weakest = sorted(self.scores, key=lambda name: (self.scores[name], name))[: len(self.scores) - KEPT_INTERESTS]
        for name in weakest:
            del self.scores[name]
        self.gone = self.gone.union(weakest)
        self.changed.difference_update(weakest)

    def clear(self) -> None:
        self.scores.clear()
        self.written()

    def written(self) -> None:
        """From here on nothing has changed."""
        self.changed = self.gone = NONE
