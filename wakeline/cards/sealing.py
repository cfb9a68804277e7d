"""Encrypts the values of a card: AES-GCM, with a new nonce for each value.

Site, customer, name and time are authenticated with it, so that nobody can move a value to another card, or make it
newer.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as NoBase64

import msgspec
from cryptography.exceptions import InvalidTag
from msgspec import Struct

from wakeline.cards.card import Card
from wakeline.cards.key import Ring
from wakeline.cards.search import hashes

NONCE = 12
ID = 8  # bytes of a key's fingerprint, which come first
ID_TEXT = 12  # characters of base64 that hold it

_encode = msgspec.json.Encoder().encode


class Field(Struct, array_like=True):
    """One value."""

    name: str
    hashes: str  # by which it is found, separated by spaces
    text: str  # encrypted, base64; "" removes it


class Sealed(Struct, array_like=True):
    """A card that may lie on a disk: nobody can read it without the key."""

    site: str
    customer: str
    time: int
    fields: list[Field]
    returns: bool = False


def sealed(card: Card, ring: Ring) -> Sealed:
    """The card, encrypted with the ring's first key."""
    fields = [
        Field(name, " ".join(hashes(ring.encrypts, card.site, name, value)), _encrypted(card, name, value, ring))
        for name, value in card.values.items()
    ]
    return Sealed(card.site, card.customer, card.time, fields, card.returns)


def _encrypted(card: Card, name: str, value: str, ring: Ring) -> str:
    if not value:
        return ""
    key, nonce = ring.encrypts, os.urandom(NONCE)
    about = _about(card.site, card.customer, name, card.time)
    text = key.cipher.encrypt(nonce, value.encode(errors="replace"), about)
    return b64encode(bytes.fromhex(key.id) + nonce + text).decode()


def opened(text: bytes, ring: Ring, *, site: str, customer: str, name: str, time: int) -> str | None:
    """The value; None if it was encrypted with another key, or for another place."""
    try:
        data = b64decode(text, validate=True)
        key = ring.by_id.get(data[:ID])
        if key is None:
            return None
        start = ID + NONCE
        return key.cipher.decrypt(data[ID:start], data[start:], _about(site, customer, name, time)).decode()
    except (NoBase64, InvalidTag, ValueError):
        return None


def sealed_with(card: Sealed) -> str:
    """Fingerprint of the key that encrypted the card; "" if it only removes values."""
    text = next((field.text for field in card.fields if field.text), "")
    return b64decode(text[:ID_TEXT])[:ID].hex()


def resealed(card: Sealed, ring: Ring) -> Sealed:
    """The card, encrypted with the ring's first key; the same one if it is, or if the ring cannot read it."""
    if sealed_with(card) in ("", ring.encrypts.id):
        return card
    values = {}
    for field in card.fields:
        value: str | None = ""
        if field.text:
            text, name = field.text.encode(), field.name
            value = opened(text, ring, site=card.site, customer=card.customer, name=name, time=card.time)
        if value is None:
            return card
        values[field.name] = value
    return sealed(Card(card.site, card.customer, card.time, values, card.returns), ring)


def _about(site: str, customer: str, name: str, time: int) -> bytes:
    return _encode([site, customer, name, time])
