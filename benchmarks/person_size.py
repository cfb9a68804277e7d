"""Bytes in Redis of a customer: the keys of its own, and those of all that belongs to it.

Each has 20 interests, from three visits with two browsers, two orders, of which a page told one, a contact and a card.
The visits have ended. The fold applies their records, with days between the visits, and cards are written as a
collector writes them.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from benchmarks.figures import Figure, Run, at_most
from benchmarks.order_size import order_body
from benchmarks.services import SmallPath, deploy, deployment_at
from benchmarks.visitors import CATEGORIES, SITE, customer_of, random_id
from crm.sites import SiteFacts
from processor.fold import Fold
from processor.store import Store
from processor.worker import LaneWorker
from wakeline.cards import Card, CardWriter, open_ring
from wakeline.cards.sealing import sealed
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.keys import Keys
from wakeline.lanes import Deployment, lane_of
from wakeline.log.memory import MemoryLog
from wakeline.record import CUSTOMER_PREFIX, Event, Fact, encode_record
from wakeline.redis.connect import connect
from wakeline.vocabulary.things import CONTACT, ORDER, is_thing, kind_of, thing_id

PEOPLE = 1_000
INTERESTS = 20
PAGES = 8  # of all visits: 2.7 of one, as in the mix
TAGS = [f"tag-{number}" for number in range(40)]  # interests that pages declare
BUYS_ON = 4  # page of the second visit; the categories of what it buys are interests too
HOUR_MS = 60 * MINUTE_MS
VISITS_AGO = (5 * DAY_MS, 3 * DAY_MS, 2 * HOUR_MS)  # the second one with another browser
OWN, BROWSERS, ORDERS, CARD, OTHERS = "own", "browsers", "orders", "card", "others"
OF_ONE = ("state", "profile", "interests", "naming", "thing", "card", "pages", "page-interests")  # kinds of keys
OF_ALL = ("totals", "day", "top", "present", "seen", "best")

FIGURES = (
    Figure("profile_bytes", "a customer's own keys: 20 interests, 3 visits, 2 orders, 1 contact", at_most(2_500)),
    Figure("person_bytes", "the same with those of two visitors, of two orders, and the card", at_most(8_500)),
    Figure("person_bytes_browsers", "of these, two visitors: 5 and 3 pages of the last eight days"),
    Figure("person_bytes_orders", "of these, two orders of three items"),
    Figure("person_bytes_card", "of these, the card of four values, and what it is found by"),
    Figure("contact_bytes", "its contact, which is not among these"),
)


def measure(run: Run) -> dict[str, float]:
    count = PEOPLE // (10 if run.quick else 1)
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    chance = random.Random(1)
    people = [_Person(chance, f"customer-{number:06d}", now) for number in range(count)]
    with SmallPath(run.folder) as path:
        path.start("server")
        client = path.client()
        deploy(client, deployment)
        asyncio.run(_written(path.config.settings.redis, run.folder, people, deployment, now))
        return _sizes(client, people)


Did = tuple[str, dict[str, Any]]  # on a page: type and fields of an event


class _Person:
    """A customer's records, and its card."""

    def __init__(self, chance: random.Random, own_id: str, now: int) -> None:
        self.id = customer_of(own_id)
        self.browsers = [random_id(chance) for _ in range(2)]
        self.orders = [thing_id(SITE.secret, ORDER, f"{own_id}-{number}") for number in range(2)]
        self.contact = thing_id(SITE.secret, CONTACT, own_id)
        values = {
            "own_id": own_id, "email": f"{own_id}@mail.example", "name": "Joanna Doe-Example",
            "phone": "+49 171 1234567",
        }  # fmt: skip
        self.card = Card(SITE.key, self.id, now - 4 * DAY_MS, values)
        self.records: list[Event | Fact] = [*self._visits(chance, now), *self._facts(chance, now)]

    def _visits(self, chance: random.Random, now: int) -> Iterator[Event]:
        bought = order_body(chance)
        left = INTERESTS - PAGES - len({item["item_category"] for item in bought["items"]})
        named = iter(chance.sample(TAGS, left))
        for number, category in enumerate(chance.sample(CATEGORIES, PAGES)):
            visit = number * len(VISITS_AGO) // PAGES
            is_first = not number or visit > (number - 1) * len(VISITS_AGO) // PAGES
            did: list[Did] = [("identify", {"customer": self.id})] if is_first else []
            if number == BUYS_ON:
                did.append(("purchase", {"order": self.orders[0], "props": _of_page(bought)}))
            tags = list(itertools.islice(named, 2))
            at = now - VISITS_AGO[visit] + number * MINUTE_MS
            yield from self._page(chance, self.browsers[visit % 2], f"/{category}/product-{number}", tags, at, did)

    def _page(
        self, chance: random.Random, browser: str, path: str, tags: list[str], at: int, did: list[Did]
    ) -> Iterator[Event]:
        page = random_id(chance)
        view = ("page_view", {"referrer": "www.google.com/", "interests": tags})
        end = ("engagement", {"engaged_ms": chance.randrange(3_000, 30_000), "scroll": 80, "leave": True})
        for n, (type, fields) in enumerate([view, *did, end]):
            time = at + n * 10_000
            yield Event(
                SITE.key, browser, type, page, n, time, time, "shop.example", path,
                device="mobile", browser="Safari", os="iOS", country="DE", **fields,
            )  # fmt: skip

    def _facts(self, chance: random.Random, now: int) -> Iterator[Fact]:
        told: list[tuple[str, str, int, dict[str, Any]]] = [
            (self.id, "customer", 4 * DAY_MS, {}),
            (self.orders[0], "order_state", 2 * DAY_MS, {"state": "paid"}),
            (self.orders[1], "purchase", DAY_MS, order_body(chance)),
            (self.contact, "contact", DAY_MS, {"channel": "phone", "topic": "delivery", "state": "opened"}),
            (self.contact, "contact", HOUR_MS, {"channel": "phone", "minutes": 6, "state": "solved"}),
        ]
        for home, type, ago, body in told:
            at, id = now - ago, f"{chance.getrandbits(64):016x}"
            personal = sorted(self.card.values) if home == self.id else []
            yield Fact(SITE.key, home, type, id, at, at, customer=self.id, body=body, told=personal)


