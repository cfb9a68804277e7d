"""Records of visitors who behave like people: they arrive, read some pages, put something in a cart, leave."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from wakeline.record import CUSTOMER_PREFIX, Event
from wakeline.settings import InterestRule, Site

PER_SECOND = 1_000  # events of all visitors together
QUIET_MS = 45 * 60_000  # between two busy times: visits of the first end while the second is folded
PAGES_OF_A_VISIT = 2.6  # on average
READING_MS = 12_000  # a page, on average
PING_MS = 25_000

CATEGORIES = tuple(f"category-{number}" for number in range(24))
PRODUCTS = 40  # of one category
ORIGIN = "https://shop.example"
SITE = Site(
    key="bench",
    secret="only-for-measuring",
    origins=(ORIGIN,),
    interests=tuple(InterestRule(path=f"/{name}/*", interest=name) for name in CATEGORIES),
)
DEVICES = (("desktop", "Chrome", "Windows"), ("mobile", "Safari", "iOS"), ("mobile", "Chrome", "Android"))
REFERRERS = ("", "", "www.google.com/", "www.bing.com/", "news.example/today", "m.facebook.com/")
CAMPAIGNS: tuple[dict[str, str], ...] = ({}, {}, {}, {"utm_source": "newsletter", "utm_campaign": "autumn"})


def events(count: int, *, visitors: int, end: int, seed: int = 1, known: int = 0) -> list[Event]:
    """`count` events of at most `visitors`, in order of their receipt, the last received at `end` (ms).

    They come in two busy times of PER_SECOND events a second with QUIET_MS between them. Of a hundred visitors
    `known` are customers, and say so at each visit.
    """
    chance = random.Random(seed)
    busy = count * 1000 // PER_SECOND // 2
    found: list[Event] = []
    ids = [_random_id(chance) for _ in range(visitors)]
    while len(found) < count * 1.1:
        arrival = chance.randrange(busy) + chance.choice((0, busy + QUIET_MS))
        visitor = chance.choice(ids)
        if hash_of(visitor) % 100 < known:
            found.append(_login(visitor, arrival))
        found += _visit(chance, visitor, arrival)
    found.sort(key=lambda event: (event.received, event.visitor, event.page, event.n))
    del found[count:]
    late = end - found[-1].received
    for event in found:
        event.time += late
        event.received += late
    return found


def _visit(chance: random.Random, visitor: str, time: int) -> Iterator[Event]:
    device, browser, system = DEVICES[hash_of(visitor) % len(DEVICES)]
    who = {"visitor": visitor, "device": device, "browser": browser, "os": system, "country": "DE"}
    who["bot"] = "examplebot" if hash_of(visitor) % 100 == 0 else ""
    came: dict[str, Any] = {"referrer": chance.choice(REFERRERS), "query": chance.choice(CAMPAIGNS)}
    favourite = chance.choice(CATEGORIES)
    while True:
        category = favourite if chance.random() < 0.7 else chance.choice(CATEGORIES)
        product = min(int(chance.paretovariate(0.8)), PRODUCTS)
        read = 500 + int(chance.expovariate(1 / READING_MS))
        yield from _page(chance, who | {"path": f"/{category}/product-{product}"}, came, time, read)
        time += read
        came = {}
        if chance.random() < 1 / PAGES_OF_A_VISIT:
            return


def _login(visitor: str, time: int) -> Event:
    page = f"{hash_of(visitor)}-{time}"
    what = {"site": SITE.key, "host": "shop.example", "visitor": visitor, "path": "/account", "page": page}
    return _event(what, "identify", 0, time, customer=CUSTOMER_PREFIX + visitor)


def _page(chance: random.Random, what: dict[str, Any], came: dict[str, Any], time: int, read: int) -> Iterator[Event]:
    what |= {"site": SITE.key, "host": "shop.example", "page": _random_id(chance)}
    title = what["path"].replace("/", " ").title() + " | Shop"
    n = 0
    yield _event(what, "page_view", n, time, title=title, **came)
    for ping in range(PING_MS, read, PING_MS):
        n += 1
        yield _event(what, "ping", n, time + ping)
    if chance.random() < 0.05:
        n += 1
        category = what["path"].split("/")[1]
        props = {"product": what["path"], "category": category, "price": 19.9, "currency": "EUR", "quantity": 1}
        yield _event(what, "add_to_cart", n, time + read, props=props)
    yield _event(what, "engagement", n + 1, time + read, engaged_ms=read, scroll=chance.randrange(20, 101), leave=True)


def _event(what: dict[str, Any], type: str, n: int, time: int, **more: Any) -> Event:
    return Event(type=type, n=n, time=time, received=time + 20, **what, **more)


def _random_id(chance: random.Random) -> str:
    """As the snippet makes them."""
    return "".join(str(chance.getrandbits(32)) for _ in range(3))


def hash_of(visitor: str) -> int:
    return int(visitor[-6:])
