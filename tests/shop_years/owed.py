"""Which visits each order is owed to, by five models, to the last minor unit: as docs/campaigns.md says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.shop_years.decided import OF_PAGES, Order
from tests.shop_years.pages import browser_of
from tests.shop_years.truth import OrderTruth
from tests.shop_years.visited import Visited, visitor_key
from wakeline.durations import DAY_MS

TOUCHED_MS = 90 * DAY_MS


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
    """`visits`: by visitor."""

    def __init__(self, visits: Mapping[str, Sequence[Visited]]) -> None:
        self._of_visitor = visits
        self._of_customer: defaultdict[str, list[Visited]] = defaultdict(list)
        for every in visits.values():
            for one in every:
                if one.customer:
                    self._of_customer[one.customer].append(one)

    def own(self, order: Order) -> Visited | None:
        """The visit in which it was bought; None: in the shop."""
        return next((one for one in self._in_browser(order) if one.started <= order.time <= one.ended), None)

    def _in_browser(self, order: Order) -> Sequence[Visited]:
        if order.told not in OF_PAGES:
            return ()
        browser = browser_of(order)
        return self._of_visitor.get(visitor_key(browser.visitor, browser.address, order.time), ())

    def touches(self, order: Order, customer: str) -> list[Visited]:
        """Its touches, the first one first. `customer`: whose it is; "": nobody's.

        What is known of them is what is known in the end. Whoever settles an order earlier leaves out here what was
        not known by then: visits that had not arrived, and browsers whose customer was not known.
        """
        found = {
            (one.visitor, one.started): one
            for one in (*self._in_browser(order), *(self._of_customer[customer] if customer else ()))
            if one.started <= order.time < one.started + TOUCHED_MS
            and not one.is_continued
            and one.way.source_class != "internal"
            and (not customer or one.customer in ("", customer))
        }
        return sorted(found.values(), key=lambda one: (one.started, one.visitor))

    def credits(self, order: Order, worth: OrderTruth) -> list[Credit]:
        touches = self.touches(order, worth.buyer)
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
