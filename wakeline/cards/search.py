"""The keyed hashes by which a customer is found: of the whole value, or of each word of a name.

Without the key nobody can tell whether a value is among them.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

from wakeline.cards.key import Key, Ring
from wakeline.normalization import nfkc

MOST_WORDS = 8  # of one name
HASH_BYTES = 12

WORD = re.compile(r"[^\W_]+")


def _email(value: str) -> list[str]:
    return [nfkc(value).strip().lower()]


def _phone(value: str) -> list[str]:
    """Its digits; "00" before a country is the same as "+"."""
    digits = "".join(char for char in nfkc(value) if "0" <= char <= "9")
    return [digits.removeprefix("00")]


def _name(value: str) -> list[str]:
    return list(dict.fromkeys(WORD.findall(nfkc(value).casefold())))[:MOST_WORDS]


def _own_id(value: str) -> list[str]:
    return [value.strip()]


FOUND_BY: dict[str, Callable[[str], list[str]]] = {
    "own_id": _own_id,
    "email": _email,
    "phone": _phone,
    "name": _name,
}
"""By the name of a field: what of its value is hashed. Other fields are not searched."""


def hashes(key: Key, site: str, field: str, value: str) -> list[str]:
    """Those of a value, none for a field that is not searched. They hold neither a space nor a colon."""
    parts = FOUND_BY[field](value) if field in FOUND_BY else []
    return [_hash(key, site, field, part) for part in parts if part]


def _hash(key: Key, site: str, field: str, part: str) -> str:
    text = "\0".join((site, field, part)).encode(errors="replace")
    return urlsafe_b64encode(hmac.digest(key.search, text, "sha256")[:HASH_BYTES]).decode()


def asked(ring: Ring, site: str, text: str, by: str) -> list[list[str]]:
    """What to look for: a customer is found if it has all hashes of one of the lists.

    `by`: the name of a field, "" for each of them. With every key, as a value has the hash of the one that was first.
    """
    wanted = [by] if by else list(FOUND_BY)
    lists = [hashes(key, site, field, text) for field in wanted for key in ring.keys]
    return [found for found in lists if found]
