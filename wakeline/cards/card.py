"""A card as it is told, and as it is read. Neither leaves the process: see `sealing`."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Card(Struct):
    """What one event says of a customer's person."""

    site: str
    customer: str  # "@..."
    time: int  # ms since 1970: of two values of a field the later one stays; of the same time, the one written last
    values: dict[str, str]  # by name, see `vocabulary.fields.PERSONAL`; "" removes a value
    returns: bool = False  # the event says that the person came back after an erasure


class Value(Struct):
    """One value of a card."""

    text: str
    time: datetime  # when it was said


class Personal(Struct):
    """What is known of a customer's person."""

    site: str
    customer: str
    values: dict[str, Value]  # by name
    unreadable: list[str] = []  # names of values that were encrypted with a key that the file does not hold
