"""Which visits each order is owed to, by each model, to the last minor unit: as docs/campaigns.md says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.shop_years.decided import OF_PAGES, Order, Years
from tests.shop_years.pages import browser_of
from tests.shop_years.telling import LAST, Tellings
from tests.shop_years.truth import OrderTruth
from tests.shop_years.visited import Visited, Visits, visitor_key
from wakeline.definitions import SETTLED_MS, TOUCHED_MS


@dataclass(frozen=True)
class Credit:
    """What one visit is owed of an order by a model. Amounts are minor units. `visit`: None: nobody is."""

    order: OrderTruth
    model: str
    position: int  # from 1 on
    touches: int
    weight: Fraction
    visit: Visited | None
    revenue: int
    margin: int | None


class Owed:
    """To whom orders are owed. `said`: what was known when."""

    def __init__(self, made: Years, visits: Visits, said: Tellings) -> None:
        self._visits, self._said = visits, said
        self._ids = {id: one.ids for one in made.customers for id in one.ids}
        self._browsers: defaultdict[str, set[str]] = defaultdict(set)
        for visitor, turns in visits.turns.items():
            for turn in turns:
                self._browsers[turn.customer].add(visitor)

    def own(self, order: Order) -> Visited | None:
        """The visit in which it was bought; None: in the shop."""
        if order.told not in OF_PAGES:
            return None
        browser = browser_of(order)
        visits = self._visits.of[visitor_key(browser.visitor, browser.address, order.time)]
        return next((one for one in visits if one.started <= order.time <= one.ended), None)

    def touches(self, order: Order) -> list[Visited]:
        """Its touches, the first one first: of the browser that bought, and of those of its customer.

        What was known when it was settled decides: visits that had arrived, whose browsers were, which ids are one
        customer's. Nobody who leaves changes it.
        """
        settled = self._said.heard.get(order.number, LAST) + SETTLED_MS
        own = self.own(order)
        if own is not None and own.known > settled:
            own = None
        its = "" if own is None else own.visitor
        ids = self._same(self._customer(order, own, settled), settled)
        browsers = {its, *(browser for id in ids for browser in self._browsers[id])}
        found = []
        for one in (one for browser in browsers for one in self._visits.of.get(browser, ())):
            whose = self._whose(one.visitor, one.started, settled)
            is_its = whose in ids or (one.visitor == its and (not whose or not ids)) or one == own
            is_then = one.started <= order.time < one.started + TOUCHED_MS and one.known <= settled
            if is_its and is_then and not one.is_continued and one.way.source_class != "internal":
                found.append(one)
        return sorted(found, key=lambda one: (one.started, one.visitor))

    def _customer(self, order: Order, own: Visited | None, settled: int) -> str:
        """Who bought it, by what was known: the latest word of a server, else whose browser it was; "": nobody knew."""
        if settled > LAST:
            return order.customer
        named = [one for one in self._said.named.get(order.number, ()) if one.arrived <= settled and one.customer]
        if named:
            return max(named).customer
        return "" if own is None else self._whose(own.visitor, order.time, settled)

    def _same(self, customer: str, settled: int) -> Sequence[str]:
        """All ids of a customer that were known by then: their alias is told after all that is streamed."""
        if not customer:
            return ()
        return self._ids.get(customer, (customer,)) if settled > LAST else (customer,)

    def _whose(self, visitor: str, time: int, settled: int) -> str:
        """Whose turn in the browser it was; "": nobody's, or nobody knew."""
        turns = [turn for turn in self._visits.turns[visitor] if turn.known <= settled]
        if not turns:
            return ""
        return next((turn.customer for turn in reversed(turns) if turn.since <= time), turns[0].customer)

    def credits(self, order: Order, worth: OrderTruth) -> list[Credit]:
        touches = self.touches(order)
        found = []
        for model, weigh in MODELS.items():
            weights = weigh(touches) if touches else [Fraction(1)]
            assert sum(weights) == 1, (model, weights)
            revenues = divided(worth.kept, weights)
            margins = None if worth.margin is None else divided(worth.margin, weights)
            for nth, weight in enumerate(weights):
                if weight:
                    visit = touches[nth] if touches else None
                    margin = None if margins is None else margins[nth]
                    found.append(Credit(worth, model, nth + 1, len(weights), weight, visit, revenues[nth], margin))
        return found


# ---- the models


def _one(count: int, which: int) -> list[Fraction]:
    return [Fraction(nth == which) for nth in range(count)]


def _last_known(touches: Sequence[Visited]) -> list[Fraction]:
    known = [nth for nth, one in enumerate(touches) if one.way.is_known]
    return _one(len(touches), known[-1] if known else len(touches) - 1)


def _by_position(touches: Sequence[Visited]) -> list[Fraction]:
    count = len(touches)
    if count <= 2:
        return [Fraction(1, count)] * count
    return [Fraction(2, 5), *[Fraction(1, 5) / (count - 2)] * (count - 2), Fraction(2, 5)]


MODELS: dict[str, Callable[[Sequence[Visited]], list[Fraction]]] = {
    "first": lambda touches: _one(len(touches), 0),
    "last": lambda touches: _one(len(touches), len(touches) - 1),
    "last_non_direct": _last_known,
    "linear": lambda touches: [Fraction(1, len(touches))] * len(touches),
    "position": _by_position,
}
"""Model -> the parts of these touches, which sum up to 1."""


def divided(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Whole units that sum up to the amount; those left over go to the largest remainders, the earlier ones first.

    A touch of weight 0 gets nothing.
    """
    sign, rest = (-1 if amount < 0 else 1), abs(amount)
    exact = [rest * weight for weight in weights]
    whole = [int(part) for part in exact]
    order = sorted(
        (nth for nth, weight in enumerate(weights) if weight), key=lambda nth: (whole[nth] - exact[nth], nth)
    )
    for nth in order[: rest - sum(whole)]:
        whole[nth] += 1
    return [sign * part for part in whole]
