"""Customers with their habits, and what comes of them in two years: orders, contacts, letters."""

from __future__ import annotations

import random
from decimal import Decimal

from tests.shop_years import journeys
from tests.shop_years.catalogue import RATES, Product, catalogue, in_currency, pieces_of
from tests.shop_years.decided import Cost, Customer, Line, Order, Told, Years, worth
from tests.shop_years.fates import befall
from wakeline.durations import DAY_MS, MINUTE_MS

DAYS = 730
BROWSING_DAYS, LIVE_DAYS = 60, 5
BORDER_DAYS = range(363, 368)  # ago: neither certainly within a year nor certainly not
LETTER_DAYS = 390  # sent mails are kept 400
GUESTS = 0.06  # of the orders
TWO_IDS = 0.06  # of the customers
SECOND_MS, HOUR_MS = 1_000, 60 * MINUTE_MS
MAIN = "EUR"
PROMOTIONS = ("promotion_issued", "promotion_used", "contest_entered")
COUPONS = ("", "", "", "", "SPRING", "WELCOME")
CATEGORIES = ("Lamps", "Ceramics", "Plants", "Textiles", "Fabrics")
assert set(RATES) < set(CATEGORIES)


def years(seed: int, customers: int, end: int, *, later: bool = False) -> Years:
    """All that a shop of so many customers decides in the two years before `end`, ms.

    `later`: some say who they are in a visit of days later.
    """
    chance = random.Random(seed)
    end = end // SECOND_MS * SECOND_MS
    made = Years(end - DAYS * DAY_MS, end - BROWSING_DAYS * DAY_MS, end - LIVE_DAYS * DAY_MS, end)
    made.products = catalogue(chance)
    made.customers = [_customer(number, made, chance) for number in range(customers)]
    for one in made.customers:
        _buy(one, made, chance)
        _cost(one, made, chance)
    journeys.add(made, chance, lambda one, currency: _lines(one, currency, made.products, chance), later=later)
    made.orders.sort(key=lambda order: order.time)
    return made


def _customer(number: int, made: Years, chance: random.Random) -> Customer:
    since = made.start + chance.randrange(600) * DAY_MS
    stays = chance.random() < 0.7
    found = Customer(
        id=f"C-{number}",
        since=since,
        until=made.end if stays else since + chance.randrange(30, 500) * DAY_MS,
        every_days=chance.choice((7, 14, 30, 30, 60, 60, 90, 180)),
        basket=chance.choice((1, 1, 2, 3, 5)),
        taste=chance.choice(CATEGORIES),
        returns=chance.choice((0.0, 0.05, 0.1, 0.4)),
        contacts=chance.choice((0, 0.5, 1, 4)),
        currency="JPY" if chance.random() < 0.15 else "EUR",
        likes_pages=chance.choice((0.1, 0.5, 0.9)),
    )
    if chance.random() < TWO_IDS:
        found.other_id = f"B-{number}"
    if chance.random() < 0.2:
        found.orders_before = chance.randrange(1, 40)
        found.value_before = chance.randrange(100, 400_000)
    return found


def _moments(made: Years, since: int, until: int, every_days: float, chance: random.Random) -> list[int]:
    """Times at irregular distances, about `every_days`, none of them near the border of a year."""
    found = []
    at = since + int(chance.random() * every_days * DAY_MS)
    while at < min(until, made.end - 2 * MINUTE_MS):
        if (made.end - at) // DAY_MS not in BORDER_DAYS:
            is_near = (at - MINUTE_MS) % HOUR_MS >= HOUR_MS - journeys.BORDER_MS  # when its visit begins
            found.append((at + 2 * journeys.BORDER_MS * is_near) // SECOND_MS * SECOND_MS)
        at += int(chance.uniform(0.4, 1.6) * every_days * DAY_MS)
    return found


def _buy(one: Customer, made: Years, chance: random.Random) -> None:
    for time in _moments(made, one.since, one.until, one.every_days, chance):
        currency = one.currency if chance.random() < 0.95 else "EUR"
        lines = _lines(one, currency, made.products, chance)
        discount = 0 if chance.random() < 0.8 else worth(lines) // 10
        customer = "" if chance.random() < GUESTS else chance.choice(one.ids)
        order = Order(
            number=f"A-{len(made.orders) + 1}",
            time=time,
            customer=customer,
            currency=currency,
            told=_told(time, customer, one, made, chance),
            lines=lines,
            value=worth(lines) - discount,
            coupon=chance.choice(COUPONS),
            discount=discount,
        )
        if order.told is Told.SHOP:
            order.channel = chance.choice(("till", "phone", "web"))
        order.identified_later = bool(order.customer) and order.told is Told.PAGE and chance.random() < 0.2
        befall(order, one, made, lambda in_=currency: _lines(one, in_, made.products, chance), chance)
        made.orders.append(order)


def _told(time: int, customer: str, one: Customer, made: Years, chance: random.Random) -> Told:
    """Before pages told anything, only the shop could; and what guests did is not taken after two days."""
    if time < made.browsing or chance.random() > one.likes_pages:
        return Told.SHOP
    if time >= made.live and not customer:
        return Told.SHOP
    if time >= made.live:  # where it arrives with the delay of a network, which only a server's exact time undoes
        return chance.choice((Told.BOTH, Told.BARE))
    return chance.choices((Told.PAGE, Told.SIGNED, Told.PAID, Told.BOTH, Told.BARE), (3, 1, 1, 4, 1))[0]


def _lines(one: Customer, currency: str, products: list[Product], chance: random.Random) -> list[Line]:
    liked = [product for product in products if product.category == one.taste]
    count = max(1, one.basket + chance.choice((-1, 0, 0, 1)))
    found = [chance.choice(liked if chance.random() < 0.7 else products) for _ in range(count)]
    return [
        Line(product, pieces_of(product, chance), product.price_in(currency), product.cost_in(currency))
        for product in dict.fromkeys(found)
    ]


# ---- what they cost


def _cost(one: Customer, made: Years, chance: random.Random) -> None:
    def add(letter: str, type: str, time: int, cost: int | None, currency: str = MAIN) -> Cost:
        id = f"{letter}-{len(made.costs) + 1}"
        made.costs.append(Cost(type, id, time, chance.choice(one.ids), cost, currency))
        return made.costs[-1]

    for time in _moments(made, one.since, made.end, 365 / one.contacts, chance) if one.contacts else ():
        contact = add("T", "contact", time, chance.randrange(50, 2_000) if chance.random() < 0.4 else None)
        if chance.random() < 0.7:
            contact.minutes = Decimal(chance.randrange(1, 120)) / 2
    for time in _moments(made, one.since, made.end, 400, chance) if chance.random() < 0.3 else ():
        service = add("S", "service_order", time, chance.randrange(500, 9_000))
        if chance.random() < 0.5:
            service.minutes = Decimal(chance.randrange(10, 90))
    for time in _moments(made, max(one.since, made.end - LETTER_DAYS * DAY_MS), made.end, 60, chance):
        add("L", "campaign_sent", time, in_currency(chance.choice((2, 85, 110)), one.currency), one.currency)
    for time in _moments(made, one.since, made.end, 500, chance) if chance.random() < 0.2 else ():
        add("P", chance.choice(PROMOTIONS), time, chance.randrange(100, 1_500))
