"""The profile of a visitor or a customer: its format in Redis, and readers for applications.

    with Profiles("redis://127.0.0.1:6379/0") as profiles:
        profile = profiles.read("shop", visitor_id)
        order = profiles.read_thing("shop", Order, "A1001", secret)

`Profiles` and `AsyncProfiles` read one profile, or one thing (see `thing_fields`), in one call. The processor is the
only writer.

Hash `keys.profile`, every value a string; a missing field means 0, "" or none:

    first_seen, last_seen    ms since 1970
    counts, traits, sources  see `profile_fields`
    customer                 "@..." of the customer that a visitor is linked to
    session                  JSON of `StoredSession`: the latest, open or ended; visitors only
    cart                     JSON of `StoredCart`; visitors only
    touches                  JSON list of `StoredTouch`, the latest first; visitors only
    visitors                 JSON list of the linked visitors' ids, at most 100, the latest; customers only
    aliases                  JSON list of other ids of the same customer, whose hashes name this one
    alias_of                 "@..." of the smaller id that keeps what is known of this one; readers follow it

Zset `keys.interests`: interest -> stored score (see `decay`). Of a customer also record and account in `keys.state`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from wakeline import keys
from wakeline.account import RANKS
from wakeline.clock import now_ms
from wakeline.decay import current
from wakeline.definitions import MAX_INTERESTS
from wakeline.identity import customer_id
from wakeline.lanes import FIELDS, Deployment, lane_of, stored_deployment
from wakeline.profile_fields import (
    COUNTS,
    TRAITS,
    Cart,
    Consent,
    Earned,
    Interest,
    Preference,
    Profile,
    Purchases,
    Ranked,
    Record,
    Session,
    Source,
)
from wakeline.purchases import read_purchases
from wakeline.record import CUSTOMER_PREFIX
from wakeline.record_fields import read_record
from wakeline.redis.reader import AsyncReader, Reader
from wakeline.stored_profile import StoredCart, StoredSession, StoredTouch, read_cart, read_session, read_touches
from wakeline.stored_state import part_of
from wakeline.thing_fields import Agreement, Contact, Item, Order, Product, Refund, ServiceOrder, T, moment, thing
from wakeline.told import decode_thing
from wakeline.vocabulary.money import major_units
from wakeline.vocabulary.things import PRODUCT, own_id, thing_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "Agreement",
    "AsyncProfiles",
    "Cart",
    "Consent",
    "Contact",
    "Earned",
    "Interest",
    "Item",
    "Order",
    "Preference",
    "Product",
    "Profile",
    "Profiles",
    "Purchases",
    "Ranked",
    "Record",
    "Refund",
    "ServiceOrder",
    "Session",
    "Source",
    "StoredCart",
    "StoredSession",
    "StoredTouch",
]

KNOWN_S = 1.0  # how long a reader may use the previous key version after a switch
ALIAS_OF = b"alias_of"
INTERESTS = 10  # default number of interests in a profile
SCAN = 1_000  # keys at once


class Profiles(Reader):
    """Reads profiles. Has one connection pool; thread-safe.

    Every read raises redis-py's errors, and NoDeployment if Wakeline never used this Redis.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._known = _Known()

    def read(self, site: str, id: str, *, interests: int = INTERESTS, now: int | None = None) -> Profile | None:
        """The profile of visitor or "@customer" `id` with its top `interests`; None if there is none.

        That of an alias is the profile of the id which keeps what is known of the person.
        `now` (ms since 1970; default: this machine's clock) determines the scores and whether the session is open.
        """
        deployment = self._deployment()
        reply = self._redis.eval(*_asked(deployment, site, id, interests))
        while into := _alias_of(id, reply):
            id, reply = into, self._redis.eval(*_asked(deployment, site, into, interests))
        return _profile(site, id, reply, deployment, now_ms() if now is None else now)

    def everyone(self, site: str, *, interests: int = MAX_INTERESTS, now: int | None = None) -> Iterator[Profile]:
        """The profile of each person: of customers, and of visitors whom nobody has identified. In no order.

        Reads 5,000 or so a second. Whoever comes or goes meanwhile may be missing.
        """
        pattern = keys.Keys(self._deployment().version).all_profiles(site)
        seen: set[str] = set()  # a scan may tell a key twice
        for key in self._redis.scan_iter(match=pattern, count=SCAN):
            id = key.decode().rpartition(":profile:")[2]
            if id in seen:
                continue
            seen.add(id)
            profile = self.read(site, id, interests=interests, now=now)
            if profile is not None and profile.id == id and not profile.customer:
                yield profile

    def half_life(self) -> int:
        """ms in which the score of an interest halves."""
        return self._deployment().half_life

    def read_customer(
        self, site: str, id: str, secret: str, *, interests: int = INTERESTS, now: int | None = None
    ) -> Profile | None:
        """The profile of the customer with the site's own `id`; `secret` is the site's."""
        return self.read(site, customer_id(secret, id), interests=interests, now=now)

    def read_thing(self, site: str, kind: type[T], id: str, secret: str = "") -> T | None:
        """What is known of the site's order, product, contact, service order or agreement `id`; None if nothing is.

        `kind` is Order, Product, Contact, ServiceOrder or Agreement; `id` is the site's own; `secret` is the site's.
        Raises ValueError without a secret, unless `kind` is Product: ids of products are kept as they are.
        """
        home = _home(kind, id, secret)
        return _thing(kind, site, home, _values(self._redis.get(_thing_key(self._deployment(), site, home))))

    def best(self, site: str, rank: str, *, currency: str, limit: int = 100) -> tuple[Ranked, ...]:
        """The customers that come first by one of `account.RANKS`, such as "profit-year"; `limit`: at most 1,000.

        `currency` is the site's main currency. Raises ValueError for an unknown rank.
        """
        asked = _best_keys(self._deployment(), site, rank)
        found = [self._redis.zrevrangebyscore(key, "+inf", "(0", 0, limit, True) for key in asked]
        return _ranked(found, currency, limit)

    def _deployment(self) -> Deployment:
        return self._known.at_hand() or self._known.note(_values(self._redis.hmget(keys.DEPLOYMENT, FIELDS)))


