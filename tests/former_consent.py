"""People with profiles, records, cards and links, as the version left them in whose records of customers no consent was
that a page had told: `former_consent.json.gz` beside this file, which tests/test_former_consent.py continues.

`python -m tests.former_consent`, run in a checkout of that version, writes it; nothing waits in its outboxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cards import card
from tests.former import write
from tests.timeline import DAY, MINUTE, START, event, fact
from wakeline.record import Erase, Event, Fact, Record

FILE = Path(__file__).with_name("former_consent.json.gz")
JO, BEN, GONE, ERASED = PEOPLE = ("@jo", "@ben", "@gone", "@erased")
BROWSERS = ("phone", "laptop", "tablet", "lone", "left")
ORDERS = tuple(f"#{n:032x}" for n in range(3))
CONTACT = "#contact:" + "2" * 32
CARDS = tuple(card(one, 2 * MINUTE, own_id=f"{one[1:]}-1042", email=f"{one[1:]}@mail.example") for one in (JO, BEN))
MONEY = {"value": 1_250, "currency": "EUR"}


def agreed(browser: str, n: int, at: int, version: str, **more: Any) -> Event:
    return event(browser, f"{browser}-1", n, at, "consent", level="full", props={"version": version, **more})


def records() -> list[Record | bytes]:
    """In the order in which they arrived."""
    pages = [
        event("phone", "phone-1", 0, 0, path="/shoes/red", interests=["Leather"]),
        agreed("phone", 1, 1_000, "1", wording="May we remember you?"),
        agreed("phone", 2, 2_000, "2", wording="May we remember you?", purposes=["personalise"]),
        event("phone", "phone-1", 3, 3_000, "identify", customer=JO),
        event("phone", "phone-2", 0, DAY, path="/bags/one"),
        event("phone", "phone-2", 1, DAY + 1, "purchase", order=ORDERS[0], props=MONEY),
        event("laptop", "laptop-1", 0, MINUTE, path="/shoes/blue"),
        event("laptop", "laptop-1", 1, MINUTE + 1, "identify", customer=BEN),
        agreed("laptop", 2, MINUTE + 2, "3", purposes=[]),
        event("tablet", "tablet-1", 0, MINUTE),
        agreed("tablet", 1, MINUTE + 1, "4"),
        event("tablet", "tablet-1", 2, MINUTE + 2, "identify", customer=BEN),
        event("tablet", "tablet-2", 0, DAY),
        event("tablet", "tablet-2", 1, DAY + 1, "identify", customer=JO),
        event("lone", "lone-1", 0, MINUTE, path="/shoes/red"),
        agreed("lone", 1, MINUTE + 1, "5"),
        event("left", "left-1", 0, MINUTE, path="/shoes/red"),
        agreed("left", 1, MINUTE + 1, "6"),
        event("left", "left-1", 2, MINUTE + 2, "identify", customer=GONE),
        event("left", "left-1", 3, DAY, "consent", level="off"),
    ]
    told = [
        fact(JO, "customer", MINUTE, {"traits": {"plan": "gold"}, "orders_before": 3}, told=["own_id", "email"]),
        fact(JO, "preference", MINUTE, {"channel": "mail", "allowed": False}),
        fact(BEN, "tag", MINUTE, {"tag": "vip"}, told=["own_id", "email"]),
        fact(GONE, "customer", MINUTE, {"traits": {"plan": "silver"}}),
        fact(ERASED, "customer", MINUTE, {"traits": {"plan": "tin"}}),
        fact(ORDERS[0], "purchase", DAY + 2, MONEY, customer=JO),
        fact(ORDERS[1], "purchase", MINUTE, MONEY, customer=JO),
        fact(ORDERS[2], "purchase", 2 * MINUTE, MONEY, customer=BEN),
        fact(CONTACT, "contact", 2 * MINUTE, {"channel": "phone", "state": "opened"}, customer=BEN),
    ]
    inner: list[Event | Fact] = sorted([*pages, *told], key=lambda one: one.time)
    return [*inner, Erase("shop", ERASED, START + DAY)]


if __name__ == "__main__":
    write(FILE, records(), cards=CARDS)
