"""What is said of a few people, from a seed: by their browsers, by servers, by whoever erases them.

A browser is identified as one customer, by turns as several, or as none; after a `reset` the page goes on under a new
visitor id, so a reset is a further visitor. Customers may be told to be one person. Times of what is said differ, as
between records of one moment the digest decides.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tests.timeline import MINUTE, SECOND, START, event, fact
from wakeline.record import Erase, Event, Fact

HOUR = 60 * MINUTE
CUSTOMERS = ("@customer0", "@customer1", "@customer2")
ORDERS = ("#" + "a" * 32, "#" + "b" * 32)
WORDS = ("leather", "sale", "wool", "silk")
PATHS = ("/", "/shoes/red", "/bags")
GAPS = (1, SECOND, 20 * SECOND, 10 * MINUTE, 31 * MINUTE, 3 * HOUR)
STEPS = (6, 28)
MOST_TURNS = 5
OFF = ("off", "anonymous")

Record = Event | Fact | Erase


class Said(NamedTuple):
    """One record, and the numbers of those that arrive before it in every order."""

    record: Record
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Story:
    """All that is said."""

    seed: int
    said: tuple[Said, ...]

    @property
    def records(self) -> list[Record]:
        return [said.record for said in self.said]

    def __len__(self) -> int:
        return len(self.said)

    def without(self, start: int, end: int) -> Story:
        gone = end - start
        left = [
            Said(record, tuple(one - gone * (one >= end) for one in after if not start <= one < end))
            for number, (record, after) in enumerate(self.said)
            if not start <= number < end
        ]
        return replace(self, said=tuple(left))


def story(seed: int) -> Story:
    return Story(seed, tuple(_Telling(random.Random(f"identity {seed}")).said))


class _Browser:
    def __init__(self, visitor: str, customer: str) -> None:
        self.visitor, self.customer = visitor, customer
        self.pages = 0
        self.turns = 1
        self.next: dict[str, int] = {}
        self.path: dict[str, str] = {}


class _Telling:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._at = 0
        self.said: list[Said] = []
        self._customers = rng.sample(CUSTOMERS, rng.randint(1, len(CUSTOMERS)))
        self._browsers = [self._browser(number) for number in range(rng.randint(1, 3))]
        self._has_orders, self._has_facts = rng.random() < 0.5, rng.random() < 0.5
        self._has_aliases, self._has_turns = rng.random() < 0.3, rng.random() < 0.3
        is_many = self._has_aliases or self._has_turns
        for _ in range(rng.randint(*STEPS)):
            self._next()
        self._end(rng.choice((0, 0, 0, 1, 2) if is_many else (0, 1, 1, 1, 2)))

    def _browser(self, number: int) -> _Browser:
        return _Browser(f"visitor-{number}", self._rng.choice((*self._customers, "")))

    def _pass(self) -> int:
        self._at += self._rng.choice(GAPS)
        return self._at

    def _add(self, record: Record, *after: int) -> None:
        self.said.append(Said(record, after))

    def _next(self) -> None:
        rng = self._rng
        drawn = rng.random()
        if self._has_facts and drawn < 0.2:
            self._add(self._told(rng.choice(self._customers)))
        elif self._has_orders and drawn < 0.35:
            self._add(self._order())
        elif self._has_aliases and drawn > 0.9:
            self._add(fact(rng.choice(CUSTOMERS), "alias", self._pass(), {"other": rng.choice(CUSTOMERS)}))
        elif drawn < 0.4 and len(self._browsers) < 5:
            browser = rng.choice(self._browsers)  # `reset`: its page goes on as somebody else, who may sign in again
            number = self._browsers.index(browser)
            self._browsers.append(self._browser(len(self._browsers)))
            self._browsers[number], self._browsers[-1] = self._browsers[-1], self._browsers[number]
        else:
            self._add(self._event(rng.choice(self._browsers)))

    def _event(self, browser: _Browser) -> Event:
        rng = self._rng
        if not browser.pages or rng.random() < 0.4:
            page, browser.pages = f"{browser.visitor}-{browser.pages}", browser.pages + 1
            browser.path[page] = rng.choice(PATHS)
            named = rng.sample(WORDS, rng.choice((0, 1, 2)))
            return self._made(browser, page, "page_view", interests=named)
        page = f"{browser.visitor}-{rng.randrange(max(0, browser.pages - 3), browser.pages)}"
        type = rng.choice(
            ("engagement", "ping", "identify", "identify", "identify", "add_to_cart", "search", "purchase")
        )
        if type == "engagement":
            return self._made(browser, page, type, engaged_ms=rng.choice((4_000, 12_000)), leave=rng.random() < 0.5)
        if type == "add_to_cart":
            return self._made(browser, page, type, props={"category": rng.choice(WORDS)})
        if type == "identify":
            if self._has_turns and browser.customer and browser.turns < MOST_TURNS and rng.random() < 0.6:
                browser.customer, browser.turns = rng.choice(CUSTOMERS), browser.turns + 1
            return self._made(browser, page, type if browser.customer else "ping", customer=browser.customer)
        if type == "purchase" and self._has_orders:
            props = rng.choice(({}, {"value": rng.randint(1, 9), "currency": "EUR"}))
            return self._made(browser, page, type, order=rng.choice(ORDERS), props=props)
        return self._made(browser, page, "search")

    def _made(self, browser: _Browser, page: str, type: str, **fields: Any) -> Event:
        n = browser.next.get(page, 0)
        browser.next[page] = n + 1
        return event(browser.visitor, page, n, self._pass(), type, browser.path[page], **fields)

    def _told(self, customer: str) -> Fact:
        rng = self._rng
        type, body = rng.choice(
            (
                ("customer", {"traits": {rng.choice(("plan", "size")): rng.choice("abc")}}),
                ("preference", {"topic": rng.choice(WORDS), "allowed": rng.random() < 0.5}),
                ("tag", {"tag": rng.choice("vw"), "removed": rng.random() < 0.3}),
            )
        )
        return fact(customer, type, self._pass(), body)

    def _order(self) -> Fact:
        rng = self._rng
        type, body = rng.choice(
            (
                ("purchase", {"value": rng.randint(1, 999), "currency": "EUR"}),
                ("refund", {"refund_id": rng.choice("rs"), "value": rng.randint(1, 9), "currency": "EUR"}),
                ("order_state", {"state": rng.choice(("paid", "shipped"))}),
            )
        )
        customer = rng.choice((*self._customers, ""))
        return fact(rng.choice(ORDERS), type, self._pass(), body, customer=customer)

    def _end(self, ends: int) -> None:
        """Withdrawals and erasures, each at some moment of the story."""
        rng = self._rng
        for _ in range(ends):
            at = rng.choice((self._at + 1, rng.choice(self.said).record.time - START + 1))
            while any(record.time == START + at for record, _ in self.said):
                at += 1
            kind = rng.choice(("page", "page", "visitor", "visitor", "customer", "customer", "everywhere"))
            if kind == "customer":
                id = rng.choice(self._customers)
                self._add(Erase("shop", id, START + at) if rng.random() < 0.5 else fact(id, "forget", at))
            elif kind == "everywhere":
                self._add(fact(rng.choice(self._customers), "consent", at, {"level": rng.choice(OFF)}))
            else:
                self._end_of(rng.choice(self._browsers), at, is_page=kind == "page")

    def _end_of(self, browser: _Browser, at: int, *, is_page: bool) -> None:
        """Of a browser: it arrives after what identified it before, and before what does so later."""
        rng, visitor = self._rng, browser.visitor
        record: Record
        if is_page:
            record = event(visitor, f"{visitor}-last", 0, at, "consent", level=rng.choice(OFF))
        else:
            told = fact(visitor, rng.choice(("forget", "consent")), at, {"level": "off"})
            record = rng.choice((Erase("shop", visitor, START + at), told))
        links = [
            number
            for number, (one, _) in enumerate(self.said)
            if isinstance(one, Event) and one.type == "identify" and one.visitor == visitor
        ]
        number = len(self.said)
        self._add(record, *(one for one in links if self.said[one].record.time <= record.time))
        for one in links:
            link, after = self.said[one]
            if link.time > record.time:
                self.said[one] = Said(link, (*after, number))
