"""A processor lane by lane, with a clock set by the test: in-memory log, real server for the store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import msgspec
import pytest
import redis.asyncio as aioredis

from crm.identity.state import STORED_CUSTOMER
from crm.out import Verdict
from crm.sites import SiteFacts
from crm.state import FORMER, STORED, decode_customer, decode_visitor, encode_state
from processor.fold import Fold
from processor.store import Store
from processor.worker import LaneWorker
from wakeline.keys import OTHER, Keys, date
from wakeline.lanes import Deployment, lane_of
from wakeline.log.memory import MemoryLog
from wakeline.numbers import TOPS
from wakeline.record import CUSTOMER_PREFIX, Event, Fact, Record, encode_record
from wakeline.redis.connect import connect
from wakeline.settings import InterestRule, Site
from wakeline.vocabulary.things import is_thing

START = 1_800_000_000_000  # a Friday morning, ms
MINUTE = 60_000
SECOND = 1_000
DAY = 86_400_000

Kept = dict[bytes, tuple[bytes, int]]
"""What a server held: key -> its value as DUMP gives it, and ms that were left to it, 0 for ever."""

VISIT = ("start", "last")  # fields of a stored visit that have no default
SITE = Site(
    key="shop", interests=(InterestRule(path="/shoes/*", interest="Shoes"),),
    currency="EUR", minute_cost=0.5, return_cost=3.0,
)  # fmt: skip


def event(visitor: str, page: str, n: int, at: int, type: str = "page_view", path: str = "/", **fields: Any) -> Event:
    """An event `at` ms after START."""
    return Event(
        site="shop",
        visitor=visitor,
        type=type,
        page=page,
        n=n,
        time=START + at,
        received=START + at,
        host="shop.example",
        path=path,
        device="desktop",
        **fields,
    )


def fact(home: str, type: str, at: int, body: dict[str, Any] | None = None, *, id: str = "", **fields: Any) -> Fact:
    """A fact `at` ms after START; without an `id` one of its own."""
    said = repr((home, type, at, body, sorted(fields.items())))
    person = "customer" if home[0] == CUSTOMER_PREFIX else "visitor"
    if not is_thing(home):
        fields.setdefault(person, home)
    return Fact(
        site="shop",
        home=home,
        type=type,
        id=id or blake2b(said.encode(), digest_size=8).hexdigest(),
        time=START + at,
        received=START + at,
        body=body or {},
        **fields,
    )


def in_full(stored: bytes) -> dict[str, Any]:
    """A stored state of a visitor, by the names that earlier versions stored."""
    names = {short: FORMER.get(name, name) for name, short in STORED.items()}
    return {names[short]: value for short, value in msgspec.json.decode(encode_state(decode_visitor(stored))).items()}


def in_full_of_customer(stored: bytes) -> dict[str, Any]:
    """A stored state of a customer, by the names of its fields."""
    names = {short: name for name, short in STORED_CUSTOMER.items()}
    state = decode_customer(stored)
    state.counts = state.named_counts()
    return {names[short]: value for short, value in msgspec.json.decode(encode_state(state)).items()}


def with_a_value(profile: dict[str, str]) -> dict[str, str]:
    """A profile of a visitor without its empty fields, which earlier versions stored; a customer's as it is."""
    if "session" not in profile:
        return profile
    visit = {name: of for name, of in msgspec.json.decode(profile["session"]).items() if of or name in VISIT}
    found = {name: value for name, value in profile.items() if value not in ("", "0")}
    return found | {"session": msgspec.json.encode(visit).decode()}


def whose(record: Any) -> str:
    """The id in whose lane a record belongs; "" for one that goes to every lane."""
    return getattr(record, "home", "") or getattr(record, "visitor", "") or getattr(record, "id", "")


