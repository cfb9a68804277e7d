"""API keys: a server proves with one that it may speak for a site, or read what is known of its people.

The text is `wk_<name>_<secret>`. The name is public; of the secret only the SHA-256 is stored, which suffices, since it
has 256 random bits. They lie in Redis outside the key version (`keys.API_KEYS`), and collectors keep a copy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from wakeline import keys

if TYPE_CHECKING:
    from redis.asyncio import Redis

NAME_LETTERS = 12
NAME_CHARACTERS = string.ascii_lowercase + string.digits
SECRET_BYTES = 32
NAME = re.compile(rf"(?:wk_)?([a-z0-9]{{{NAME_LETTERS}}})")
TEXT = re.compile(rf"wk_([a-z0-9]{{{NAME_LETTERS}}})_([A-Za-z0-9_-]{{43}})")
MOST_KEYS = 1_000  # of a deployment, revoked ones included
MOST_LABEL = 100  # characters


class Scope(StrEnum):
    """What a key may do."""

    EVENTS = "events"  # tell events
    ERASE = "erase"  # tell `forget`
    LINKS = "links"  # make links of mails
    PROFILES = "profiles"  # read profiles
    CAMPAIGNS = "campaigns"  # plan campaigns, and read how they are planned
    CARDS = "cards"  # read and search personal values


class ApiKey(Struct, omit_defaults=True):
    """A key as stored. `scopes` are texts, so that those of later versions can be read."""

    site: str
    label: str
    scopes: list[str]
    hash: str  # SHA-256 of the secret, hex
    made: int  # ms since 1970
    revoked: int = 0  # ms; 0: it is valid


class Given(NamedTuple):
    """A key as a sender gives it."""

    name: str
    hash: str


class TooManyKeys(Exception):
    """The deployment has MOST_KEYS."""


decode_key = msgspec.json.Decoder(ApiKey).decode
encode_key = msgspec.json.Encoder().encode
NOBODY = ApiKey("", "", [], hashlib.sha256(b"").hexdigest(), 0)


def new_key(site: str, label: str, scopes: Sequence[str], *, now: int) -> tuple[str, str, ApiKey]:
    """(name, text, key) of a new key; the text cannot be derived from the others."""
    name = "".join(secrets.choice(NAME_CHARACTERS) for _ in range(NAME_LETTERS))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return name, f"wk_{name}_{secret}", ApiKey(site, label, list(scopes), _hash(secret), now)


def given(text: str) -> Given | None:
    """What a text claims to be; None if it is no key at all."""
    found = TEXT.fullmatch(text)
    return Given(found[1], _hash(found[2])) if found else None


def found(stored: Mapping[str, ApiKey], text: str) -> tuple[str, ApiKey] | None:
    """The valid key with this text, and its name. Takes as long for unknown names as for wrong secrets."""
    one = given(text)
    if one is None:
        return None
    key = stored.get(one.name, NOBODY)
    is_right = hmac.compare_digest(key.hash, one.hash)
    return (one.name, key) if is_right and not key.revoked and key is not NOBODY else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# ---- in Redis ------------------------------------------------------------------------------------


async def add(redis: Redis, name: str, key: ApiKey) -> None:
    """Store a new key. Raises TooManyKeys, and redis-py's errors."""
    if len(await stored_keys(redis)) >= MOST_KEYS:
        raise TooManyKeys
    asked: Any = redis.hset(keys.API_KEYS, name, encode_key(key).decode())
    await asked


async def stored_keys(redis: Redis) -> dict[str, ApiKey]:
    """All keys by name, revoked ones included. One that cannot be read is left out. Raises redis-py's errors."""
    asked: Any = redis.hgetall(keys.API_KEYS)
    return readable(await asked)


def readable(texts: Mapping[bytes, bytes]) -> dict[str, ApiKey]:
    """The keys in the hash's fields that can be read."""
    kept = {}
    for name, text in texts.items():
        try:
            kept[name.decode()] = decode_key(text)
        except ValueError:
            continue
    return kept


async def stored_key(redis: Redis, name: str) -> ApiKey | None:
    """One key, revoked or not; None if there is none that can be read. Raises redis-py's errors."""
    asked: Any = redis.hget(keys.API_KEYS, name)
    text = await asked
    return readable({name.encode(): text}).get(name) if text is not None else None


async def last_used(redis: Redis) -> dict[str, int]:
    """Name -> ms of the last use, a minute late at most. Raises redis-py's errors."""
    asked: Any = redis.hgetall(keys.API_KEYS_USED)
    return {name.decode(): int(at) for name, at in (await asked).items()}


async def say_used(redis: Redis, used: Mapping[str, int]) -> None:
    """Store times of last use. Raises redis-py's errors."""
    mapping: Any = dict(used)
    asked: Any = redis.hset(keys.API_KEYS_USED, mapping=mapping)
    await asked


async def revoke(redis: Redis, name: str, *, now: int) -> ApiKey | None:
    """Revoke a key for good; returns it as it was before, None if there is none. Raises redis-py's errors."""
    key = (await stored_keys(redis)).get(name)
    if key is not None and not key.revoked:
        new = msgspec.structs.replace(key, revoked=now)
        asked: Any = redis.hset(keys.API_KEYS, name, encode_key(new).decode())
        await asked
    return key
