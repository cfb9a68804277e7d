"""Seeded visitors of a shop, and the expected numbers, added up independently of the processor."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wakeline.identity import customer_id, signature

SITE = "shop"
SECRET = "0123456789abcdef"
ORIGIN = "https://shop.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

CUSTOMERS = 12  # with a phone and a laptop each and more: their visitors lie in many lanes
PATHS = ("/", "/shoes/red", "/shoes/blue", "/bags/one", "/bags/two")
TOPICS = ("shoes", "bags", "leather")
CUSTOM = ("search", "add_to_cart", "purchase")
WEIGHTS = {"search": 1.0, "add_to_cart": 3.0, "purchase": 5.0}

Event = dict[str, Any]


@dataclass(eq=False)
class Message:
    """One request: events of one visitor under one consent level."""

    consent: str
    events: list[Event]
    headers: dict[str, str]

    def body(self) -> dict[str, Any]:
        """The body to send now; repeated ones have the same events."""
        return {"site": SITE, "consent": self.consent, "sent": now_ms(), "events": self.events}

    @property
    def is_bot(self) -> bool:
        return self.headers["User-Agent"] == BOT

    @property
    def ids(self) -> list[tuple[str, int]]:
        return [(event["page"], event["n"]) for event in self.events]


@dataclass
class Truth:
    """The expected content of Redis once all messages are sent and applied."""

    events: int = 0
    today: Counter[str] = field(default_factory=Counter)  # what has no total
    totals: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)  # views by path
    custom: Counter[str] = field(default_factory=Counter)  # events by name
    visitors: dict[str, Counter[str]] = field(default_factory=dict)  # those with a profile
    customers: dict[str, set[str]] = field(default_factory=dict)  # pseudonym -> its visitors
    withdrawn: set[str] = field(default_factory=set)

    def of_customer(self, customer: str) -> Counter[str]:
        return sum((self.visitors[visitor] for visitor in self.customers[customer]), Counter())


class Visitor:
    """One browser on one device: full, anonymous or a bot. `life` yields its messages."""

    def __init__(self, number: int, rng: random.Random, truth: Truth, *, customers: int = CUSTOMERS) -> None:
        self._rng = rng
        self._customers = customers
        self._truth = truth
        self._pages = 0
        self._page = ""
        self._path = ""
        self._n = 0
        self._scroll = 0  # of this page, the deepest point
        kind = rng.choices(("full", "anonymous", "bot"), (75, 20, 5))[0]
        self._is_bot = kind == "bot"
        self._id = f"visitor-{number:06d}" if kind == "full" else ""
        self._name = f"{number:06d}"
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._headers = {
            "Origin": ORIGIN,
            "Content-Type": "text/plain;charset=UTF-8",
            "User-Agent": BOT if self._is_bot else CHROME,
            "X-Forwarded-For": address,
        }
        self._counts: Counter[str] = Counter()

    def life(self) -> Iterator[Message]:
        rng = self._rng
        if self._id:
            self._truth.visitors[self._id] = self._counts
            self._truth.totals["new_visitors"] += 1
            self._truth.today["visits_new"] += 1
        self._count("visits")
        held: Message | None = None
        identifies_at = rng.randrange(1, 12) if self._id and rng.random() < 0.5 else -1
        for step in range(rng.randrange(4, 12)):
            events = [*self._view()] if step == 0 or rng.random() < 0.3 else []
            events += [self._act() for _ in range(rng.randrange(3) if events else rng.randrange(1, 4))]
            if step == identifies_at:
                events.append(self._identify())
            message = self._message(events)
            if held is None and rng.random() < 0.1:
                held = message  # overtaken: a beacon at hide goes before what is still on its way
                continue
            yield message
            if held is not None and rng.random() < 0.5:
                yield held
                held = None
        if held is not None:
            yield held
        if self._id and identifies_at < 0 and rng.random() < 0.2:
            yield self._withdraw()

    def _view(self) -> Iterator[Event]:
        if self._page:
            yield self._engage(leave=True)
        rng = self._rng
        self._page, self._n = f"page-{self._name}-{self._pages}", 0
        self._scroll = 0
        self._pages += 1
        self._path = rng.choice(PATHS)
        if not self._is_bot:
            self._truth.pages[self._path] += 1
        self._count("page_views")
        yield self._event("page_view", title="A page", interests=rng.sample(TOPICS, rng.randrange(3)))

    def _act(self) -> Event:
        rng = self._rng
        what = rng.choices(("engage", "ping", "custom"), (5, 2, 3))[0]
        if what == "engage":
            return self._engage(leave=False)
        if what == "ping":
            return self._event("ping")
        name = rng.choice(CUSTOM)
        self._count("events")
        if not self._is_bot:
            self._truth.custom[name] += 1
            self._truth.totals["searches"] += name == "search"
        return self._event(name, props={"category": rng.choice(TOPICS), "price": 9.5})

    def _engage(self, *, leave: bool) -> Event:
        engaged_ms = self._rng.randrange(1, 20_000)
        self._count("engaged_ms", engaged_ms)
        scroll = self._rng.randrange(101)
        self._count("scrolled", max(0, scroll - self._scroll))
        self._scroll = max(scroll, self._scroll)
        return self._event("engagement", engaged_ms=engaged_ms, scroll=scroll, leave=leave)

    def _identify(self) -> Event:
        name = f"customer {self._rng.randrange(self._customers)}"
        self._truth.customers.setdefault(customer_id(SECRET, name), set()).add(self._id)
        self._truth.totals["identified"] += 1
        return self._event("identify", id=name, signature=signature(SECRET, name))

    def _withdraw(self) -> Message:
        self._truth.withdrawn.add(self._id)
        del self._truth.visitors[self._id]
        self._truth.totals["withdrawals"] += 1
        return self._message([self._event("consent", level="off")], consent="off")

    def _event(self, type: str, **body: Any) -> Event:
        event = {"type": type, "page": self._page, "n": self._n, "time": now_ms(), "url": ORIGIN + self._path, **body}
        self._n += 1
        self._truth.events += 1
        if self._is_bot:
            self._truth.totals["bot_events"] += 1
            self._truth.totals["bot_views"] += type == "page_view"
        return event | ({"visitor": self._id} if self._id else {})

    def _message(self, events: list[Event], consent: str = "") -> Message:
        return Message(consent or ("full" if self._id else "anonymous"), events, self._headers)

    def _count(self, what: str, amount: int = 1) -> None:
        self._counts[what] += amount
        if self._is_bot:
            return
        if what in ("visits", "scrolled"):
            self._truth.today[what] += amount
        else:
            self._truth.totals[what] += amount


def now_ms() -> int:
    return time.time_ns() // 1_000_000
