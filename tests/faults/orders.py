"""Orders that a server tells while the processor is killed: revenue and each customer stay true to the last cent."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.waiting import until
from tests.faults.killed import AGAIN, TIMES_S, folded_again, kill_at_a_time
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.books import LANES
from tests.integration.kill.traffic import SECRET, SITE
from wakeline.account import Account
from wakeline.api_keys import add, new_key
from wakeline.identity import customer_id
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.numbers import ORDERS, ORDERS_BACK, REVENUE, REVENUE_BACK
from wakeline.redis.connect import connect
from wakeline.server_events import PATH
from wakeline.stored_state import part_of

KILLS = 5  # of one seed
ORDERS_TOLD = 300
AT_ONCE = 20  # events of one request
CURRENCIES = ("EUR", "USD", "JPY")
CUSTOMERS = [f"customer-{number}" for number in range(6)]
PAUSE_S = 0.01
AGO_MS = 600_000  # no two events are of the same moment, so that the later one is the last word, and none is to come


@dataclass
class Truth:
    """An order as its till knows it."""

    currency: str
    value: int = 0  # minor units
    customer: str = ""  # the site's own id
    refunds: dict[str, int] = field(default_factory=dict)
    is_cancelled: bool = False

    @property
    def kept(self) -> int:
        return 0 if self.is_cancelled else max(0, self.value - sum(self.refunds.values()))


class Till:
    """Tells purchases, amendments, refunds and cancellations, some of them twice, each until it is answered 202."""

    def __init__(self, rng: random.Random, url: str, key: str) -> None:
        self.truth: dict[str, Truth] = {}
        self.told = 0
        self._rng, self._url = rng, url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ids = itertools.count()
        self._times = itertools.count(time.time_ns() // 1_000_000 - AGO_MS)
        self._said: list[dict[str, Any]] = []

    async def run(self) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            while True:
                events = [self._event() for _ in range(AT_ONCE)]
                while not await self._send(http, events):  # noqa: ASYNC110  nothing says when it can be taken
                    await asyncio.sleep(PAUSE_S)
                self.told += len(events)
                await asyncio.sleep(PAUSE_S)

    async def _send(self, http: aiohttp.ClientSession, events: list[dict[str, Any]]) -> bool:
        try:
            async with http.post(self._url, json={"events": events}, headers=self._headers) as answer:
                return answer.status == 202
        except (aiohttp.ClientError, OSError):
            return False

    def _event(self) -> dict[str, Any]:
        rng = self._rng
        if self._said and rng.random() < 0.1:
            return rng.choice(self._said)  # once more
        number = f"A-{rng.randrange(ORDERS_TOLD)}"
        order = self.truth.setdefault(number, Truth(rng.choice(CURRENCIES)))
        kind = rng.choices(("purchase", "refund", "order_state"), (5, 3, 1))[0]
        event = {"id": f"event-{next(self._ids)}", "type": kind, "time": next(self._times), "transaction_id": number}
        if kind == "purchase":
            order.value = rng.randrange(1, 100_000)
            order.customer = min(rng.choices(CUSTOMERS, k=3))  # some have more orders than are kept one by one
            event |= {"customer": order.customer} | self._amount(order.value, order.currency)
        elif kind == "refund":
            id = f"r-{rng.randrange(3)}"
            order.refunds[id] = rng.randrange(30_000)
            event |= {"refund_id": id} | self._amount(order.refunds[id], order.currency)
        else:
            event["state"] = rng.choice(("paid", "shipped", "cancelled"))
            order.is_cancelled |= event["state"] == "cancelled"
        self._said.append(event)
        return event

    @staticmethod
    def _amount(minor: int, currency: str) -> dict[str, Any]:
        return {"value": str(minor) if currency == "JPY" else f"{minor / 100:.2f}", "currency": currency}

    def wanted(self) -> Counter[str]:
        """What is kept of the orders, by currency, and how many are."""
        known = [order for order in self.truth.values() if order.value]
        found = Counter({"orders": sum(order.kept > 0 for order in known)})
        for order in known:
            found[order.currency] += order.kept
            found[f"{order.customer} {order.currency}"] += order.kept
            found[f"{order.customer} orders"] += order.kept > 0
        return +found


async def killed(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed at random times; its log, folded again with a crash in the middle, must give the same numbers."""
    rng = random.Random(seed)
    stage.collector.start()
    till = Till(rng, f"http://127.0.0.1:{stage.port}{PATH}", await _key(stage))
    telling = asyncio.create_task(till.run())
    await until(lambda: till.told > 0 or telling.done(), "it takes what a server tells")
    for moment in rng.choices(list(TIMES_S), k=KILLS):
        await kill_at_a_time(stage, moment, rng.uniform(*TIMES_S[moment]))
        stage.books.free_the_lease()
    before = till.told
    await until(lambda: till.told > before, "what was begun is told")
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await stage.settle()
    outcome.shows("events", till.told)
    await _compare(stage, till, outcome, Keys(), "")
    with closing(await folded_again(stage, rng)):
        await _compare(stage, till, outcome, Keys(AGAIN), " if folded again")


async def _key(stage: Stage) -> str:
    name, key, stored = new_key(SITE, "till", ["events"], now=time.time_ns() // 1_000_000)
    async with connect(stage.server.url) as redis:
        await add(redis, name, stored)
    return key


async def _compare(stage: Stage, till: Till, outcome: Outcome, names: Keys, when: str) -> None:
    found: Counter[str] = Counter()
    async with connect(stage.server.url) as redis:
        for lane in range(LANES):
            fields: Any = await redis.hgetall(names.totals(lane, SITE))
            totals = {name.decode(): int(count) for name, count in fields.items()}
            found["orders"] += totals.get(ORDERS.name, 0) - totals.get(ORDERS_BACK.name, 0)
            for currency in CURRENCIES:
                gained, back = REVENUE.field(currency), REVENUE_BACK.field(currency)
                found[currency] += totals.get(gained, 0) - totals.get(back, 0)
        for own_id in CUSTOMERS:
            id = customer_id(SECRET, own_id)
            stored = await redis.get(names.state(lane_of(SITE, id, LANES), SITE, id))
            for currency, sums in (part_of(stored).account or Account()).all_time().items():
                found[f"{own_id} {currency}"] += sums.value
                found[f"{own_id} orders"] += sums.orders
    wanted = till.wanted()
    outcome.is_exactly(f"lost{when}", sum((wanted - found).values()), 0)
    outcome.is_exactly(f"doubled{when}", sum((found - wanted).values()), 0)
