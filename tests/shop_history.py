"""Four weeks of the simulated shop as a history: its pages, and what its other departments tell (`departments`).

Seeded, with a fixed clock, so always identical byte for byte.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from collector.agents import agent_of
from collector.budget import NewProfiles
from collector.context import RequestContext
from collector.memory import Memory
from collector.policy import Policy
from collector.steps import cleaned
from demo.browser import Delivery
from demo.people import Crowd
from demo.simulator import categories
from demo.visitors import Visit, visit
from tests.departments import Departments
from tests.sealed import seal
from wakeline.config import load
from wakeline.durations import DAY_MS
from wakeline.event import ConsentLevel, decode_event
from wakeline.history import History
from wakeline.record import Event
from wakeline.vocabulary.things import ORDER, thing_id

SITE = load(Path(__file__).parents[1] / "demo" / "wakeline.toml", {}, {}).sites["demo"]
SEED = 5
MONDAY = 1_793_577_600_000  # 2026-11-02, midnight UTC
DAYS = 28
END = MONDAY + DAYS * DAY_MS
VISITS_A_DAY = 70


class StandingSalts:
    """A new salt each day, derived from its date: real ones are random, and are destroyed."""

    def salt(self, site: str, time: int) -> bytes:
        return hashlib.sha256(f"{site} {time // DAY_MS}".encode()).digest()

    def oldest(self, site: str) -> int:
        return 0


def shop_history(folder: Path) -> History:
    pages = list(records())
    told = Departments(SITE, start=MONDAY, end=END).facts([record for _, record in pages])
    came = [*pages, *((fact.received, fact) for fact in told if fact.time < END)]
    return seal(folder, sorted(came, key=lambda each: each[0]))


def records() -> Iterator[tuple[int, Event]]:
    """Each event with its append time, ms, as the collector would have stored it."""
    policy = Policy(SITE)
    for one in visits():
        for delivery in one.deliveries:
            arrival = arrival_of(one, delivery, policy)
            for raw in delivery.envelope.events:
                record = cleaned(decode_event(raw), arrival)
                assert isinstance(record, Event), record
                yield delivery.at + 20, of_today(record)


TYPES = {"view_list": "view_item_list", "view_product": "view_item", "checkout": "begin_checkout"}
ITEM = {"product": "item_id", "category": "item_category", "price": "price", "quantity": "quantity"}


def of_today(event: Event) -> Event:
    """An event of the shop under the names of today."""
    type, props = TYPES.get(event.type, event.type), dict(event.props)
    if "product" in props:
        item = {name: props.pop(former) for former, name in ITEM.items() if former in props}
        props |= {"value": item["price"] * item.get("quantity", 1), "items": [item]}
    elif "price" in props:
        items = [{ITEM[name]: value for name, value in item.items()} for item in props["items"]]
        props |= {"value": props.pop("price"), "items": items}
    if "order" in props:
        props["transaction_id"] = props.pop("order")
    order = event.order or thing_id(SITE.secret, ORDER, props["transaction_id"]) if type == "purchase" else ""
    return replace(event, type=type, props=props, order=order)


def visits() -> Iterator[Visit]:
    chance = random.Random(SEED)
    crowd = Crowd(chance, categories())
    starts = sorted(
        MONDAY + day * DAY_MS + minute_of(chance) * 60_000 for day in range(DAYS) for _ in range(VISITS_A_DAY)
    )
    for start in starts:
        one = visit(crowd.arrive(), SITE, chance, start)
        yield one
        crowd.leave(one.person)


def minute_of(chance: random.Random) -> int:
    """Minute of the day: few visitors at night, most in the evening."""
    while True:
        minute = chance.randrange(24 * 60)
        if chance.random() < 0.55 - 0.45 * math.cos((minute / 60 - 6) / 24 * 2 * math.pi + 0.6):
            return minute


async def no_bound() -> None:
    return None


def arrival_of(one: Visit, delivery: Delivery, policy: Policy) -> RequestContext:
    person, envelope = one.person, delivery.envelope
    is_capped = person.has_gpc and envelope.consent is ConsentLevel.FULL
    consent = ConsentLevel.ANONYMOUS if is_capped else envelope.consent
    found = arrived(policy, consent, at=delivery.at, address=person.address, user_agent=person.user_agent)
    found.is_capped, found.sent, found.has_gpc = is_capped, envelope.sent, person.has_gpc
    return found


def arrived(policy: Policy, consent: ConsentLevel, *, at: int, address: str, user_agent: str) -> RequestContext:
    """A request that was sent and received `at` (ms)."""
    return RequestContext(
        policy=policy,
        salts=StandingSalts(),  # type: ignore[arg-type]
        profiles=NewProfiles(0, memory=Memory(no_bound)),
        consent=consent,
        is_capped=False,
        origin=None,
        sent=at,
        received=at,
        address=address,
        user_agent=user_agent,
        agent=agent_of(user_agent),
        country="",
        is_own=False,
    )
