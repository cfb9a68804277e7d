"""Counts what an import moves: events by type, sums by currency, customers, dates."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, tzinfo

from wakeline.record import Fact
from wakeline.vocabulary.money import major_units
from wakeline.vocabulary.types import PURCHASE, REFUND

MOST_CUSTOMERS = 500_000  # that are told apart; above that only that there are more is known


class Summary:
    """Of one file."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.bought: Counter[str] = Counter()  # by currency, minor units
        self.refunded: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()  # by field
        self.too_old = 0
        self.first = self.last = 0  # ms
        self._customers: set[int] = set()

    def add(self, fact: Fact) -> None:
        self.types[fact.type] += 1
        self.first = min(self.first or fact.time, fact.time)
        self.last = max(self.last, fact.time)
        if fact.customer and len(self._customers) <= MOST_CUSTOMERS:
            self._customers.add(hash(fact.customer))
        if fact.told:
            self.personal.update(fact.told)
        if fact.type == PURCHASE:
            self.bought[fact.body["currency"]] += fact.body["value"]
        elif fact.type == REFUND and "value" in fact.body:
            self.refunded[fact.body["currency"]] += fact.body["value"]

    def lines(self, zone: tzinfo) -> list[tuple[str, str]]:
        """(what, how much), for people. Dates are of `zone`."""
        rows = [(NAMES.get(type, type), f"{count:,}") for type, count in self.types.most_common()]
        for what, sums in (("sum of orders", self.bought), ("sum of refunds", self.refunded)):
            rows += [(what, f"{major_units(sum, currency):,} {currency}") for currency, sum in sorted(sums.items())]
        if self._customers:
            more = len(self._customers) > MOST_CUSTOMERS
            rows.append(
                ("different customers", f"more than {MOST_CUSTOMERS:,}" if more else f"{len(self._customers):,}")
            )
        if self.last:
            rows.append(("from", _day(self.first, zone)))
            rows.append(("to", _day(self.last, zone)))
        if self.personal:
            rows.append(
                ("values for cards", ", ".join(f"{name} {count:,}" for name, count in sorted(self.personal.items())))
            )
        if self.too_old:
            rows.append(("too old to be kept", f"{self.too_old:,}"))
        return rows


NAMES = {
    "purchase": "orders",
    "refund": "refunds",
    "order_state": "states of orders",
    "customer": "customers' records",
    "contact": "contacts",
    "product": "products",
    "campaign_sent": "mails sent",
}


def _day(ms: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d}"
