"""A simulated browser: opens, reads and leaves pages, and produces what the snippet would send, with its timing.

Pure: `now` only advances as the person reads and waits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec

from demo.annoyances import annoyances
from demo.catalogue import Product, catalogue
from demo.pages import page_at
from demo.people import Person, random_id
from demo.speed import vitals
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING, ConsentLevel, Envelope, Props, WireEvent
from wakeline.identity import signature
from wakeline.settings import Site

PACE = 3.0  # people are simulated this many times as fast as real ones; the snippet's own times are unchanged
GATHER_MS = 200  # the snippet's delay while a visitor acts: events within it share a request
BEACON_MS = 20  # a page's last events are sent at once
PING_MS = 25_000
LOAD_MS = (150, 900)  # from a click to the next page
RESENT = 0.03  # of requests: the answer was lost, so the browser sends the events again
AWAY = 0.1  # of reading periods: another tab or app is in front for a while
AWAY_S = 30.0  # before PACE, on average

# Median seconds on a page before PACE, and how far down people scroll on it (mean, percent).
THINKING = {"/": (10, 55), "category": (16, 70), "product": (26, 60), "/search": (9, 45), "/newsletter": (14, 65),
            "/cart": (15, 80), "/order": (10, 90), "/account": (12, 85)}  # fmt: skip
SPREAD = 0.8  # sigma of the lognormal distribution around the median
LONGEST_S = 900  # per page, before PACE
BETA_MEAN = 3 / (3 + 2.5)


class PageEvent(WireEvent, omit_defaults=True):
    """A wire event as a page sends it: without default values."""


@dataclass(frozen=True)
class Delivery:
    """One request. `envelope.sent` is `at` by the browser's own clock."""

    at: int  # ms since 1970, real clock
    envelope: Envelope
    is_resent: bool = False


