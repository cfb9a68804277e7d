"""Forged identification as a customer."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tests.abuse.stage import Stage
from tests.abuse.wire import OTHER_SECRET, OTHER_SITE, SECRET, SITE, envelope, event, now_ms, post, request
from tests.faults.outcome import Outcome
from wakeline.event import MAX_AGE_MS
from wakeline.identity import customer_id, signature

VICTIM, MALLORY = "customer-1", "mallory"
OURS = signature(SECRET, VICTIM)
OPEN = {"site": "open"}  # a site without a secret

# what is claimed: the event's fields, the envelope's
FORGED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no signature": ({}, {}),
    "an empty signature": ({"signature": ""}, {}),
    "null": ({"signature": None}, {}),
    "another site's": ({"signature": signature(OTHER_SECRET, VICTIM)}, {}),
    "another customer's": ({"signature": signature(SECRET, MALLORY)}, {}),
    "that of the id in another case": ({"signature": signature(SECRET, VICTIM.upper())}, {}),
    "of an empty secret": ({"signature": signature("", VICTIM)}, {}),
    "of the visitor": ({"signature": signature(SECRET, "visitor-mallory")}, {}),
    "no HMAC but a hash": ({"signature": hashlib.sha256((SECRET + VICTIM).encode()).hexdigest()}, {}),
    "of another hash": ({"signature": hmac.new(SECRET.encode(), VICTIM.encode(), "sha1").hexdigest()}, {}),
    "cut": ({"signature": OURS[:32]}, {}),
    "with one digit changed": ({"signature": OURS[:-1] + ("0" if OURS[-1] != "0" else "1")}, {}),
    "with a space": ({"signature": OURS + " "}, {}),
    "in digits of another script": ({"signature": OURS.translate({48 + n: 0xFF10 + n for n in range(10)})}, {}),
    "of the id with a space": ({"id": VICTIM + " ", "signature": OURS}, {}),
    "our own at the other site": ({"signature": OURS, "url": "https://other.example/"}, {"site": OTHER_SITE}),
    "our own, of eight days ago": ({"signature": OURS, "time": now_ms() - MAX_AGE_MS - 86_400_000}, {}),
    "our own without consent": ({"signature": OURS}, {"consent": "anonymous"}),
    "our own after a withdrawal": ({"signature": OURS}, {"consent": "off"}),
    "at a site without a secret": ({"signature": signature("", VICTIM)}, OPEN),
    "at a site without a secret, none": ({"signature": ""}, OPEN),
    "expired": ({"signature": signature(SECRET, f"{VICTIM}\n1700000000000"), "expires": 1_700_000_000_000}, {}),
    "another end than was signed": (
        {"signature": signature(SECRET, f"{VICTIM}\n1700000000000"), "expires": 1 << 53},
        {},
    ),
    "an end that was not signed": ({"signature": OURS, "expires": 1 << 53}, {}),
    "without the end that was signed": ({"signature": signature(SECRET, f"{VICTIM}\n9007199254740992")}, {}),
    "the pseudonym itself": ({"id": customer_id(SECRET, VICTIM), "signature": OURS}, {}),
}


async def forged(stage: Stage, outcome: Outcome) -> None:
    """None links a visitor to a customer; the genuine identify at the end does."""
    await stage.start("collector", "processor")
    taken = []
    for name, (fields, around) in FORGED.items():
        claim = event(**{"type": "identify", "visitor": "visitor-mallory", "id": VICTIM, **fields})
        origin = "https://other.example" if around.get("site") == OTHER_SITE else "https://shop.example"
        if await post(stage.port, request(envelope(claim, **around), Origin=origin)) == 202:
            taken.append(name)
    for site in (SITE, OTHER_SITE, "open"):
        seen = event(
            visitor="visitor-mallory", url="https://other.example/" if site == OTHER_SITE else "https://shop.example/"
        )
        origin = "https://other.example" if site == OTHER_SITE else "https://shop.example"
        assert await post(stage.port, request(envelope(seen, site=site), Origin=origin)) == 202
    await stage.settle()
    outcome.shows("forgeries", len(FORGED))
    outcome.is_exactly("taken", len(taken), 0)
    outcome.is_exactly("joined by them", _joined(stage), 0)
    true = event(type="identify", visitor="visitor-of-one", id=VICTIM, signature=OURS)
    assert await post(stage.port, request(envelope(event(visitor="visitor-of-one"), true))) == 202
    await stage.settle()
    outcome.is_exactly("joined by a true one", _joined(stage), 1)
    if taken:
        outcome.note(f"taken: {', '.join(taken)}")


def _joined(stage: Stage) -> int:
    """Visitors whose profile names a customer."""
    return sum(stage.redis.hexists(key, "customer") for key in stage.stored("wl1:*:profile:visitor-*"))
