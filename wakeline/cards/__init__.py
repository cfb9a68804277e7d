"""Cards: the personal values of customers, encrypted, in Redis alone. They never enter the log or the history.

card.py     a card as it is told, and as it is read
key.py      the deployment's key: a file outside of the data folder
sealing.py  encrypts the values of a card
search.py   the keyed hashes by which a customer is found
writing.py  writes cards, by one script, to disk
reading.py  reads cards, and finds customers
rotating.py encrypts all cards with a new key
"""

from __future__ import annotations

from wakeline.cards.card import Card, Personal, Value
from wakeline.cards.key import NoCardKey, Ring, check_key, key_file, open_ring, read_ring
from wakeline.cards.reading import AsyncCards, Cards
from wakeline.cards.writing import CardsUnavailable, CardWriter

__all__ = [
    "AsyncCards",
    "Card",
    "CardWriter",
    "Cards",
    "CardsUnavailable",
    "NoCardKey",
    "Personal",
    "Ring",
    "Value",
    "check_key",
    "key_file",
    "open_ring",
    "read_ring",
]
