"""What events and facts come to, and how that is bounded where the order of arrival decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.timeline import DAY, START
from wakeline.record import Event, Fact

Found = dict[str, dict[str, Any]]
"""Of each person or order its fields."""
COUNTS = ("page_views", "engaged_ms", "events")
ACTIVITY = ("add_to_cart", "search", "purchase")
ADDING = ("page_view", *ACTIVITY)
HALF_LIFE = 7 * DAY
ZERO = START - DAY
RULE = ("/shoes/", "shoes")  # the site's rule: start of the path, interest
CART = 3.0
BOUGHT = 5.0


class Between(NamedTuple):
    """Numbers, or lists and mappings of which the members count."""

    least: Any
    most: Any

    def holds(self, value: Any) -> bool:
        if isinstance(self.most, dict):
            return all(_is_within(amount, self.most.get(name)) for name, amount in value.items())
        if isinstance(self.most, (list, set)):
            return set(value) <= set(self.most)
        return bool(self.least <= value <= self.most)


def _is_within(value: Any, most: Any) -> bool:
    return value <= most * (1 + 1e-9) if isinstance(most, float) else bool(value == most)


def known_by(events: list[Event], said: Iterable[Event] = ()) -> dict[str, Any]:
    """What these come to. `said`: all of their browsers, if they are not: a page is about the same in every turn."""
    interests: dict[str, float] = defaultdict(float)
    about: dict[str, list[str]] = {}
    for one in said or events:
        if one.type == "page_view":
            about[one.page] = list(
                dict.fromkeys([*([RULE[1]] if one.path.startswith(RULE[0]) else []), *one.interests])
            )
    for one in events:
        weight, names = 0.0, []
        if one.type == "page_view":
            names, weight = about[one.page], 1.0
        elif one.type == "engagement":
            names, weight = about.get(one.page, []), one.engaged_ms / 30_000
        elif one.type == "add_to_cart":
            names, weight = [one.props["category"]], CART
        for name in names:
            interests[name] += weight * 2.0 ** ((one.time - ZERO) / HALF_LIFE)
    times = [one.time for one in events]
    return {
        "page_views": sum(one.type == "page_view" for one in events),
        "engaged_ms": sum(one.engaged_ms for one in events),
        "events": sum(one.type in ACTIVITY for one in events),
        "interests": dict(interests),
        "first_seen": min(times, default=0),
        "last_seen": max(times, default=0),
    }


def at_most(found: dict[str, Any]) -> dict[str, Any]:
    bounded = {name: Between(0, found[name]) for name in COUNTS}
    span = Between(0, found["last_seen"])
    return found | bounded | {
        "interests": Between({}, found["interests"]), "first_seen": span, "last_seen": span,
    }  # fmt: skip


def record_of(facts: list[Fact]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in sorted(facts, key=lambda one: one.time):
        body = one.body
        if one.type == "customer":
            found |= {f"trait:{name}": value for name, value in body["traits"].items()}
        elif one.type == "preference":
            found[f"topic:{body['topic']}"] = {"allowed": body["allowed"]}
        elif one.type == "tag":
            found[f"tag:{body['tag']}"] = not body["removed"]
        elif one.type == "consent":
            found["consent"] = {"level": body["level"]}
    return found
