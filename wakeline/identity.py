"""Keyed hashes of customer ids: `signature` proves an id, `customer_id` replaces it in keys and records."""

from __future__ import annotations

import hashlib
import hmac

from wakeline.keyed import keyed
from wakeline.record import CUSTOMER_PREFIX

PSEUDONYM = rf"{CUSTOMER_PREFIX}[0-9a-f]{{32}}"


def identified(id: str, expires: int | None = None) -> str:
    """What a site's server signs for `wakeline("identify", id, {signature, expires})`.

    The id; if the signature has an end (ms since 1970), that on a second line.
    """
    return id if expires is None else f"{id}\n{expires}"


def forgotten(id: str, expires: int) -> str:
    """What it signs for `wakeline("forget", id, {signature, expires})`: whoever may identify may not erase."""
    return f"forget\n{identified(id, expires)}"


def signature(secret: str, text: str) -> str:
    """The signature of `text`, such as that of `identified`, computed by the site's server: 64 hex digits."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_signed(secret: str, text: str, given: str) -> bool:
    """Whether `given` is that signature, in constant time; always false for a site without a secret."""
    return bool(secret) and hmac.compare_digest(signature(secret, text).encode(), given.lower().encode())


def customer_id(secret: str, id: str) -> str:
    """The pseudonym of a site's customer `id` in records and keys: "@" and 32 hex digits."""
    return CUSTOMER_PREFIX + keyed(secret, f"customer:{id}").hex()[:32]
