"""Reads cards, and finds customers by a value. Each read is one round trip, on a cluster one to each node.

with Cards("redis://127.0.0.1:6379/0", read_ring(Path("wakeline.key"))) as cards:
    for customer in cards.find("shop", "jo@mail.example"):
        print(cards.read("shop", customer))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from wakeline import card_keys, keys
from wakeline.cards.card import Personal, Value
from wakeline.cards.key import Ring
from wakeline.cards.sealing import opened
from wakeline.cards.search import asked
from wakeline.lanes import FIELDS, lane_of, stored_deployment
from wakeline.redis.reader import AsyncReader, Reader

FOUND = 100  # default number of customers found


class Cards(Reader):
    """Reads cards. Has one connection pool; thread-safe.

    Every method raises redis-py's errors, and NoDeployment if Wakeline never used this Redis.
    """

    def __init__(self, url: str, ring: Ring) -> None:
        super().__init__(url)
        self._ring = ring
        self._lanes = 0

    def read(self, site: str, customer: str) -> Personal | None:
        """The card of "@customer"; None if there is none."""
        return self.read_many(site, [customer]).get(customer)

    def read_many(self, site: str, customers: Iterable[str]) -> dict[str, Personal]:
        """The cards of those who have one."""
        who = list(customers)
        if not who:
            return {}
        lanes = self._known_lanes()
        pipe = self._redis.pipeline(transaction=False)
        for customer in who:
            pipe.hgetall(card_keys.card(lane_of(site, customer, lanes), site, customer))
        return _cards(site, who, pipe.execute(), self._ring)

    def find(self, site: str, text: str, *, by: str = "", most: int = FOUND) -> list[str]:
        """At most `most` customers with a value of `text`, for a name with all its words.

        `by`: own_id, email, phone or name; by default each of them. Which way a value was written makes no difference:
        see `search`.
        """
        wanted = asked(self._ring, site, text, by)
        if not wanted:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for command in _commands(wanted, site, self._known_lanes()):
            pipe.zrange(*command, bylex=True, offset=0, num=card_keys.OF_A_HASH)
        return _found(wanted, pipe.execute())[:most]

    def _known_lanes(self) -> int:
        if not self._lanes:
            values: Any = self._redis.hmget(keys.DEPLOYMENT, FIELDS)
            self._lanes = stored_deployment(values).lanes
        return self._lanes


class AsyncCards(AsyncReader):
    """The same for asyncio."""

    def __init__(self, url: str, ring: Ring) -> None:
        super().__init__(url)
        self._ring = ring
        self._lanes = 0

    def use(self, ring: Ring) -> None:
        """Read with these keys from now on, as after `wakeline key rotate-cards`."""
        self._ring = ring

    async def read(self, site: str, customer: str) -> Personal | None:
        """See `Cards.read`."""
        return (await self.read_many(site, [customer])).get(customer)

    async def read_many(self, site: str, customers: Iterable[str]) -> dict[str, Personal]:
        """See `Cards.read_many`."""
        who = list(customers)
        if not who:
            return {}
        lanes = await self._known_lanes()
        pipe = self._redis.pipeline(transaction=False)
        for customer in who:
            pipe.hgetall(card_keys.card(lane_of(site, customer, lanes), site, customer))
        return _cards(site, who, await pipe.execute(), self._ring)

    async def find(self, site: str, text: str, *, by: str = "", most: int = FOUND) -> list[str]:
        """See `Cards.find`."""
        wanted = asked(self._ring, site, text, by)
        if not wanted:
            return []
        lanes = await self._known_lanes()
        pipe = self._redis.pipeline(transaction=False)
        for command in _commands(wanted, site, lanes):
            pipe.zrange(*command, bylex=True, offset=0, num=card_keys.OF_A_HASH)
        return _found(wanted, await pipe.execute())[:most]

    async def _known_lanes(self) -> int:
        if not self._lanes:
            values: Any = await self._redis.hmget(keys.DEPLOYMENT, FIELDS)
            self._lanes = stored_deployment(values).lanes
        return self._lanes


# ---- shared by both ------------------------------------------------------------------------------


def _commands(wanted: Sequence[Sequence[str]], site: str, lanes: int) -> list[tuple[str, str, str]]:
    """Arguments of ZRANGE by lexical order: for each lane all hashes of all lists."""
    every = [hash for one in wanted for hash in one]
    return [
        (card_keys.index(lane, site), f"[{hash}:", f"({hash};") for lane in range(lanes) for hash in every
    ]  # fmt: skip


def _found(wanted: Sequence[Sequence[str]], replies: Sequence[Sequence[bytes]]) -> list[str]:
    every = [hash for one in wanted for hash in one]
    has: dict[str, set[str]] = {}
    for number, members in enumerate(replies):
        of_hash = has.setdefault(every[number % len(every)], set())
        of_hash.update(member.decode().partition(":")[2] for member in members)
    found: dict[str, None] = {}
    for one in wanted:
        found |= dict.fromkeys(sorted(set.intersection(*(has[hash] for hash in one))))
    return list(found)


def _cards(site: str, who: Sequence[str], replies: Sequence[dict[bytes, bytes]], ring: Ring) -> dict[str, Personal]:
    found = {}
    for customer, fields in zip(who, replies, strict=True):
        card = Personal(site, customer, {})
        for name, stored in sorted((name.decode(), stored) for name, stored in fields.items()):
            told, _, rest = stored.partition(b":")
            text = rest.partition(b":")[2]
            if not text:
                continue  # it was removed
            time = int(told)
            value = opened(text, ring, site=site, customer=customer, name=name, time=time)
            if value is None:
                card.unreadable.append(name)
            else:
                card.values[name] = Value(value, datetime.fromtimestamp(time / 1000, UTC))
        if card.values or card.unreadable:
            found[customer] = card
    return found