@dataclass
class Browser:
    """One person's browser at the shop. The person's level and id change with their choices."""

    person: Person
    site: Site
    chance: random.Random
    now: int  # ms since 1970, real clock
    haste: float = 1.0  # how much quicker than others this visit is
    deliveries: list[Delivery] = field(default_factory=list)
    url: str = ""
    referrer: str = ""
    _page: str = ""
    _n: int = 0
    _is_present: bool = False
    _is_measured: bool = False  # the page has told its vitals
    _next_ping: int = 0
    _engaged_ms: int = 0
    _scroll: int = 0
    _sent_until: int = 0
    _gathered: list[msgspec.Raw] = field(default_factory=list)
    _gathered_at: ConsentLevel = ConsentLevel.ANONYMOUS

    def open(self, path: str, query: str = "") -> None:
        """Open the next page, a little later; leaves the current one."""
        if self.url:
            self.leave()
            self.referrer = self.url
        if self._page:
            self.wait(self.chance.randint(*LOAD_MS))
        self.url = self.site.origins[0] + path + query
        self._is_measured = False
        self._view(continued=False)

    def _view(self, *, continued: bool) -> None:
        title, interests, product = page_shown(self.path)
        self._page, self._n = random_id(self.chance), 0
        self._engaged_ms = self._scroll = 0
        self._is_present, self._next_ping = True, self.now + PING_MS
        self._emit(PAGE_VIEW, title=title, referrer=self.referrer, interests=interests, continued=continued)
        if product and not continued:
            self._emit("view_item", props=described([(product, 1)]))
        self._send(GATHER_MS)

    @property
    def path(self) -> str:
        return self.url.removeprefix(self.site.origins[0]).partition("?")[0]

    @property
    def _kind(self) -> str:
        """The kind of page, as in THINKING."""
        return self.path if self.path in THINKING else "product" if self.path.count("/") == 2 else "category"

    def think(self, share: float = 1.0) -> None:
        """Spend time on the page: engaged except for a while in another tab, with a ping every 25 s."""
        median, depth = THINKING[self._kind]
        seconds = min(self.chance.lognormvariate(math.log(median * share), SPREAD), LONGEST_S) / PACE / self.haste
        self._scroll = max(self._scroll, min(100, int(self.chance.betavariate(3, 2.5) / BETA_MEAN * depth)))
        if self.chance.random() < AWAY:
            self._stay(int(seconds * 500))
            self.leave()
            self.wait(500 + int(self.chance.expovariate(PACE / AWAY_S) * 1_000))
            self._next_ping += max(0, math.ceil((self.now - self._next_ping) / PING_MS)) * PING_MS
            self._is_present = True
            self._emit(PING)
            self._send(GATHER_MS)
            seconds /= 2
        self._stay(int(seconds * 1_000))

    def _stay(self, ms: int) -> None:
        until = self.now + max(300, ms)
        self._engaged_ms += int((until - self.now) * self.chance.uniform(0.7, 1.0))
        while self._next_ping <= until:
            self.now = self._next_ping
            self._next_ping += PING_MS
            self._emit(PING)
            self._send(GATHER_MS)
        self.now = until

    def tell(self, name: str, props: Props | None = None) -> None:
        """Send a custom event of the shop."""
        self._emit(name, props=props or {})
        self._send(GATHER_MS)

    def identify(self, customer: str) -> None:
        """Identify the customer after login; the signature comes from the shop's server."""
        self._emit(IDENTIFY, id=customer, signature=signature(self.site.secret, customer))
        self._send(GATHER_MS)

    def wait(self, ms: int) -> None:
        """Let time pass while the page is hidden."""
        self.now += ms

    def leave(self) -> None:
        """Hide, leave or close the page."""
        if self._is_present and not self._is_measured:
            self._is_measured = True
            self._emit("web_vitals", props=vitals(self.path, self._page))
            for type, props in () if self.person.is_bot else annoyances(self._kind, self._page):
                self._emit(type, props=props)
        self._hide()
        self._send(BEACON_MS)

    def _hide(self) -> None:
        if self._is_present:
            self._is_present = False
            self._emit(ENGAGEMENT, engaged_ms=self._engaged_ms, scroll=self._scroll, leave=True)
            self._engaged_ms = 0

    def choose(self, level: ConsentLevel, *, version: str = "", wording: str = "") -> None:
        """Change the consent level, capped by GPC: the page ends under the old level and continues under the new.

        A page may also tell the version and the wording of what was agreed to.
        """
        person = self.person
        if person.has_gpc and level is ConsentLevel.FULL:
            level = ConsentLevel.ANONYMOUS
        if level is person.level:
            return
        # events kept for a retry are dropped
        self.deliveries = [one for one in self.deliveries if not one.is_resent or one.at <= self.now]
        self._hide()
        self._emit(CONSENT, at=ConsentLevel.OFF if level is ConsentLevel.OFF else person.level, level=level)
        self._send(BEACON_MS)
        person.level = level
        person.visitor = random_id(self.chance) if level is ConsentLevel.FULL else None
        if level is not ConsentLevel.OFF:
            self._view(continued=True)
            if version:
                self._emit(CONSENT, level=level, version=version, wording=wording)
                self._send(GATHER_MS)

    def _emit(self, type: str, *, at: ConsentLevel | None = None, **body: object) -> None:
        """Add an event of the open page under `at`, by default the current level; under `off` nothing."""
        person = self.person
        if person.level is ConsentLevel.OFF:
            return
        level = at or person.level
        if self._gathered and level is not self._gathered_at:
            self._send(BEACON_MS)
        self._gathered_at = level
        fields = {"time": self.now + person.clock_off, "url": self.url, "visitor": person.visitor, **body}
        event = msgspec.convert({"type": type, "page": self._page, "n": self._n, **fields}, PageEvent)
        self._gathered.append(msgspec.Raw(msgspec.json.encode(event)))
        self._n += 1

    def _send(self, after: int) -> None:
        """Send the collected events, `after` ms from now."""
        if not self._gathered:
            return
        events, self._gathered = self._gathered, []
        at = self._sent_until = max(self.now + after, self._sent_until)  # a beacon includes waiting events
        self.deliveries.append(self._delivery(at, events))
        if not self.person.is_bot and self.chance.random() < RESENT:
            self.deliveries.append(self._delivery(at + self.chance.randint(1_000, 6_000), events, is_resent=True))

    def _delivery(self, at: int, events: list[msgspec.Raw], *, is_resent: bool = False) -> Delivery:
        sent = at + self.person.clock_off
        return Delivery(at, Envelope(self.site.key, self._gathered_at, sent, events), is_resent)


@cache
def page_shown(path: str) -> tuple[str, list[str], Product | None]:
    """(title, declared interests, product) of a page of the shop. Raises LookupError if it does not exist."""
    page = page_at(path, {})
    if page is None:
        raise LookupError(f"the shop has no page {path}")
    product = next((product for product in catalogue().products if product.path == path), None)
    return page.title, list(page.interests), product


def described(lines: Sequence[tuple[Product, int]]) -> Props:
    """Products and how many of each, as properties of the shop's events."""
    return {
        "value": sum(product.price * quantity for product, quantity in lines),
        "currency": catalogue().currency,
        "items": [
            {"item_id": product.id, "item_category": product.category, "price": product.price, "quantity": quantity}
            for product, quantity in lines
        ],
    }
