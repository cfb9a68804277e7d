"""Facts as servers and imports tell them, a moment after START."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.timeline import START
from wakeline.record import Fact
from wakeline.vocabulary.things import ORDER, Thing, thing_id

SECRET = "of-the-shop"
numbers = count()


def order(number: str) -> str:
    return thing_id(SECRET, ORDER, number)


def fact(home: str, type: str, after: int = 0, /, *, id: str = "", customer: str = "", **fields: Any) -> Fact:
    """A fact `after` ms after START. Its body are the fields that a record does not have."""
    own = {name: fields.pop(name) for name in Fact.__struct_fields__ if name in fields}
    if home.startswith("@"):
        customer = home
    return Fact(
        site="shop", home=home, type=type, id=id or f"{next(numbers):016x}", time=START + after,
        received=START + after,
        customer=customer, body=fields, **own,
    )  # fmt: skip


def thing(kind: Thing, own_id: str, type: str, after: int = 0, /, **fields: Any) -> Fact:
    return fact(thing_id(SECRET, kind, own_id), type, after, **fields)


def as_told(*facts: Fact) -> list[tuple[int, Fact]]:
    """Each with its append time, in this order."""
    return [(one.received + 20, one) for one in facts]
