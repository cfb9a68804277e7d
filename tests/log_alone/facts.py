"""Generated facts: about orders, contacts, mails, products and people, told by servers, imports and pages."""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from tests.timeline import DAY, MINUTE, START
from wakeline.record import Fact, ImportEnd, Record

HOUR = 60 * MINUTE
ORDERS = ("#" + "a" * 32, "#" + "b" * 32)
CONTACT, SENT, PRODUCT = "#contact:" + "c" * 32, "#sent:" + "d" * 32, "$runner-7"
OTHER_SENT = "#sent:" + "e" * 32
IMPORT = "1" * 32
EVERY_LANE = "*"
AGES = (0, 0, 1, MINUTE, HOUR, DAY, 20 * DAY, 300 * DAY, 500 * DAY)
CURRENCIES = ("EUR", "USD")
COST = {"cost": 70, "currency": "USD"}


class Facts:
    """What is told next, drawn from what was told."""

    def __init__(
        self, rng: random.Random, people: tuple[str, ...], customers: tuple[str, ...], *, mostly_orders: bool = False
    ) -> None:
        self._rng = rng
        self._mostly_orders = mostly_orders
        self._visitors = [id for id in people if id[0] != "~"]
        self._customers = customers
        self._said: list[Fact] = []
        self._line = 0

    def next(self, at: int, *, forgets: bool) -> tuple[str, Record]:
        """In whose lane it is, and the record; appended `at` ms after START."""
        rng = self._rng
        drawn = rng.random()
        if drawn < 0.06 and self._line:
            return EVERY_LANE, ImportEnd("shop", IMPORT, START + at, self._line)
        if self._said and drawn < 0.25:
            said = rng.choice(self._said)  # once more, or by mistake with other content
            again = said if rng.random() < 0.7 else replace(said, time=max(1, said.time - 1))
            return again.home, again
        fact = self._fact(at, forgets=forgets)
        self._said.append(fact)
        return fact.home, fact

    def of_page(self) -> dict[str, Any]:
        """Fields of a page's purchase or refund."""
        rng = self._rng
        props = rng.choice(({}, {"value": rng.randint(1, 9), "currency": rng.choice(CURRENCIES)}))
        return {"order": rng.choice(ORDERS), "props": props, "signed": rng.random() < 0.3}

    def _fact(self, at: int, *, forgets: bool) -> Fact:
        rng = self._rng
        customer = rng.choice((*self._customers, ""))
        home, type, body = self._reaching(*self._about(forgets=forgets), at)
        visitor = ""
        if home == "@":
            home = customer = customer or self._customers[0]
        elif home == "visitor":
            home = visitor = rng.choice(self._visitors or ["visitor-9"])
            customer = ""
        elif rng.random() < 0.2:
            visitor = rng.choice(self._visitors or ["visitor-9"])
        told_by: dict[str, Any] = {}
        if rng.random() < 0.3:
            self._line += rng.choice((1, 1, 3))
            told_by = {"by": "import", "batch": IMPORT, "line": self._line}
        received = START + at
        said = repr((len(self._said), home, type))
        return Fact(
            "shop", home, type, blake2b(said.encode(), digest_size=8).hexdigest(), received - rng.choice(AGES),
            received, customer, visitor, body, **told_by,
        )  # fmt: skip

    def _reaching(self, home: str, type: str, body: dict[str, Any], at: int) -> tuple[str, str, dict[str, Any]]:
        """Contacts of ours, mails that bounce; drawn apart, so that the rest of a story is the same without them."""
        rng = random.Random(f"{len(self._said)} {at} {type}")
        if type == "contact":
            return home, type, body | rng.choice(({}, {"direction": "out"}, {"direction": "out"}, {"direction": "in"}))
        if home == SENT:
            said = rng.choice((type, type, "campaign_sent", "campaign_bounced"))
            return rng.choice((SENT, OTHER_SENT)), said, body
        return home, type, body

    def _about(self, *, forgets: bool) -> tuple[str, str, dict[str, Any]]:
        rng = self._rng
        money = {"value": rng.randint(1, 999), "currency": rng.choice(CURRENCIES)}
        items = {
            "items": [{"item_id": rng.choice("xyz"), "price": rng.randint(1, 99)} for _ in range(rng.randint(0, 3))]
        }
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            (rng.choice(ORDERS), "purchase", money | rng.choice(({}, items, {"coupon": "may"}))),
            (rng.choice(ORDERS), "refund", {"refund_id": rng.choice("rs"), **rng.choice(({}, money, money | items))}),
            (rng.choice(ORDERS), "order_state", {"state": rng.choice(("paid", "shipped", "returned"))}),
            (CONTACT, "contact", {"channel": "mail", **rng.choice(({}, {"state": "solved"}, {"minutes": 2.5}, COST))}),
            (SENT, rng.choice(("campaign_sent", "campaign_opened")), {"campaign": "may", **rng.choice(({}, COST))}),
            (PRODUCT, "product", rng.choice(({"stock": rng.randint(0, 9)}, {"name": "Runner"}))),
            ("@", "customer", {"traits": {"plan": rng.choice("ab")}, "returns": rng.random() < 0.5}),
            ("@", "preference", {"topic": "shoes", "allowed": rng.random() < 0.5}),
            ("@", "tag", {"tag": rng.choice("vw"), "removed": rng.random() < 0.3}),
            ("@", "promotion_used", {"promotion": "may", **COST}),
            ("@", "alias", {"other": rng.choice(self._customers)}),
            ("visitor", "login", {}),
        ]
        if forgets:
            kinds += [("@", "forget", {}), ("visitor", "forget", {})]
            kinds += [(who, "consent", {"level": rng.choice(("off", "full"))}) for who in ("@", "visitor")]
        if self._mostly_orders and rng.random() < 0.6:
            return rng.choice(kinds[:5])
        return rng.choice(kinds)