def _of_page(body: dict[str, Any]) -> dict[str, Any]:
    """Amounts as pages say them: in units of the currency."""
    money = {name: body[name] / 100 for name in ("value", "tax", "shipping")}
    return body | money | {"items": [item | {"price": item["price"] / 100} for item in body["items"]]}


async def _written(url: str, folder: Path, people: list[_Person], deployment: Deployment, now: int) -> None:
    client = connect(url)
    writer, ring = CardWriter(client), await open_ring(folder / "wakeline.key", client)
    await writer.write([sealed(person.card, ring) for person in people], lanes=deployment.lanes)
    await writer.close()
    moment = 0
    log = MemoryLog(deployment.lanes, clock=lambda: moment)
    store, sites = Store(client, key_space=Keys()), {SITE.key: SiteFacts(SITE)}
    workers = []
    for lane in range(deployment.lanes):
        fold = Fold(lane, sites=sites, deployment=deployment, key_space=store.keys)
        workers.append(LaneWorker(fold, store, log, writer="benchmark"))
        await workers[-1].open()
    records = sorted((one for person in people for one in person.records), key=_received)
    for _, of_minute in itertools.groupby(records, key=lambda one: _received(one) // MINUTE_MS):
        made = list(of_minute)
        moment = made[-1].received
        await log.append([(lane_of(SITE.key, _home(one), deployment.lanes), encode_record(one)) for one in made])
        await _applied(workers, log)
    moment = now
    for worker in workers:
        await worker.tick(now)
    await _applied(workers, log)
    await client.aclose()


def _received(record: Event | Fact) -> int:
    return record.received


def _home(record: Event | Fact) -> str:
    return record.visitor if isinstance(record, Event) else record.home


async def _applied(workers: list[LaneWorker], log: MemoryLog) -> None:
    """Apply all records, and those that lanes send each other by that."""
    while found := await log.read({one.lane: one.place.offset for one in workers}, limit=1_000, wait_ms=0):
        for lane, entries in found.items():
            await workers[lane].apply(entries)


def _sizes(client: redis.Redis, people: list[_Person]) -> dict[str, float]:
    """Mean bytes, by figure. Every key of the server is somebody's, or of those of which there is one for all."""
    bytes_of: defaultdict[str, float] = defaultdict(float)
    for name in map(bytes.decode, client.scan_iter(count=1_000)):
        kind, _, id = name.rpartition(f"}}:{SITE.key}:")[2].partition(":")
        size = client.memory_usage(name, samples=0) or 0
        if kind in OF_ONE:
            bytes_of[CARD if kind == "card" else _whose(id)] += size
        elif kind == "card-index":
            bytes_of[CARD] += size
        elif name.endswith("}:due"):
            due: Any = client.zrange(name, 0, -1)
            for member in due:
                bytes_of[_whose(member.decode().partition("/")[2])] += size / len(due)
        elif kind not in OF_ALL and f":{SITE.key}:" in name:
            raise RuntimeError(f"nobody's key: {name}")
    mean = {whose: size / len(people) for whose, size in bytes_of.items()}
    return {
        "profile_bytes": mean[OWN],
        "person_bytes": sum(mean.values()) - mean[OTHERS],
        **{f"person_bytes_{whose}": mean[whose] for whose in (BROWSERS, ORDERS, CARD)},
        "contact_bytes": mean[OTHERS],
    }


def _whose(id: str) -> str:
    if is_thing(id):
        return ORDERS if kind_of(id) is ORDER else OTHERS
    return OWN if id[0] == CUSTOMER_PREFIX else BROWSERS
