"""Keyed hashes of customer ids: a page proves one with `signature`, keys and records only hold `customer_id`."""

from __future__ import annotations

import hashlib
import hmac

from wakeline.record import CUSTOMER_PREFIX

PSEUDONYM = rf"{CUSTOMER_PREFIX}[0-9a-f]{{32}}"


def signature(secret: str, id: str) -> str:
    """What a site's server gives its page for `wakeline("identify", id, {signature})`: 64 hex digits."""
    return hmac.new(secret.encode(), id.encode(), hashlib.sha256).hexdigest()


def is_signed(secret: str, id: str, given: str) -> bool:
    """Whether `given` is that signature; never true for a site without a secret. Takes constant time."""
    return bool(secret) and hmac.compare_digest(signature(secret, id).encode(), given.lower().encode())


def customer_id(secret: str, id: str) -> str:
    """The pseudonym of a site's customer `id` in records and keys: "@" and 32 hex digits."""
    return CUSTOMER_PREFIX + hmac.new(secret.encode(), b"customer:" + id.encode(), hashlib.sha256).hexdigest()[:32]