class Timeline:
    """Append records at chosen times, let the workers run, read the numbers."""

    def __init__(
        self, url: str, *, lanes: int = 4, sites: Iterable[Site] = (SITE,), redis: aioredis.Redis | None = None
    ) -> None:
        self.now = START
        self.log = MemoryLog(lanes, clock=lambda: self.now)
        self.redis: aioredis.Redis = redis or connect(url)
        self.deployment = Deployment(lanes=lanes, decay_zero=START - DAY, half_life=7 * DAY)
        self.sites: Mapping[str, SiteFacts] = {site.key: SiteFacts(site) for site in sites}
        self.store = Store(self.redis, key_space=Keys())
        self.workers: list[LaneWorker] = []

    async def start(self, writer: str = "test") -> None:
        """New workers, as after a restart of the process."""
        self.workers = [
            LaneWorker(
                Fold(lane, sites=self.sites, deployment=self.deployment, key_space=self.store.keys),
                self.store,
                self.log,
                writer=writer,
            )
            for lane in range(self.deployment.lanes)
        ]
        for worker in self.workers:
            await worker.open()

    async def append(self, *records: Record | bytes, at: int | None = None) -> None:
        """Append at `at` ms after START, by default at the latest time of the events."""
        times = [record.time - START for record in records if isinstance(record, (Event, Fact))]
        self.now = max(self.now, START + (max(times, default=0) if at is None else at))
        await self.log.append(
            [
                (0, record) if isinstance(record, bytes) else (self.lane(whose(record)), encode_record(record))
                for record in records
            ]
        )

    def lane(self, id: str) -> int:
        return lane_of("shop", id, self.deployment.lanes)

    async def run(self, *, batch: int = 1_000) -> None:
        """Apply all records in the log."""
        while True:
            places = {worker.lane: worker.place.offset for worker in self.workers}
            found = await self.log.read(places, limit=batch, wait_ms=0)
            if not found:
                return
            for lane, entries in found.items():
                await self.workers[lane].apply(entries)

    async def run_a_little(self, rng: random.Random) -> None:
        """Apply a random part of each lane's log, in one batch per lane."""
        for worker in rng.sample(self.workers, k=rng.randint(1, len(self.workers))):
            found = await self.log.read({worker.lane: worker.place.offset}, limit=rng.randint(1, 20), wait_ms=0)
            if worker.lane in found:
                await worker.apply(found[worker.lane])

    async def pass_time(self, ms: int) -> None:
        """Let `ms` pass; lanes with a deadline get their ticks."""
        self.now += ms
        for worker in self.workers:
            await worker.tick(self.now)
        await self.run()

    async def backup(self) -> Kept:
        names = list({name: None async for name in self.redis.scan_iter(count=1_000)})
        pipe = self.redis.pipeline(transaction=False)
        for name in names:
            pipe.dump(name)
            pipe.pttl(name)
        found = await pipe.execute()
        return {name: (found[2 * i], max(0, found[2 * i + 1])) for i, name in enumerate(names)}

    async def restore(self, kept: Kept) -> None:
        """The server returns with its former content; writers start over."""
        await self.redis.flushdb()
        pipe = self.redis.pipeline(transaction=False)
        for name, (value, lives) in kept.items():
            pipe.restore(name, lives, value)
        await pipe.execute()
        await self.start()

    async def close(self) -> None:
        await self.redis.aclose()

    # ---- what came of it ------------------------------------------------------------------------

    async def totals(self, keys: Keys | None = None) -> dict[str, int]:
        return await self._sum([(keys or self.store.keys).totals(lane, "shop") for lane in self._lanes])

    async def day(self, day: str, keys: Keys | None = None) -> dict[str, int]:
        return await self._sum([(keys or self.store.keys).day(lane, "shop", day) for lane in self._lanes])

    async def top(self, what: str, bucket: str, keys: Keys | None = None) -> dict[str, int]:
        found: dict[str, int] = {}
        for lane in self._lanes:
            key = (keys or self.store.keys).top(lane, "shop", what, bucket)
            for member, score in await self.redis.zrange(key, 0, -1, withscores=True):
                found[member.decode()] = found.get(member.decode(), 0) + round(score)
        return found

    async def profile(self, id: str, keys: Keys | None = None) -> dict[str, str]:
        found = await self.redis.hgetall((keys or self.store.keys).profile(self.lane(id), "shop", id))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def interests(self, id: str, keys: Keys | None = None) -> dict[str, float]:
        key = (keys or self.store.keys).interests(self.lane(id), "shop", id)
        return {name.decode(): score for name, score in await self.redis.zrange(key, 0, -1, withscores=True)}

    async def ledger(self, keys: Keys | None = None) -> dict[str, int]:
        """The sum of the lanes' ledgers; each must balance."""
        found: dict[str, int] = dict.fromkeys(Verdict, 0)
        for lane in self._lanes:
            fields = await self.redis.hgetall((keys or self.store.keys).lane(lane))
            rows = {verdict: int(fields.get(verdict.value.encode(), 0)) for verdict in Verdict}
            assert sum(rows.values()) == int(fields.get(b"offset", 0)), f"lane {lane} does not balance"
            for verdict, amount in rows.items():
                found[verdict] += amount
        return found

    async def numbers(self, ids: Iterable[str], days: Iterable[str], keys: Keys | None = None) -> dict[str, Any]:
        """Every integer and text that must not depend on order, batches, crashes or replays."""
        found: dict[str, Any] = {"totals": await self.totals(keys)}
        for day in days:
            # the day on which a visitor was new or identified, or began a cart, is that of the event that came first
            firsts = ("new_visitors", "identified", "carts")
            found[day] = {name: n for name, n in (await self.day(day, keys)).items() if name not in firsts}
            for what in (top.name for top in TOPS):
                found[day, what] = await self.top(what, date(day), keys)
        for id in ids:
            found[id] = await self.profile(id, keys)
            if id[0] == CUSTOMER_PREFIX:
                found[id].pop("last_source", None)
        return found

    async def scores(self, ids: Iterable[str], keys: Keys | None = None) -> dict[tuple[str, str], float]:
        return {(id, name): score for id in ids for name, score in (await self.interests(id, keys)).items()}

    async def _sum(self, names: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name in names:
            for field, amount in (await self.redis.hgetall(name)).items():
                found[field.decode()] = found.get(field.decode(), 0) + int(amount)
        return {field: amount for field, amount in found.items() if amount}

    @property
    def _lanes(self) -> range:
        return range(self.deployment.lanes)


@asynccontextmanager
async def timeline(server: Any, *, sites: Iterable[Site] = (SITE,)) -> AsyncIterator[Timeline]:
    """One that has started on a server, or a cluster, which is emptied before."""
    made = Timeline(server.url, sites=sites)
    try:
        await made.redis.flushall()
        await made.start()
        yield made
    finally:
        await made.close()


def close(found: dict[Any, float], wanted: dict[Any, float]) -> None:
    """The same scores, but for what floating point makes of the order of additions."""
    assert found.keys() == wanted.keys()
    for key, score in wanted.items():
        assert found[key] == pytest.approx(score, rel=1e-9)


def a_week_of_visits(rng: random.Random, *, visitors: int = 6) -> list[Event]:
    """Events of some visitors: several visits each, some identified, in the order in which they happened."""
    found: list[Event] = []
    for number in range(visitors):
        visitor = f"~anonymous{number}" if number % 3 == 2 else f"visitor-{number}"
        at = rng.randrange(2 * DAY)
        for visit in range(rng.randint(1, 3)):
            source = rng.choice(
                [{}, {"referrer": "www.google.com/"}, {"query": {"utm_source": "mail", "utm_campaign": "may"}}]
            )
            for view in range(rng.randint(1, 4)):
                page = f"page-{number}-{visit}-{view}"
                path = rng.choice(["/", "/shoes/red", "/shoes/blue", "/bags/one"])
                extra = source if view == 0 else {}
                found.append(event(visitor, page, 0, at, path=path, interests=rng.choice([[], ["Leather"]]), **extra))
                at += rng.randrange(1, 5 * MINUTE)
                n = 1
                if rng.random() < 0.3:
                    found.append(event(visitor, page, n, at, "add_to_cart", path=path, props={"category": "Bags"}))
                    n += 1
                if rng.random() < 0.3:
                    found.append(event(visitor, page, n, at + 1, "ping", path=path))
                    n += 1
                if visitor[0] != "~" and rng.random() < 0.2:
                    found.append(
                        event(visitor, page, n, at + 2, "identify", path=path, customer=f"@customer{number % 2}")
                    )
                    n += 1
                found.append(
                    event(
                        visitor, page, n, at + 3, "engagement", path=path, engaged_ms=rng.randrange(20_000), leave=True
                    )
                )
                at += rng.randrange(1, 10 * MINUTE)
            at += rng.randrange(31 * MINUTE, DAY)
    return sorted(found, key=lambda one: one.time)


__all__ = [
    "DAY", "MINUTE", "OTHER", "SECOND", "SITE", "START", "Kept",
    "Timeline", "a_week_of_visits", "close", "event", "fact", "timeline", "whose",
]  # fmt: skip
