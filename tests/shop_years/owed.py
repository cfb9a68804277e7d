"""Which visits each order is owed to, by five models, to the last minor unit: as docs/campaigns.md says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.shop_years.decided import OF_PAGES, Order, Years
from tests.shop_years.pages import browser_of
from tests.shop_years.telling import LAST
from tests.shop_years.truth import OrderTruth
from tests.shop_years.visited import Visited, Visits, visitor_key
from wakeline import definitions
from wakeline.durations import DAY_MS

TOUCHED_MS = 90 * DAY_MS
SETTLES = hasattr(definitions, "SETTLED_MS")
"""Whether credit is settled a day after an order was first heard of. Then what becomes known later changes nothing:
whose a browser was, that two ids are one customer, an erasure.
"""


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
    """To whom orders are owed. `heard`: when an order was first heard of, by its number, ms."""

    def __init__(self, made: Years, visits: Visits, heard: Mapping[str, int]) -> None:
        self._visits, self._heard = visits, heard
        self._gone = set() if SETTLES else made.gone.keys()
        self._ids = {id: one.ids for one in made.customers for id in one.ids}
        self._browsers: defaultdict[str, set[str]] = defaultdict(set)
        for visitor, turns in visits.turns.items():
            for turn in turns:
                self._browsers[turn.customer].add(visitor)

    def own(self, order: Order) -> Visited | None:
        """The visit in which it was bought; None: in the shop."""
        of_browser = self._visits.of.get(_bought_in(order), ())
        return next((one for one in of_browser if one.started <= order.time <= one.ended), None)

    def touches(self, order: Order, worth: OrderTruth) -> list[Visited]:
        """Its touches, the first one first: of the browser that bought, and of those of its customer.

        What was known when it was settled decides.
        """
        settled = self._heard[order.number] + DAY_MS if SETTLES else LAST + DAY_MS
        own, its = self.own(order), _bought_in(order)
        customer = order.customer if SETTLES else worth.buyer
        ids = self._same(customer, settled) if customer else ()
        browsers = {its, *(browser for id in ids if id not in self._gone for browser in self._browsers[id])}
        found = []
        for one in (one for browser in browsers for one in self._visits.of.get(browser, ())):
            whose = self._whose(one, settled)
            is_its = whose in ids or (one.visitor == its and (not whose or not customer)) or (SETTLES and one == own)
            is_then = one.started <= order.time < one.started + TOUCHED_MS and one.known <= settled
            if is_its and is_then and not one.is_continued and one.way.source_class != "internal":
                found.append(one)
        return sorted(found, key=lambda one: (one.started, one.visitor))

    def _same(self, customer: str, settled: int) -> Sequence[str]:
        """All ids of a customer that were known by then: their alias is told after all that is streamed."""
        return self._ids.get(customer, (customer,)) if SETTLES and settled > LAST else (customer,)

    def _whose(self, one: Visited, settled: int) -> str:
        """Who used the browser when the visit began; "": nobody, or nobody knew."""
        turns = [turn for turn in self._visits.turns[one.visitor] if turn.known <= settled]
        if not turns:
            return ""
        customer = next((turn.customer for turn in reversed(turns) if turn.since <= one.started), turns[0].customer)
        return "" if customer in self._gone else customer

    def credits(self, order: Order, worth: OrderTruth) -> list[Credit]:
        touches = self.touches(order, worth)
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


def _bought_in(order: Order) -> str:
    """The browser in which it was bought, as `Visits` has it; "": in none."""
    if order.told not in OF_PAGES:
        return ""
    browser = browser_of(order)
    return visitor_key(browser.visitor, browser.address, order.time)


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
