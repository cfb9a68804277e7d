"""What a visitor or a customer is interested in."""

from __future__ import annotations

MAX_INTERESTS = 64  # of one profile; above it the weakest go
KEPT_INTERESTS = 48  # that many stay: the slack saves trimming at every new one


class Interests:
    """An interest set and what the current call changed of it. Scores are stored ones, see `wakeline.decay`."""

    __slots__ = ("changed", "gone", "scores")

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores
        self.changed: set[str] = set()
        self.gone: set[str] = set()

    def add(self, name: str, amount: float) -> None:
        scores = self.scores
        scores[name] = scores.get(name, 0.0) + amount
        self.changed.add(name)
        if len(scores) > MAX_INTERESTS:
            self._trim()

    def _trim(self) -> None:
        weakest = sorted(self.scores, key=lambda name: (self.scores[name], name))[: len(self.scores) - KEPT_INTERESTS]
        for name in weakest:
            del self.scores[name]
        self.gone.update(weakest)
        self.changed.difference_update(weakest)

    def clear(self) -> None:
        self.scores.clear()
        self.changed.clear()
        self.gone.clear()
