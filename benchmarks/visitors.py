"""Records of realistic visitors: they arrive, log in, read some pages, buy, leave. See `mix`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

from benchmarks.mix import MIX, Mix
from wakeline.commerce import PURCHASE
from wakeline.event import ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.identity import customer_id
from wakeline.record import Event
from wakeline.settings import InterestRule, Site

PER_SECOND = 1_000  # total of all visitors
QUIET_MS = 45 * 60_000  # between the two busy periods: visits of the first end while the second is folded
PAGES_OF_A_VISIT = 2.6  # on average
READING_MS = 12_000  # per page, on average
PING_MS = 25_000

CATEGORIES = tuple(f"category-{number}" for number in range(24))
PRODUCTS = 40  # of one category
ORIGIN = "https://shop.example"
SITE = Site(
    key="bench",
    secret="only-for-measuring",
    origins=(ORIGIN,),
    interests=tuple(InterestRule(path=f"/{name}/*", interest=name) for name in CATEGORIES),
    currency="EUR",
    minute_cost=0.75,
    return_cost=4.2,
)
DEVICES = (("desktop", "Chrome", "Windows"), ("mobile", "Safari", "iOS"), ("mobile", "Chrome", "Android"))
REFERRERS = ("", "", "www.google.com/", "www.bing.com/", "news.example/today", "m.facebook.com/")
CAMPAIGNS: tuple[dict[str, str], ...] = ({}, {}, {}, {"utm_source": "newsletter", "utm_campaign": "autumn"})


def events(
    count: int, *, visitors: int | Sequence[str], end: int, seed: int = 1, quiet_ms: int = QUIET_MS, mix: Mix = MIX
) -> list[Event]:
    """`count` events in order of receipt, by at most `visitors` (number, or ids), the last received at `end` (ms).

    They are in two busy periods of PER_SECOND events a second with `quiet_ms` between them.
    """
    chance = random.Random(seed)
    busy = count * 1000 // PER_SECOND // 2
    ids = [random_id(chance) for _ in range(visitors)] if isinstance(visitors, int) else visitors
    orders = _Owed(mix.orders)
    found: list[Event] = []
    while len(found) < count:
        arrival = chance.randrange(busy) + chance.choice((0, busy + quiet_ms))
        found += _visit(chance, chance.choice(ids), arrival, mix, orders)
    found.sort(key=lambda event: (event.received, event.visitor, event.page, event.n))
    del found[count:]
    return _ending(found, end)


def visits(count: int, *, end: int, seed: int = 1, mix: Mix = MIX, pages: float = PAGES_OF_A_VISIT) -> list[Event]:
    """The events of `count` visitors with one visit each, visitor by visitor, the last received at `end` (ms)."""
    chance = random.Random(seed)
    orders = _Owed(mix.orders)
    found: list[Event] = []
    for _ in range(count):
        found += _visit(chance, random_id(chance), 0, mix, orders, pages)
    return _ending(found, end)


class _Owed:
    """Decides which visits end with an order, so that `share` percent of events are orders."""

    def __init__(self, share: float) -> None:
        self._share = share / 100
        self._owed = 0.0

    def count(self, events: int) -> None:
        self._owed += events * self._share

    def take(self) -> bool:
        """Whether the next visit ends with one."""
        if self._owed < 1:
            return False
        self._owed -= 1
        return True


def _ending(found: list[Event], end: int) -> list[Event]:
    late = end - max(event.received for event in found)
    for event in found:
        event.time += late
        event.received += late
    return found


def _visit(
    chance: random.Random, visitor: str, time: int, mix: Mix, orders: _Owed, pages: float = PAGES_OF_A_VISIT
) -> list[Event]:
    device, browser, system = DEVICES[hash_of(visitor) % len(DEVICES)]
    who = {"visitor": visitor, "device": device, "browser": browser, "os": system, "country": "DE"}
    who["bot"] = "examplebot" if is_bot(visitor) else ""
    came: dict[str, Any] = {"referrer": chance.choice(REFERRERS), "query": chance.choice(CAMPAIGNS)}
    customer = customer_of(visitor) if hash_of(visitor) % 100 < mix.customers else ""
    favourite = chance.choice(CATEGORIES)
    found: list[Event] = []
    while True:
        category = favourite if chance.random() < 0.7 else chance.choice(CATEGORIES)
        product = min(int(chance.paretovariate(0.8)), PRODUCTS)
        read = _reading_time(chance)
        did = [("add_to_cart", _in_cart(category, product))] if chance.random() < 0.05 else []
        where = who | {"path": f"/{category}/product-{product}"}
        found += _page(chance, where, came, time, read, customer=customer, did=did)
        time += read
        came, customer = {}, ""
        if chance.random() < 1 / pages:
            break
    if not who["bot"]:
        orders.count(len(found))
        if orders.take():
            paid = who | {"path": "/checkout/thanks"}
            bought = _page(chance, paid, {}, time, _reading_time(chance), did=[purchase(chance)])
            orders.count(len(bought))
            found += bought
    return found


def customer_of(visitor: str) -> str:
    """The pseudonym of the customer that a visitor logs in as: the site's own id is the visitor's id."""
    return customer_id(SITE.secret, visitor)


def is_bot(visitor: str) -> bool:
    """Whether a visitor is a bot: one in a hundred, and no customers."""
    return hash_of(visitor) % 100 == 99


def _reading_time(chance: random.Random) -> int:
    return 500 + int(chance.expovariate(1 / READING_MS))


def _in_cart(category: str, product: int) -> dict[str, Any]:
    return {"value": 19.9, "currency": "EUR", "items": [_item(category, product)]}


def _item(category: str, product: int) -> dict[str, Any]:
    return {"item_id": f"product-{product}", "item_category": category, "price": 19.9, "quantity": 1}


def purchase(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Type and properties of a purchase of one to three items."""
    items = [_item(chance.choice(CATEGORIES), chance.randrange(PRODUCTS)) for _ in range(chance.randint(1, 3))]
    value = round(sum(item["price"] for item in items), 2)
    return PURCHASE, {"transaction_id": random_id(chance), "value": value, "currency": "EUR", "items": items}


def _page(
    chance: random.Random,
    what: dict[str, Any],
    came: dict[str, Any],
    time: int,
    read: int,
    *,
    customer: str = "",
    did: Sequence[tuple[str, dict[str, Any]]] = (),
) -> list[Event]:
    """The events of a page, from its view to its end `read` ms later: a customer's identify, and those in `did`."""
    what |= {"site": SITE.key, "host": "shop.example", "page": random_id(chance)}
    title = what["path"].replace("/", " ").title() + " | Shop"
    numbers = itertools.count()
    found = [_event(what, PAGE_VIEW, next(numbers), time, title=title, **came)]
    if customer:
        found.append(_event(what, IDENTIFY, next(numbers), time, customer=customer))
    for ping in range(PING_MS, read, PING_MS):
        found.append(_event(what, PING, next(numbers), time + ping))
    for type, props in did:
        found.append(_event(what, type, next(numbers), time + read, props=props))
    scroll = chance.randrange(20, 101)
    found.append(_event(what, ENGAGEMENT, next(numbers), time + read, engaged_ms=read, scroll=scroll, leave=True))
    return found


def _event(what: dict[str, Any], type: str, n: int, time: int, **more: Any) -> Event:
    return Event(type=type, n=n, time=time, received=time + 20, **what, **more)


def random_id(chance: random.Random) -> str:
    """An id like those of the snippet."""
    return "".join(str(chance.getrandbits(32)) for _ in range(3))


def hash_of(visitor: str) -> int:
    return int(visitor[-6:])
