"""What the shop's other departments tell beside its pages: accounting, the till, the service desk, the mailer.

Derived from the pages' records, seeded, so always identical. Amounts are in cents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from demo.catalogue import Product, catalogue
from wakeline.durations import DAY_MS
from wakeline.record import Event, Fact
from wakeline.settings import Site
from wakeline.vocabulary.things import (
    AGREEMENT,
    CONTACT,
    ORDER,
    PRODUCT,
    SENT,
    SERVICE_ORDER,
    Thing,
    event_id,
    thing_id,
)

HOUR_MS = DAY_MS // 24
MARGINS = {"lamps": 0.45, "ceramics": 0.6, "plants": 0.35, "textiles": 0.5}  # of the price
TAX = 0.19
TILL_A_DAY = 3
IMPORTED_DAYS = 30
TOPICS = {"delivery": "mail", "damage": "phone", "invoice": "mail", "advice": "chat"}
MINUTE_COST = 70  # cents of the service desk


class Departments:
    """Facts of one site between two times, ms."""

    def __init__(self, site: Site, *, start: int, end: int) -> None:
        self.site, self.start, self.end = site, start, end
        self.chance = random.Random(17)
        self._number = 0

    def facts(self, pages: Sequence[Event]) -> Iterator[Fact]:
        customers = sorted({page.customer for page in pages if page.customer})
        yield from self.catalogue()
        for page in pages:
            if page.type == "purchase" and not page.bot:
                yield from self.accounting(page, customers)
        yield from self.till(customers)
        yield from self.offers(customers)
        yield from self.agreements(customers)
        yield from self.mailings(customers)

    def fact(self, thing: Thing | None, own_id: str, type: str, time: int, customer: str = "", **body: Any) -> Fact:
        self._number += 1
        return Fact(
            site=self.site.key,
            home=thing_id(self.site.secret, thing, own_id) if thing else customer,
            type=type,
            id=event_id(self.site.secret, f"{own_id}/{type}/{self._number}"),
            time=time,
            received=max(time, self.start) + 60_000,
            customer=customer,
            body=body,
        )

    def catalogue(self) -> Iterator[Fact]:
        """The products: once imported, then new stock each week."""
        for line, one in enumerate(catalogue().products, 1):
            told = self.fact(
                PRODUCT, one.id, "product", self.start - 30 * DAY_MS, item_id=one.id, name=one.name,
                categories=[one.category], price=one.price * 100, cost=cost_of(one), currency="EUR", stock=40.0,
            )  # fmt: skip
            told.by, told.batch, told.line = "import", "a" * 32, line
            yield told
            for week in range(4):
                time = self.start + week * 7 * DAY_MS + line
                yield self.fact(PRODUCT, one.id, "product", time, item_id=one.id, stock=float(40 - 9 * week - line))

    def accounting(self, page: Event, customers: Sequence[str]) -> Iterator[Fact]:
        """What became of an order from the web, and who called because of it."""
        number = str(page.props["transaction_id"])
        items = [told_item(item["item_id"], item["quantity"]) for item in page.props["items"]]
        value = sum(item["price"] * item["quantity"] for item in items)
        yield self.fact(
            ORDER, number, "purchase", page.time + 2_000, value=value, currency="EUR", tax=round(value * TAX),
            shipping=490, channel="web", items=items,
        )  # fmt: skip
        if self.chance.random() < 0.06:
            yield self.state(number, "cancelled", page.time + 3 * HOUR_MS)
            return
        shipped = page.time + self.chance.randint(10, 40) * HOUR_MS
        delivered = shipped + self.chance.randint(20, 90) * HOUR_MS
        for state, at in (("paid", page.time + HOUR_MS), ("shipped", shipped), ("delivered", delivered)):
            if at < self.end:
                yield self.state(number, state, at)
        if delivered < self.end and self.chance.random() < 0.15:
            back = self.chance.choice(items)
            yield self.fact(
                ORDER, number, "refund", delivered + DAY_MS, refund_id=part_of(self.site, f"R-{number}"),
                currency="EUR", items=[{**back, "quantity": 1}],
            )  # fmt: skip
        if self.chance.random() < 0.3:
            yield from self.call(number, delivered, self.chance.choice(customers))

    def state(self, number: str, state: str, at: int) -> Fact:
        return self.fact(ORDER, number, "order_state", at, state=state)

    def call(self, number: str, time: int, customer: str) -> Iterator[Fact]:
        topic = self.chance.choice(sorted(TOPICS))
        minutes = self.chance.randint(3, 25)
        own_id, order = f"C-{number}", thing_id(self.site.secret, ORDER, number)
        yield self.fact(
            CONTACT, own_id, "contact", time, customer, channel=TOPICS[topic], direction="in", topic=topic,
            state="opened", order=order,
        )  # fmt: skip
        if self.chance.random() < 0.8:
            yield self.fact(
                CONTACT, own_id, "contact", time + self.chance.randint(1, 50) * HOUR_MS, customer, state="solved",
                channel=TOPICS[topic], cost=minutes * MINUTE_COST, currency="EUR", minutes=minutes,
                satisfaction=self.chance.randint(4, 10),
            )  # fmt: skip
        if topic == "damage":
            yield self.fact(
                SERVICE_ORDER, f"S-{number}", "service_order", time + DAY_MS, customer, state="repaired", cost=1_500,
                currency="EUR", minutes=30,
            )  # fmt: skip

    def till(self, customers: Sequence[str]) -> Iterator[Fact]:
        """Those who show a card are known from the pages too. What was sold before the first day is imported."""
        cards = customers[:24]
        for day in range(-IMPORTED_DAYS, (self.end - self.start) // DAY_MS):
            for sale in range(TILL_A_DAY):
                items = [
                    told_item(one.id, self.chance.randint(1, 2))
                    for one in self.chance.sample(catalogue().products, self.chance.randint(1, 3))
                ]
                value = sum(item["price"] * item["quantity"] for item in items)
                time = self.start + day * DAY_MS + self.chance.randint(9, 18) * HOUR_MS
                customer = self.chance.choice(cards) if cards and self.chance.random() < 0.6 else ""
                sold = self.fact(
                    ORDER, f"till-{day}-{sale}", "purchase", time, customer, value=value, currency="EUR",
                    channel="till", tax=round(value * TAX), items=items,
                )  # fmt: skip
                if day < 0:
                    sold.by, sold.batch, sold.line = "import", "b" * 32, (day + IMPORTED_DAYS) * TILL_A_DAY + sale + 1
                yield sold
                if customer and self.chance.random() < 0.5:
                    yield self.fact(
                        None, f"till-{day}-{sale}", "survey_answered", time + HOUR_MS, customer, survey="visit",
                        question="How was your visit?", answer=str(self.chance.randint(3, 10)),
                    )  # fmt: skip

    def offers(self, customers: Sequence[str]) -> Iterator[Fact]:
        """At the till, by the cashier or on the receipt."""
        for number, customer in enumerate(customers):
            time = self.start + (number % 28) * DAY_MS + 12 * HOUR_MS
            slot = "cashier" if number % 2 else "receipt"
            about = {"decision_id": f"till-{number}", "offer": "plant care", "slot": slot}
            yield self.fact(None, about["decision_id"], "offer_seen", time, customer, **about)
            if self.chance.random() < (0.4 if slot == "cashier" else 0.2):
                yield self.fact(None, about["decision_id"], "offer_accepted", time + HOUR_MS, customer, **about)

    def agreements(self, customers: Sequence[str]) -> Iterator[Fact]:
        for number, customer in enumerate(customers[:8]):
            begin = self.start - 300 * DAY_MS + number * 40 * DAY_MS
            yield self.fact(
                AGREEMENT, f"A-{number}", "agreement", begin, customer, level="plant care", start=begin,
                end=begin + 365 * DAY_MS, value=4_900, currency="EUR",
            )  # fmt: skip

    def mailings(self, customers: Sequence[str]) -> Iterator[Fact]:
        """Two campaigns, the second with two subjects."""
        for campaign, week, subjects in (("autumn-light", 0, ("Evenings",)), ("winter-light", 2, ("Snow", "Candles"))):
            for number, customer in enumerate(customers):
                own_id, time = f"{campaign}-{number}", self.start + (week * 7 + 1) * DAY_MS + number
                about = {"campaign": campaign, "medium": "email"}
                subject = subjects[number % len(subjects)]
                yield self.fact(
                    SENT, own_id, "campaign_sent", time, customer, **about, element={"subject": subject}, cost=2,
                    currency="EUR",
                )  # fmt: skip
                if self.chance.random() < 0.04:
                    yield self.fact(SENT, own_id, "campaign_bounced", time + 60_000, customer, **about)
                elif self.chance.random() < (0.5 if subject == "Snow" else 0.35):
                    yield self.fact(SENT, own_id, "campaign_opened", time + HOUR_MS, customer, **about)
                    if self.chance.random() < 0.3:
                        yield self.fact(
                            SENT, own_id, "campaign_clicked", time + HOUR_MS + 9_000, customer, **about,
                            element={"link": "lamps"},
                        )  # fmt: skip


def told_item(id: str, quantity: float) -> dict[str, Any]:
    one = next(product for product in catalogue().products if product.id == id)
    return {
        "item_id": id, "item_category": one.category, "price": one.price * 100, "quantity": quantity,
        "cost": cost_of(one),
    }  # fmt: skip


def cost_of(product: Product) -> int:
    return round(product.price * 100 * (1 - MARGINS[product.category]))


def part_of(site: Site, id: str) -> str:
    """The id of a refund, as the log has it."""
    return event_id(site.secret, f"refund:{id}")
