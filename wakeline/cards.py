"""Cards: the personal values of customers, encrypted, in Redis alone. They never enter the log or the history."""

from __future__ import annotations

from msgspec import Struct


class Card(Struct):
    """What one event says of a customer's person."""

    site: str
    customer: str  # "@..."
    time: int  # ms since 1970: of two values of a field the later one stays
    values: dict[str, str]  # by name, see `vocabulary.fields.PERSONAL`
