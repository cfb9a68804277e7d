"""Requests of servers: orders with three items, contacts, states of orders; one event in ten is for a card."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from wakeline.server_events import PATH

REQUESTS = 128  # created in advance and sent in turn
EVENTS = 100  # in each
CUSTOMERS = 20_000
PRODUCTS = 500
CATEGORIES = ("lamps", "ceramics", "plants", "textiles")
STATES = ("placed", "paid", "shipped", "delivered")
CHANNELS = ("mail", "phone", "chat")


def server_requests(key: str, *, seed: int = 1) -> list[bytes]:
    """REQUESTS different requests of EVENTS events each, with this API key."""
    chance = random.Random(seed)
    now = time.time_ns() // 1_000_000
    return [_request(key, [_event(chance, now, index) for index in range(EVENTS)]) for _ in range(REQUESTS)]


def _request(key: str, events: list[dict[str, Any]]) -> bytes:
    body = json.dumps({"events": events}, separators=(",", ":")).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\n"
        "Host: stats.shop.example\r\n"
        f"Authorization: Bearer {key}\r\n"
        "User-Agent: shop/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _event(chance: random.Random, now: int, index: int) -> dict[str, Any]:
    number = chance.randrange(10**9)
    who = chance.randrange(CUSTOMERS)
    base = {"id": f"e-{number}", "time": now - chance.randrange(60_000), "customer": f"customer-{who}"}
    kind = index % 10
    if kind == 0:
        personal = {"email": f"ann.{who}@shop.example", "name": f"Ann Example {who}", "phone": f"+49 30 {who:06d}"}
        return {**base, "type": "customer", **personal, "traits": {"language": "de", "plan": "basic"}}
    if kind <= 4:
        return {**base, "type": "purchase", "transaction_id": f"A-{number}", **_money(chance), "channel": "web"}
    if kind <= 7:
        return {**base, "type": "order_state", "transaction_id": f"A-{number}", "state": chance.choice(STATES)}
    return {
        **base, "type": "contact", "contact_id": f"K-{number}", "channel": chance.choice(CHANNELS), "direction": "in",
        "topic": "delivery", "state": "opened", "order": f"A-{chance.randrange(10**9)}",
    }  # fmt: skip


def _money(chance: random.Random) -> dict[str, Any]:
    items = [_item(chance) for _ in range(3)]
    value = round(sum(item["price"] * item["quantity"] for item in items), 2)
    return {"value": value, "currency": "EUR", "tax": round(value * 0.19, 2), "shipping": 4.9, "items": items}


def _item(chance: random.Random) -> dict[str, Any]:
    product = chance.randrange(PRODUCTS)
    price = round(5 + product * 0.37, 2)
    return {
        "item_id": f"product-{product}", "item_name": f"Product {product}", "price": price, "cost": round(price / 2, 2),
        "item_category": CATEGORIES[product % len(CATEGORIES)], "quantity": chance.randint(1, 3),
    }  # fmt: skip
