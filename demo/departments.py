"""What the shop's till, service desk and newsletter tell of its customers, and its warehouse of orders of the pages.

As a server's events. Pure: a story is derived from a customer's id or an order's number, a `random.Random` and its
start. Its customers have no names, and addresses at example.com.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from demo.catalogue import Product, catalogue
from demo.people import pick

Fields = dict[str, Any]

TILL, DESK, LETTER = "till", "desk", "letter"
SHARES = {TILL: 0.4, DESK: 0.3, LETTER: 0.6}  # of customers who logged in: who hears of each afterwards
COST = 0.45  # of a price: what the shop paid itself
RETURNS, OPENS, CLICKS, SOLVED = 0.15, 0.7, 0.5, 0.6
TOPICS = {"delivery": 0.5, "care": 0.3, "invoice": 0.2}
CHANNELS = {"mail": 0.6, "phone": 0.4}
SHIPPED = {"paid": "got the money for it", "shipped": "sent it off", "delivered": "heard that it arrived"}
LETTERS = {"winter-light": "A light in every window", "wool-weather": "Wool with the weather in it"}
ID_DIGITS = 8


class Said(NamedTuple):
    """One event, and what happened in words for the panel."""

    event: Fields  # of POST /v1/server/events; its `time` is when it is due
    words: str


class Story:
    """The events of one department about one customer, in order; "": about an order, whoever's it is."""

    def __init__(self, customer: str, chance: random.Random, start: int) -> None:
        self.customer, self.chance, self.now = customer, chance, start
        self.said: list[Said] = []

    def id(self, prefix: str) -> str:
        return f"{prefix}-{self.chance.randrange(10**ID_DIGITS):0{ID_DIGITS}}"

    def say(self, type: str, words: str, **fields: Any) -> None:
        whose = {"customer": self.customer} if self.customer else {}
        event = {"id": self.id(type), "type": type, "time": self.now, **whose, **fields}
        self.said.append(Said(event, words))

    def wait(self, least_s: float, most_s: float) -> None:
        self.now += int(self.chance.uniform(least_s, most_s) * 1_000)


def till(customer: str, chance: random.Random, start: int) -> list[Said]:
    """A purchase with the customer's card; sometimes one thing comes back."""
    story, shop = Story(customer, chance, start), catalogue()
    email = f"{customer.lower()}@example.com"
    traits = {"language": chance.choice(("en", "de", "fr")), "has_card": True}
    story.say("customer", f"knows {customer} by the card", email=email, traits=traits)
    lines = [(product, chance.randint(1, 2)) for product in chance.sample(shop.products, chance.randint(1, 3))]
    order, value = story.id("K"), sum(product.price * quantity for product, quantity in lines)
    items = [item(product, quantity) for product, quantity in lines]
    paid: Fields = {"transaction_id": order, "currency": shop.currency}
    story.say("purchase", f"sold for €{value}", **paid, value=value, items=items, channel=TILL)
    if chance.random() < RETURNS:
        story.wait(10, 30)
        back = lines[0][0]
        words = f"took back the {back.name}, for €{back.price}"
        story.say("refund", words, **paid, refund_id=story.id("R"), value=back.price, items=[item(back, 1)])
    return story.said


def desk(customer: str, chance: random.Random, start: int) -> list[Said]:
    """A request, its answer, and mostly that it was solved."""
    story = Story(customer, chance, start)
    topic, channel = pick(chance, TOPICS), pick(chance, CHANNELS)
    request: Fields = {"contact_id": story.id("Q"), "channel": channel, "topic": topic, "direction": "in"}
    story.say("contact", f"got a question about {topic}, by {channel}", **request, state="opened")
    story.wait(5, 15)
    minutes = chance.randint(2, 9)
    story.say("contact", f"answered it, in {minutes} minutes", **request, state="answered", minutes=minutes)
    if chance.random() < SOLVED:
        story.wait(3, 10)
        grade = chance.randint(6, 10)
        story.say("contact", f"solved it: {grade} of 10", **request, state="solved", satisfaction=grade)
    return story.said


def letter(customer: str, chance: random.Random, start: int) -> list[Said]:
    """A mail that is sent, often opened, sometimes clicked."""
    story = Story(customer, chance, start)
    campaign = chance.choice(tuple(LETTERS))
    sent: Fields = {"sent_id": story.id("M"), "campaign": campaign, "medium": "email"}
    subject = {"subject": LETTERS[campaign]}
    cost: Fields = {"cost": 0.02, "currency": catalogue().currency}
    story.say("campaign_sent", f"sent “{LETTERS[campaign]}”", **sent, element=subject, **cost)
    if chance.random() < OPENS:
        story.wait(4, 12)
        story.say("campaign_opened", "saw it opened", **sent, element=subject)
        if chance.random() < CLICKS:
            story.wait(2, 6)
            link = chance.choice(catalogue().products).path
            story.say("campaign_clicked", f"saw a click on {link}", **sent, element={**subject, "link": link})
    return story.said


def ship(order: str, chance: random.Random, start: int) -> list[Said]:
    """The order with this number is paid, sent and delivered."""
    story = Story("", chance, start)
    for state, words in SHIPPED.items():
        story.say("order_state", words, transaction_id=order, state=state)
        story.wait(2, 4)
    return story.said


def take_back(order: str, product: Product, chance: random.Random, start: int, *, left: float) -> list[Said]:
    """One of the `left` pieces of the order comes back, and its price is refunded: once, also if it is told again."""
    story = Story("", chance, start)
    refund: Fields = {"refund_id": f"R-{order}-{left:g}", "value": product.price, "currency": catalogue().currency}
    words = f"took back the {product.name}, for €{product.price}"
    story.say("refund", words, transaction_id=order, **refund, items=[item(product, 1)])
    if left <= 1:
        story.say("order_state", "has all of it back", transaction_id=order, state="returned")
    return story.said


Department = Callable[[str, random.Random, int], list[Said]]
DEPARTMENTS: dict[str, Department] = {TILL: till, DESK: desk, LETTER: letter}


def item(product: Product, quantity: int) -> Fields:
    return {
        "item_id": product.id,
        "item_name": product.name,
        "item_category": product.category,
        "price": product.price,
        "quantity": quantity,
        "cost": round(COST * product.price, 2),
    }