class AsyncProfiles(AsyncReader):
    """The same for asyncio."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._known = _Known()

    async def read(self, site: str, id: str, *, interests: int = INTERESTS, now: int | None = None) -> Profile | None:
        """See `Profiles.read`."""
        deployment = await self._deployment()
        reply = await self._redis.eval(*_asked(deployment, site, id, interests))
        while into := _alias_of(id, reply):
            id, reply = into, await self._redis.eval(*_asked(deployment, site, into, interests))
        return _profile(site, id, reply, deployment, now_ms() if now is None else now)

    async def read_customer(
        self, site: str, id: str, secret: str, *, interests: int = INTERESTS, now: int | None = None
    ) -> Profile | None:
        """See `Profiles.read_customer`."""
        return await self.read(site, customer_id(secret, id), interests=interests, now=now)

    async def read_thing(self, site: str, kind: type[T], id: str, secret: str = "") -> T | None:
        """See `Profiles.read_thing`."""
        home = _home(kind, id, secret)
        key = _thing_key(await self._deployment(), site, home)
        return _thing(kind, site, home, await _values(self._redis.get(key)))

    async def best(self, site: str, rank: str, *, currency: str, limit: int = 100) -> tuple[Ranked, ...]:
        """See `Profiles.best`."""
        asked = _best_keys(await self._deployment(), site, rank)
        found = [await _values(self._redis.zrevrangebyscore(key, "+inf", "(0", 0, limit, True)) for key in asked]
        return _ranked(found, currency, limit)

    async def _deployment(self) -> Deployment:
        known = self._known.at_hand()
        return known or self._known.note(await _values(self._redis.hmget(keys.DEPLOYMENT, FIELDS)))


# ---- shared by both ------------------------------------------------------------------------------

_decode_ids = msgspec.json.Decoder(tuple[str, ...]).decode


def _values(reply: Any) -> Any:
    return reply  # redis-py has one return type for both its clients


class _Known:
    """Caches the deployment for KNOWN_S."""

    def __init__(self) -> None:
        self._deployment: Deployment | None = None
        self._until = 0.0

    def at_hand(self) -> Deployment | None:
        return self._deployment if time.monotonic() < self._until else None

    def note(self, values: Sequence[bytes | None]) -> Deployment:
        """Store what was read. Raises NoDeployment."""
        self._deployment, self._until = stored_deployment(values), time.monotonic() + KNOWN_S
        return self._deployment


# KEYS: a profile, its interests, and of a customer its state; ARGV: number of interests.
READ = """
return {redis.call('HGETALL', KEYS[1]),
  redis.call('ZREVRANGEBYSCORE', KEYS[2], '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, ARGV[1]),
  KEYS[3] and redis.call('GET', KEYS[3])}
"""


def _asked(deployment: Deployment, site: str, id: str, interests: int) -> tuple[Any, ...]:
    """Arguments of EVAL: reads a profile atomically, on a cluster too."""
    lane, live = lane_of(site, id, deployment.lanes), keys.Keys(deployment.version)
    read = [live.profile(lane, site, id), live.interests(lane, site, id)]
    if id.startswith(CUSTOMER_PREFIX):
        read.append(live.state(lane, site, id))
    return READ, len(read), *read, interests


def _home(kind: type[T], id: str, secret: str) -> str:
    """The id of a thing in keys. Raises ValueError without a secret, where it needs one."""
    if kind.kind is not PRODUCT and not secret:
        raise ValueError(f"{kind.__name__}: the site's secret is needed, as ids are kept as hashes by it")
    return thing_id(secret, kind.kind, own_id(id) or "")


def _thing_key(deployment: Deployment, site: str, home: str) -> str:
    return keys.Keys(deployment.version).thing(lane_of(site, home, deployment.lanes), site, home)


def _thing(kind: type[T], site: str, home: str, stored: bytes | None) -> T | None:
    return thing(kind, site, home, decode_thing(stored)) if stored else None


def _best_keys(deployment: Deployment, site: str, rank: str) -> list[str]:
    """Of every lane. Raises ValueError."""
    if rank not in RANKS:
        raise ValueError(f"{rank!r}: customers are ranked by {', '.join(RANKS)}")
    live = keys.Keys(deployment.version)
    return [live.best(lane, site, rank) for lane in range(deployment.lanes)]


def _ranked(found: Sequence[Any], currency: str, limit: int) -> tuple[Ranked, ...]:
    every = [(int(score), member.decode()) for of_lane in found for member, score in of_lane]
    every.sort(key=lambda one: (-one[0], one[1]))
    return tuple(Ranked(id, major_units(score, currency)) for score, id in every[:limit])


def _alias_of(id: str, reply: Any) -> str:
    """The smaller id that keeps what is known of this one; "" for none."""
    words = reply[0]
    into = (
        str(words[words.index(ALIAS_OF) + 1].decode()) if id[:1] == CUSTOMER_PREFIX and ALIAS_OF in words[::2] else ""
    )
    return into if into < id else ""


def _profile(
    site: str,
    id: str,
    reply: Any,
    deployment: Deployment,
    now: int,
) -> Profile | None:
    fields, scores = ([word.decode() for word in words] for words in reply[:2])
    state: bytes | None = reply[2] if len(reply) > 2 else None
    if not fields:
        return None
    text = dict(zip(fields[::2], fields[1::2], strict=True))
    is_customer = id.startswith(CUSTOMER_PREFIX)
    stored = part_of(state)
    record = read_record(stored.record)
    return Profile(
        site=site,
        id=id,
        customer=text.get("customer") or None,
        visitors=_decode_ids(text.get("visitors") or "[]"),
        aliases=_decode_ids(text.get("aliases") or "[]"),
        first_seen=moment(int(text.get("first_seen", 0))),
        last_seen=moment(int(text.get("last_seen", 0))),
        **_declared(text),
        session=read_session(text.get("session", ""), now),
        cart=read_cart(text.get("cart", ""), now),
        first_source=None if is_customer else _source(text, "first"),
        last_source=_source(text, "last"),
        touches=read_touches(text.get("touches", "")),
        interests=tuple(
            Interest(
                name,
                current(float(score), now=now, zero=deployment.decay_zero, half_life=deployment.half_life),
            )
            for name, score in zip(scores[::2], scores[1::2], strict=True)
        ),
        record=record,
        purchases=read_purchases(stored.account, record, now),
        contacts_7d=stored.account.contacts_7d(now) if stored.account is not None else 0,
    )


def _source(text: Mapping[str, str], which: str) -> Source:
    return Source(*(text.get(f"{which}_{name}", "") for name in Source.__struct_fields__))


def _declared(text: Mapping[str, str]) -> dict[str, Any]:
    counts = {count.attribute: count.read(text.get(count.name, "0")) for count in COUNTS}
    return counts | {trait.name: text.get(trait.name, "") for trait in TRAITS}
