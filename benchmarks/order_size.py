"""Bytes in Redis of an order of three items: its state, its next deadline, its place among its customer's things."""

from __future__ import annotations

import asyncio
import random
import time
from hashlib import blake2b
from statistics import fmean
from typing import Any

import redis

from benchmarks.figures import Figure, Run, at_most
from benchmarks.services import SmallPath, deployment_at
from benchmarks.visitors import SITE
from crm.sites import SiteFacts
from processor.fold import Fold
from processor.store import Store
from processor.worker import LaneWorker
from wakeline.keys import Keys
from wakeline.lanes import Deployment, lane_of
from wakeline.log.memory import MemoryLog
from wakeline.record import Fact, encode_record
from wakeline.redis.connect import connect

ORDERS = 4_000
ORDERS_OF_ONE = 3  # orders of one customer
ITEMS = 3
NAMES = ("Runner 7 trail shoe", "Canvas bag, large", "Merino hat with band", "Rain jacket, unlined")

FIGURES = (
    Figure("order_bytes", "an order of three items with all that follows: mean of 4,000 orders", at_most(900)),
    Figure("order_bytes_state", "of these, its key with what was said of it"),
    Figure("order_bytes_deadline", "of these, its place in the due set"),
    Figure("order_bytes_naming", "of these, its place in the set of what names its customer"),
)


def measure(run: Run) -> dict[str, float]:
    count = ORDERS // (10 if run.quick else 1)
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    orders = [_order(random.Random(number), number, now) for number in range(count)]
    with SmallPath(run.folder) as path:
        path.start("server")
        client = path.client()
        asyncio.run(_fold(path.config.settings.redis, orders, deployment))
        return _sizes(client, orders, deployment)


def order_body(rng: random.Random) -> dict[str, Any]:
    """What a server tells of an order, with its amounts in minor units."""
    items: list[dict[str, Any]] = [
        {
            "item_id": f"SKU-{rng.randrange(10_000, 100_000)}",
            "item_name": rng.choice(NAMES),
            "item_category": rng.choice(("Shoes", "Bags", "Hats", "Jackets")),
            "item_variant": rng.choice(("blue", "42", "L")),
            "price": rng.randrange(1_000, 20_000),
            "quantity": rng.randint(1, 3),
        }
        for _ in range(ITEMS)
    ]
    value = sum(item["price"] * item["quantity"] for item in items)
    told = {"value": value, "tax": value // 5, "shipping": 495, "currency": "EUR", "channel": "web", "coupon": "MAY10"}
    return told | {"items": items}


def _order(rng: random.Random, number: int, now: int) -> Fact:
    return Fact(
        site=SITE.key, home=f"#{_hash(f'order {number}')}", type="purchase", id=_hash(f"event {number}")[:16],
        time=now, received=now, customer=f"@{_hash(f'customer {number // ORDERS_OF_ONE}')}", body=order_body(rng),
    )  # fmt: skip


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


async def _fold(url: str, orders: list[Fact], deployment: Deployment) -> None:
    client = connect(url)
    log = MemoryLog(deployment.lanes)
    lanes = [(lane_of(order.site, order.home, deployment.lanes), encode_record(order)) for order in orders]
    await log.append(lanes)
    store, sites = Store(client, key_space=Keys()), {SITE.key: SiteFacts(SITE)}
    for lane in range(deployment.lanes):
        fold = Fold(lane, sites=sites, deployment=deployment, key_space=store.keys)
        worker = LaneWorker(fold, store, log, writer="benchmark")
        await worker.open()
        entries = (await log.read({lane: 0}, limit=len(orders), wait_ms=0)).get(lane, [])
        await worker.apply([entry for entry in entries if b'"fact"' in entry.value])
    await client.aclose()


def _sizes(client: redis.Redis, orders: list[Fact], deployment: Deployment) -> dict[str, float]:
    names, site = Keys(), SITE.key

    def size(key: str | bytes) -> int:
        return client.memory_usage(key, samples=0) or 0

    state = fmean(size(names.thing(lane_of(site, one.home, deployment.lanes), site, one.home)) for one in orders)
    due = [names.due(lane) for lane in range(deployment.lanes)]
    deadline = sum(map(size, due)) / sum(client.zcard(key) for key in due)
    naming = sum(map(size, client.scan_iter(match=names.naming(0, site, "*").replace("{0}", "{*}")))) / len(orders)
    return {
        "order_bytes": state + deadline + naming,
        "order_bytes_state": state,
        "order_bytes_deadline": deadline,
        "order_bytes_naming": naming,
    }
