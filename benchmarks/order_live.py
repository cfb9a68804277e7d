"""From an order that a page tells to the site's revenue and its customer's numbers, at a steady rate, among a million
persons.

The event is folded in the lane of its browser, which a customer is linked to; that lane tells the order's, where it
counts, and this one the customer's. The orders of the mix are those that are awaited: there are no others.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from statistics import quantiles
from typing import NamedTuple

import msgspec
import uvloop
from redis.asyncio import Redis

from benchmarks.figures import Figure, Run, below
from benchmarks.live import LOOK_S, QUICK_PER_SECOND, Marker, Wait, Watch, request_of, requests, send
from benchmarks.mix import MIX
from benchmarks.visitors import PER_SECOND, SITE, customer_of, events, hash_of, purchase
from crm.identity.state import decode_customer
from wakeline.commerce import CURRENCY, TRANSACTION_ID, VALUE
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.numbers import REVENUE
from wakeline.redis.connect import connect
from wakeline.settings import Settings
from wakeline.vocabulary.money import minor_units
from wakeline.vocabulary.things import ORDER, thing_id

WARM_S = 3
SECONDS = 50
EVERY = round(100 / MIX.orders)  # one event in so many is an order
VISITORS = 20_000  # returning visitors, from the stand; others tell the orders

FIGURES = (
    Figure("order_p50_ms", f"order told by a page to revenue and its customer's numbers at {PER_SECOND:,} events/s"),
    Figure("order_p99_ms", "the same, 99 of 100", below(500)),
    Figure("order_max_ms", "the same, the slowest"),
)


class Placed(NamedTuple):
    """An order that is told, and what is to be read of it."""

    request: bytes
    customer: str
    currency: str
    value: int  # minor units


def measure(run: Run) -> dict[str, float]:
    seconds, per_second = (3, QUICK_PER_SECOND) if run.quick else (SECONDS, PER_SECOND)
    stand = run.stand()
    stand.fall_due(lambda lane, members: dict.fromkeys(members, stand.now() + DAY_MS))  # after the measurement
    others = VISITORS if len(stand.visitors) > 2 * VISITORS else len(stand.visitors) // 2
    made = requests(per_second * (WARM_S + seconds), stand.visitors[:others], mix=replace(MIX, orders=0))
    linked = (visitor for visitor in stand.visitors[others:] if hash_of(visitor) % 100 < MIX.customers)
    markers = [Marker(request, "") for request in made]
    orders = dict(placed(visitor) for visitor in islice(linked, len(markers[::EVERY])))
    markers[::EVERY] = [Marker(order.request, id) for id, order in orders.items()]
    with stand.path.running("collector", "processor"):
        waited, in_revenue = uvloop.run(_waits(stand.path.config.settings, markers, orders, per_second))
    took = [wait.took for wait in waited if wait.due >= WARM_S]
    at = quantiles(took, n=100, method="inclusive")
    first = quantiles([in_revenue[wait.id] for wait in waited if wait.due >= WARM_S], n=100, method="inclusive")
    run.say(
        f"{len(took)} orders observed, every {1000 * LOOK_S:.0f} ms, the slowest after {1000 * max(took):.0f} ms; "
        f"in the revenue half after {1000 * first[49]:.0f} ms, 99 of 100 after {1000 * first[98]:.0f} ms"
    )
    return {"order_p50_ms": 1000 * at[49], "order_p99_ms": 1000 * at[98], "order_max_ms": 1000 * max(took)}


async def _waits(
    settings: Settings, markers: Sequence[Marker], orders: Mapping[str, Placed], per_second: int
) -> tuple[list[Wait], dict[str, float]]:
    """The waits for all orders, and the seconds after which each was in the revenue."""
    watch = OrderWatch(connect(settings.redis), orders, lanes=settings.lanes)
    await watch.note()
    return await send(settings.port, markers, watch, per_second=per_second), watch.in_revenue


def placed(visitor: str) -> tuple[str, Placed]:
    """The id in keys of a new order, and the order, told by a visitor who is linked to a customer."""
    now = time.time_ns() // 1_000_000
    chance = random.Random(secrets.randbits(32))
    view = events(2, visitors=[visitor], end=now, seed=chance.getrandbits(32))[0]
    type, said = purchase(chance)
    request = request_of(msgspec.structs.replace(view, type=type, n=view.n + 1, props=said), now)
    id, currency = thing_id(SITE.secret, ORDER, said[TRANSACTION_ID]), said[CURRENCY]
    return id, Placed(request, customer_of(visitor), currency, minor_units(said[VALUE], currency))


class OrderWatch(Watch):
    """Awaits orders, each in the revenue of its lane and in the account of its customer.

    An order is in the revenue if the order itself is there, whose lane writes both at once, and the revenue has risen
    by its value and those of all that were found before. After that its customer is looked at, from the next look on.
    """

    def __init__(self, redis: Redis, orders: Mapping[str, Placed], *, lanes: int) -> None:
        super().__init__(redis)
        self.in_revenue: dict[str, float] = {}  # order -> seconds until it was
        self._orders = orders
        self._lanes = lanes
        self._found: dict[tuple[int, str], int] = {}  # (lane, currency) -> its revenue with the orders found so far

    async def note(self) -> None:
        """Note the revenue before the orders."""
        places = sorted({(self._lane(id), order.currency) for id, order in self._orders.items()})
        pipe = self.redis.pipeline(transaction=False)
        for lane, currency in places:
            pipe.hget(Keys().totals(lane, SITE.key), REVENUE.field(currency))
        self._found = {place: int(known or 0) for place, known in zip(places, await pipe.execute(), strict=True)}

    async def there(self, ids: Sequence[str]) -> AsyncIterator[str]:
        uncounted = [id for id in ids if id not in self.in_revenue]
        counted = [id for id in ids if id in self.in_revenue]
        pipe = self.redis.pipeline(transaction=False)
        for id in uncounted:
            lane = self._lane(id)
            pipe.exists(Keys().thing(lane, SITE.key, id))
            pipe.hget(Keys().totals(lane, SITE.key), REVENUE.field(self._orders[id].currency))
        for id in counted:
            customer = self._orders[id].customer
            pipe.get(Keys().state(self._lane(customer), SITE.key, customer))
        read = await pipe.execute()
        states = read[2 * len(uncounted) :]
        del read[2 * len(uncounted) :]
        for id, exists, revenue in zip(uncounted, read[::2], read[1::2], strict=True):
            if exists:
                self._find(id, int(revenue or 0))
        for id, state in zip(counted, states, strict=True):
            if self._is_booked(id, state):
                yield id

    def _find(self, id: str, revenue: int) -> None:
        order = self._orders[id]
        place = self._lane(id), order.currency
        if revenue >= self._found[place] + order.value:
            self._found[place] += order.value
            self.in_revenue[id] = asyncio.get_running_loop().time() - self.outstanding[id]

    def _is_booked(self, id: str, state: bytes | None) -> bool:
        """Whether the account in a customer's stored state has the order."""
        account = decode_customer(state).account if state is not None else None
        booking = account.orders.get(id) if account is not None else None
        return booking is not None and booking.value == self._orders[id].value

    def _lane(self, id: str) -> int:
        return lane_of(SITE.key, id, self._lanes)
