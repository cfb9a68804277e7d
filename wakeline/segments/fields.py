"""The fields that a rule may ask for. Also the docs have them from here."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from wakeline.account import MOST_ORDERS


class Kind(Enum):
    """What a value is; its word, as errors and docs say it."""

    NUMBER = "number"
    SCORE = "score"  # halves with each half-life
    TEXT = "text"
    FLAG = "yes or no"
    TIME = "time"
    LENGTH = "length of time"
    MONEY = "amount of money"
    TEXTS = "list of texts"
    TRAIT = "trait"  # a text, a number, or yes or no


class Field(NamedTuple):
    """A field; of a `of_each` one a rule asks for one entry, by its name in brackets."""

    kind: Kind
    help: str
    attribute: str = ""  # of `Person`; "": the field's name
    of_each: bool = False


FIELDS: dict[str, Field] = {
    "is_customer": Field(Kind.FLAG, "whether the site knows who it is"),
    "first_seen": Field(Kind.TIME, "when it was first on the site"),
    "last_seen": Field(Kind.TIME, "when it was last on the site"),
    "visits": Field(Kind.NUMBER, "visits, with the present one"),
    "page_views": Field(Kind.NUMBER, "pages viewed"),
    "engaged": Field(Kind.LENGTH, "time that pages were visible and focused", "engaged_ms"),
    "events": Field(Kind.NUMBER, "custom events"),
    "device": Field(Kind.TEXT, "of the latest visit of a visitor: desktop, mobile, tablet or other"),
    "browser": Field(Kind.TEXT, "of the latest visit of a visitor"),
    "os": Field(Kind.TEXT, "of the latest visit of a visitor: the operating system"),
    "country": Field(Kind.TEXT, "of the latest visit of a visitor: two letters of ISO 3166, if it is known"),
    "first_source": Field(Kind.TEXT, "where a visitor's first visit came from"),
    "first_source_class": Field(Kind.TEXT, "the class of that source, such as search"),
    "first_campaign": Field(Kind.TEXT, "the campaign of that visit"),
    "last_source": Field(Kind.TEXT, "where the latest visit came from"),
    "last_source_class": Field(Kind.TEXT, "the class of that source"),
    "last_campaign": Field(Kind.TEXT, "the campaign of that visit"),
    "interests": Field(Kind.SCORE, "how much it is interested in something", "scores", of_each=True),
    "cart_changed": Field(Kind.TIME, "when a visitor's cart was last changed; nothing once it is empty or bought"),
    "cart_value": Field(Kind.MONEY, "what is in a visitor's cart"),
    "orders": Field(Kind.NUMBER, "orders of which something was kept"),
    "first_order": Field(Kind.TIME, "when the first of them was made"),
    "last_order": Field(Kind.TIME, "when the latest was made"),
    "revenue": Field(Kind.MONEY, "what it bought and kept, without tax and shipping"),
    "profit": Field(Kind.MONEY, "what the site earned with it, less what it cost to serve"),
    "consent": Field(Kind.TEXT, "the level of consent that a customer told: full, anonymous or off"),
    "tags": Field(Kind.TEXTS, "labels that a customer has"),
    "traits": Field(Kind.TRAIT, "what servers told of a customer, such as language or plan", of_each=True),
    "topics": Field(Kind.FLAG, "whether it said that it wants to hear of a topic", of_each=True),
    "channels": Field(Kind.FLAG, "whether a channel may be used: it did not say that it may not", of_each=True),
}


class Function(NamedTuple):
    """A function, as it is called."""

    call: str
    kind: Kind
    help: str


FUNCTIONS: dict[str, Function] = {
    "count": Function(
        'count("purchase", 90d)', Kind.NUMBER, f"orders made within that time; the latest {MOST_ORDERS} are known"
    ),
    "in_segment": Function('in_segment("name")', Kind.FLAG, "whether it is in another segment of the site"),
    "share": Function('share("name")', Kind.NUMBER, "a number from 0 to 1 at random, the same for a person for ever"),
}
COUNTED = {"purchase": "order_times"}
"""The events whose times are kept of a person."""
