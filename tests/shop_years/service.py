"""What the service desk, the workshop, the mailer and the marketing tell, as events of a server."""

from __future__ import annotations

import random
from typing import Any

from tests.shop_years.decided import Cost, Customer, text
from wakeline.durations import MINUTE_MS

CHANNELS = ("phone", "mail", "chat")
ID_OF = {"contact": "contact_id", "service_order": "service_id", "campaign_sent": "sent_id"}


def same(customer: Customer, time: int) -> dict[str, Any]:
    """Two ids are of one customer."""
    return {"id": f"{customer.id}-same", "type": "alias", "time": time, "customer": customer.id,
            "other": customer.other_id}  # fmt: skip


def forgotten(customer: str, time: int) -> dict[str, Any]:
    return {"id": f"{customer}-forgotten", "type": "forget", "time": time, "customer": customer}


def events(cost: Cost, chance: random.Random) -> list[dict[str, Any]]:
    """Of one thing: what is known at once, or later in an event of its own."""
    event: dict[str, Any] = {"id": cost.id, "type": cost.type, "time": cost.time, "customer": cost.customer}
    if cost.type in ID_OF:
        event[ID_OF[cost.type]] = cost.id
    else:
        event["promotion"] = "two years"
    if cost.type == "campaign_sent":
        event |= {"campaign": cost.campaign, "medium": cost.medium}
        if cost.element:
            event["element"] = cost.element
    if cost.type == "contact":
        event |= {"channel": chance.choice(CHANNELS), "topic": "delivery"}
    more: dict[str, Any] = {}
    if cost.minutes is not None:
        more["minutes"] = float(cost.minutes)
    if cost.cost is not None:
        more |= {"cost": text(cost.cost, cost.currency), "currency": cost.currency}
    if cost.type in ("contact", "service_order") and more and chance.random() < 0.3:
        later = event | {"id": f"{cost.id}-done", "time": cost.time + 5 * MINUTE_MS}
        return [event, later | more]
    return [event | more, *(_happened(cost, event, number) for number in range(len(cost.happened)))]


def _happened(cost: Cost, sent: dict[str, Any], number: int) -> dict[str, Any]:
    what, time, link = cost.happened[number]
    named = {name: sent[name] for name in ("customer", "sent_id", "campaign")}
    found = {"id": f"{cost.id}-{number}", "type": f"campaign_{what}", "time": time, **named}
    return found | ({"element": {"link": link}} if link else {})
