"""Behaviour of visitors at the shop: where they come from, what they look for, buy and order.

Pure: a visit is derived from a person, a `random.Random` and its start time. It changes the person.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cache

from demo.browser import Browser, Delivery, described
from demo.catalogue import Product, catalogue
from demo.people import Person, pick, random_id
from wakeline.event import ConsentLevel
from wakeline.settings import Site

SOURCES = {"search": 0.32, "direct": 0.26, "social": 0.17, "newsletter": 0.15, "referral": 0.10}
REFERRERS = {
    "search": {"https://www.google.com/": 0.8, "https://www.bing.com/": 0.12, "https://duckduckgo.com/": 0.08},
    "social": {"https://www.instagram.com/": 0.5, "https://www.pinterest.com/": 0.35, "https://l.facebook.com/": 0.15},
    "referral": {"https://slow-rooms.example/lamps-for-november": 0.6, "https://harbour-notes.example/": 0.4},
    "newsletter": {"": 1.0},  # mail programs send no referrer
    "direct": {"": 1.0},
}
WORDS = ("brass", "wool", "gifts", "linen", "easy care", "xylophone")  # the last one finds nothing
CAMPAIGNS = {"winter-light": 0.7, "autumn-light": 0.3}
MOODS = {"glance": 0.35, "browse": 0.53, "buy": 0.12}
HASTE = {"glance": 2.0, "browse": 1.0, "buy": 1.0}

ADDS = {"glance": 0.01, "browse": 0.04, "buy": 0.40}  # of viewed products, into the basket
LOOKS_IN_CART, REMOVES, ORDERS = 0.7, 0.12, 0.6
SEARCHES, SIGNS_UP, LOGS_IN = 0.22, 0.04, 0.6
ANSWERS_NOW = 0.75  # of those who will answer the banner: the others do so at a later visit
ROUNDS, PRODUCTS = 2.0, 2.1  # means: categories or searches of a longer visit, products opened in each
RECONSIDERS = 0.02  # of visits under `full`: chooses a lower level, mostly off


@dataclass(frozen=True)
class Visit:
    """`deliveries` are sorted by time; empty for visitors who allow nothing."""

    person: Person
    deliveries: tuple[Delivery, ...]
    start: int  # ms since 1970
    end: int
    customer: str = ""  # who was identified

    @property
    def headers(self) -> dict[str, str]:
        """Headers of its requests."""
        headers = {"User-Agent": self.person.user_agent, "X-Forwarded-For": self.person.address}
        return headers | ({"Sec-GPC": "1"} if self.person.has_gpc else {})


def visit(person: Person, site: Site, chance: random.Random, start: int) -> Visit:
    """A complete visit to the shop `site` that begins at `start`, ms since 1970."""
    browser = Browser(person, site, chance, start)
    walk = Walk(browser)
    if person.is_bot:
        walk.crawl()
    else:
        walk.browse()
    deliveries = tuple(sorted(browser.deliveries, key=lambda delivery: delivery.at))
    end = max([browser.now, *(delivery.at for delivery in deliveries)])
    return Visit(person, deliveries, start, end, walk.customer)


class Walk:
    """One person's walk through the shop."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.person, self.chance = browser, browser.person, browser.chance
        self.mood = "browse"
        self.customer = ""  # as whom the person logged in

    def crawl(self) -> None:
        """Request page after page, as a crawler."""
        shop = catalogue()
        paths = ["/", *(f"/{one.id}" for one in shop.categories), *(one.path for one in shop.products)]
        for path in self.chance.sample(paths, self.chance.randint(1, 10)):
            self.browser.open(path)
            self.browser.wait(self.chance.randint(600, 2_500))

    def browse(self) -> None:
        self.mood = pick(self.chance, MOODS)
        self.browser.haste = HASTE[self.mood]
        landed = self.land()
        self.answer_banner()
        if self.person.level is ConsentLevel.FULL and self.chance.random() < RECONSIDERS:
            self.browser.think()
            self.browser.choose(self.chance.choice((ConsentLevel.OFF, ConsentLevel.OFF, ConsentLevel.ANONYMOUS)))
        self.consider(landed)
        self.browser.think()
        if self.mood != "glance":
            self.look_around()
        self.browser.leave()

    def land(self) -> Product | None:
        """Open the landing page; returns its product, if any."""
        chance, shop = self.chance, catalogue()
        source = pick(chance, SOURCES)
        query = ""
        if source == "newsletter":
            query = f"?utm_source=newsletter&utm_medium=email&utm_campaign={pick(chance, CAMPAIGNS)}"
        self.browser.referrer = pick(chance, REFERRERS[source])
        kind = chance.random()
        if source == "direct" or kind < 0.2:
            self.browser.open("/")
            return None
        category = self.category()
        if kind < 0.5:
            self.browser.open(f"/{category}", query)
            return None
        product = chance.choice(shop.of(category))
        self.browser.open(product.path, query)
        return product

    def answer_banner(self) -> None:
        person = self.person
        if person.has_answered or person.answer == "ignore" or self.chance.random() > ANSWERS_NOW:
            return
        self.browser.think()
        person.has_answered = True
        self.browser.choose(ConsentLevel.FULL if person.answer == "accept" else ConsentLevel.OFF)

    def look_around(self) -> None:
        """View some categories and products, then perhaps the account, the newsletter and the basket."""
        chance = self.chance
        for _ in range(geometric(chance, ROUNDS)):
            found = self.search() if chance.random() < SEARCHES else self.shelf()
            for product in found[: geometric(chance, PRODUCTS)]:
                self.browser.open(product.path)
                self.consider(product)
                self.browser.think()
        if chance.random() < SIGNS_UP:
            self.browser.open("/newsletter")
            self.browser.think()
            self.browser.tell("newsletter_signup")
        if self.person.customer and chance.random() < LOGS_IN:
            self.log_in(self.person.customer)
        if self.person.cart and chance.random() < LOOKS_IN_CART:
            self.basket()

    def shelf(self) -> list[Product]:
        category = self.category()
        self.browser.open(f"/{category}")
        self.browser.think()
        products = catalogue().of(category)
        return self.chance.sample(products, len(products))

    def search(self) -> list[Product]:
        """Search. The words are in an event, not in the page's URL: the collector would drop them there."""
        words = self.chance.choice(WORDS)
        found = catalogue().matching(words)
        self.browser.open("/search")
        self.browser.tell("search", {"search_term": words, "results": len(found)})
        self.browser.think()
        return found

    def consider(self, product: Product | None) -> None:
        if product and self.chance.random() < ADDS[self.mood]:
            self.browser.think(0.6)
            self.person.cart.append(product.id)
            self.browser.tell("add_to_cart", described([(product, 1)]))

    def basket(self) -> None:
        chance, cart = self.chance, self.person.cart
        self.browser.open("/cart")
        self.browser.think()
        if chance.random() < REMOVES:
            gone = product_of(chance.choice(cart))
            quantity = cart.count(gone.id)
            cart[:] = [id for id in cart if id != gone.id]
            self.browser.tell("remove_from_cart", described([(gone, quantity)]))
            self.browser.think(0.5)
        if not cart or chance.random() > ORDERS:
            return
        bought = [(product_of(id), cart.count(id)) for id in dict.fromkeys(cart)]
        cart.clear()
        paid = described(bought)
        self.browser.tell("begin_checkout", paid)
        self.browser.open("/order")
        self.browser.tell("purchase", {"transaction_id": "T" + random_id(chance)[:5].upper(), **paid})
        self.browser.think()

    def log_in(self, customer: str) -> None:
        self.browser.open("/account")
        self.browser.think()
        if self.person.level is ConsentLevel.FULL:
            self.browser.identify(customer)
            self.customer = customer

    def category(self) -> str:
        return pick(self.chance, self.person.tastes)


def geometric(chance: random.Random, mean: float) -> int:
    """1, 2, 3 ...: a geometric distribution."""
    return 1 + int(math.log(1.0 - chance.random()) / math.log(1.0 - 1.0 / mean))


@cache
def product_of(id: str) -> Product:
    return next(product for product in catalogue().products if product.id == id)
