"""Encrypts all cards with a new key, while they are read and written. Interrupted anywhere, it can be run again.

The new key is put above the former ones in the file. Then each lane refuses cards that were encrypted with a former
one, so that those who write them take the new one from the file; what a lane holds is encrypted again, value by value,
unless it has changed meanwhile. At the end the former keys are no longer required.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from wakeline import card_keys
from wakeline.card_ending import ENDING
from wakeline.cards.key import NoCardKey, Ring, check_key, open_ring, put_new_key, read_ring, say_replaced
from wakeline.cards.sealing import Field, Sealed, resealed, sealed_with
from wakeline.cards.writing import LISTING

AT_ONCE = 50  # cards
SCAN = 10_000  # keys looked through by one call

# KEYS: card, index; ARGV: customer, most customers of a hash, then of each value its name, what was read, the new
# hashes, and what is stored instead. What has changed since it was read stays.
RESEAL = (
    ENDING
    + LISTING
    + """
for j = 3, #ARGV, 4 do
  if redis.call('HGET', KEYS[1], ARGV[j]) == ARGV[j + 1] then
    unlist(KEYS[2], ARGV[1], ARGV[j + 1])
    list(KEYS[2], ARGV[1], ARGV[j + 2], tonumber(ARGV[2]))
    redis.call('HSET', KEYS[1], ARGV[j], ARGV[j + 3])
  end
end
"""
)


class Rotated(NamedTuple):
    """What was done."""

    key: str  # fingerprint of the new one
    cards: int
    unreadable: int  # values that no key in the file can read; they stay as they are


def is_begun(path: Path, known: set[str]) -> bool:
    """Whether the file's first key is not the only one that encrypted cards: a rotation was interrupted.

    `known`: fingerprints of all that did. Raises NoCardKey.
    """
    return known != {read_ring(path).encrypts.id}


async def known_keys(redis: Redis) -> set[str]:
    """Fingerprints of the keys that encrypted cards; none if there are no cards."""
    found: Any = await redis.smembers(card_keys.FINGERPRINTS)
    return {one.decode() for one in found}


async def rotate(
    path: Path, redis: Redis, lanes: int, *, ahead: Callable[[int], None], done: Callable[[int], None]
) -> Rotated:
    """Encrypt all cards with a new key, or with the file's first one if that was begun. `path`: the file.

    `ahead` and `done` are told numbers of cards. Raises NoCardKey, and redis-py's errors. Run one at a time.
    """
    ring = await _begin(path, redis, lanes)
    former = [key.id for key in ring.keys[1:]]
    now = datetime.now(UTC)
    for lane in range(lanes):
        await redis.hset(card_keys.former(lane), mapping=dict.fromkeys(former, str(round(now.timestamp() * 1000))))
    names = [key.decode() async for key in redis.scan_iter(match=card_keys.CARDS, count=SCAN)]
    ahead(len(names))
    unreadable = 0
    for some in (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)):
        unreadable += sum(await asyncio.gather(*(_reseal(redis, name, ring) for name in some)))
        done(len(some))
    say_replaced(path, until=now.date() + timedelta(days=card_keys.BACKUP_DAYS))
    await redis.srem(card_keys.FINGERPRINTS, *former)
    return Rotated(ring.encrypts.id, len(names), unreadable)


async def _begin(path: Path, redis: Redis, lanes: int) -> Ring:
    """The keys, of which the first is the new one, and known to Redis."""
    await check_key(path, redis)
    if not is_begun(path, await known_keys(redis)):
        put_new_key(path, today=_today())
    first = read_ring(path).encrypts.id
    if any(await asyncio.gather(*(redis.hget(card_keys.former(lane), first) for lane in range(lanes)))):
        raise NoCardKey(f"the first key in {path} was replaced before: put the newest one above it")
    return await open_ring(path, redis)


def _today() -> date:
    return datetime.now(UTC).date()


async def _reseal(redis: Redis, name: str, ring: Ring) -> int:
    """Encrypt one card again; how many of its values cannot be read."""
    lane, site, customer = card_keys.whose_card(name)
    stored: Any = await redis.hgetall(name)
    words: list[str | bytes] = []
    unreadable = 0
    for field, value in stored.items():
        time, hashes, text = value.decode().split(":", 2)
        card = Sealed(site, customer, int(time), [Field(field.decode(), hashes, text)])
        made = resealed(card, ring)
        if made is not card:
            (new,) = made.fields
            words += [field, value, new.hashes, f"{time}:{new.hashes}:{new.text}"]
        elif sealed_with(card) not in ("", ring.encrypts.id):
            unreadable += 1
    if words:
        index = card_keys.index(lane, site)
        await redis.eval(RESEAL, 2, name, index, customer, str(card_keys.OF_A_HASH), *words)
    return unreadable
