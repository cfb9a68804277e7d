"""What is known of each person, computed from the set of what was said: no order of arrival, and nothing of the engine.

Of each field either the value, or the least and the most that it may be where the order decides: see DEPENDS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.identity_cases.said import Record, Story
from tests.timeline import DAY, START
from wakeline.record import Erase, Event, Fact

DEPENDS = {
    "the number of visits, the visit that is shown, where a visit came from": (
        "a late event belongs to no visit that has ended, and joins two that have not"
    ),
    "`first_seen` and `last_seen` of a customer": (
        "an event that counts nothing, such as a ping, reaches the customer with the next one that does"
    ),
    "what happened after an erasure or a withdrawal": "what arrives before that goes with it",
    "whom else the end of a browser reaches": (
        "its customer, and the customer's other browsers, as they are linked when it arrives"
    ),
    "facts of after an erasure": "they count from the arrival of the one that says `returns`",
    "the customer of an order that only a page told": "that of its browser when the purchase arrives",
    "two customers of one browser": "what arrived before the second `identify` stays with the first",
    "which interests of a person with more than 64 are left": "the weakest go whenever there are more",
}
"""What depends on the order of arrival, and why; docs/privacy.md says the same."""

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


class End(NamedTuple):
    """An erasure (of a customer: with its record) or a withdrawal at a time; `is_whole`: for all browsers of it."""

    time: int
    is_erasure: bool
    is_whole: bool
    by: str = ""  # the browser that it is of


def expected(story: Story) -> Found:
    return _Oracle(story.records).all()


class _Oracle:
    def __init__(self, records: Iterable[Record]) -> None:
        self._events: dict[str, dict[tuple[str, int], Event]] = defaultdict(dict)
        self._facts: dict[str, dict[str, Fact]] = defaultdict(dict)
        self._ends: dict[str, list[End]] = defaultdict(list)  # of a visitor or a customer, as they were told of it
        for record in records:
            if isinstance(record, Erase):
                self._ends[record.id].append(End(record.time, True, True))
            elif isinstance(record, Fact):
                self._facts[record.home][record.id] = record
                if record.type == "forget" or record.body.get("level") in ("off", "anonymous"):
                    self._ends[record.home].append(End(record.time, record.type == "forget", True))
            else:
                self._events[record.visitor][record.page, record.n] = record
                if record.type == "consent":
                    self._ends[record.visitor].append(End(record.time, False, False))
        self._links = {
            visitor: sorted((one.time, one.customer) for one in events.values() if one.type == "identify")
            for visitor, events in self._events.items()
        }
        self._withdrew = {
            visitor for visitor, events in self._events.items() for one in events.values() if one.type == "consent"
        }
        self._of = {visitor: links[0][1] for visitor, links in self._links.items() if links}
        self._reached = {customer: self._ends_of(customer) for customer in self._customers()}

    def _customers(self) -> set[str]:
        named = {fact.customer for facts in self._facts.values() for fact in facts.values()}
        return {id for id in (*self._of.values(), *self._facts, *self._ends, *named) if id[:1] == "@"}

    def _ends_of(self, customer: str) -> list[End]:
        """Its own, and those of browsers that were identified as it before."""
        found = list(self._ends[customer])
        for visitor in self._browsers(customer):
            first = self._links[visitor][0][0]
            found += [End(one.time, one.is_erasure, False, visitor) for one in self._ends[visitor] if first <= one.time]
        return found

    def _browsers(self, customer: str) -> list[str]:
        return sorted(visitor for visitor, of in self._of.items() if of == customer)

    def all(self) -> Found:
        found = {visitor: self._visitor(visitor) for visitor in self._events}
        found |= {customer: self._customer(customer) for customer in self._customers()}
        return found | {home: self._order(list(facts.values())) for home, facts in self._all_of_orders().items()}

    # ---- browsers

    def _visitor(self, visitor: str) -> dict[str, Any]:
        events = list(self._events[visitor].values())
        if visitor in self._withdrew:
            return _known_by([]) | {"customer": ""}
        customer = self._of.get(visitor, "")
        latest = self._links[visitor][-1][0] if customer else 0
        ends = [end.time for end in self._ends[visitor]]
        reached = self._reached.get(customer, [])
        may_end = [*ends]
        is_unlinked = len(reached) > 1 and any(not end.is_erasure and not end.is_whole for end in reached)
        for end in reached:
            if end.is_erasure or end.is_whole:  # it goes with its customer, if it is still linked by then
                may_end.append(end.time)
                if latest <= end.time and not is_unlinked:
                    ends.append(end.time)
        cut = max(ends, default=0)
        left = [one for one in events if one.time > cut]
        found = _known_by(left)
        if may_end and left:
            found = _at_most(found)
        gone = max((*ends, *(end.time for end in reached)), default=0)
        found["customer"] = customer if latest > gone else ""
        if len(may_end) + len(reached) > 1 or (may_end and customer):
            found["customer"] = Between([], ["", customer])
        return found

    # ---- customers

    def _customer(self, customer: str) -> dict[str, Any]:
        ends = self._reached[customer]
        browsers = self._browsers(customer)
        clear = [one for one in browsers if not self._ends[one]]
        found = _known_by([one for visitor in browsers for one in self._events[visitor].values()])
        found["visitors"] = browsers
        facts = [one for one in self._facts[customer].values() if one.type != "forget"]
        heard = [one.time for one in facts]
        heard += [
            one.time for home in self._facts if home[0] == "#" for one in self._facts[home].values()
            if one.customer == customer
        ]  # fmt: skip
        found["record"] = _record(facts)
        if not ends and clear == browsers:
            return found | self._times(browsers, heard)
        latest = max((end.time for end in ends), default=0)
        again = [one for one in browsers if self._links[one][-1][0] > latest]
        found = _at_most(found) if again or not ends else _known_by([]) | {"visitors": []}
        del found["first_seen"], found["last_seen"]
        found["visitors"] = Between([], again if ends else browsers)
        erasures = [end for end in ends if end.is_erasure]
        found["record"] = {} if erasures else _record(facts)
        if erasures and len(ends) > 1 and not any(end.is_whole for end in erasures):
            found["record"] = Between({}, _record(facts))
        return found

    def _times(self, browsers: list[str], heard: list[int]) -> dict[str, Any]:
        """When it was first and last heard of: an event that adds nothing is told with the next one that does."""
        events = [one for visitor in browsers for one in self._events[visitor].values()]
        every = [*heard, *(one.time for one in events)]
        adds = [one.time for one in events if one.type in ADDING or one.engaged_ms]
        if not every:
            return {"first_seen": 0, "last_seen": 0}
        firsts = [*adds, *heard, *(self._links[visitor][-1][0] for visitor in browsers)]
        lasts = [*adds, *heard, *(self._links[visitor][0][0] for visitor in browsers)]
        return {"first_seen": Between(min(every), min(firsts)), "last_seen": Between(max(lasts), max(every))}

    # ---- orders

    def _all_of_orders(self) -> dict[str, dict[Any, Any]]:
        found: dict[str, dict[Any, Any]] = defaultdict(dict)
        for home, facts in self._facts.items():
            if home[0] == "#":
                found[home] |= facts
        for events in self._events.values():
            for key, one in events.items():
                if one.order:
                    found[one.order][key] = one
        return found

    def _order(self, told: list[Event | Fact]) -> dict[str, Any]:
        """What servers say is above what pages say; then the later prevails."""
        told.sort(key=lambda one: (isinstance(one, Fact), one.time))
        found: dict[str, Any] = {}
        for one in told:
            said = one.body if isinstance(one, Fact) else one.props
            if one.type == "purchase" and "value" in said:
                found["value"] = said["value"] * (1 if isinstance(one, Fact) else 100)
            elif one.type == "refund":
                found[f"refund {said['refund_id']}"] = said["value"]
            elif one.type == "order_state":
                found[said["state"]] = min(found.get(said["state"], one.time), one.time)
            if isinstance(one, Fact) and one.customer:
                found["customer"] = "" if self._is_erased(one.customer, one.time) else one.customer
        named = [one for one in told if isinstance(one, Fact) and one.customer]
        if named and self._may_be_erased(named[-1].customer, named[-1].time):
            found["customer"] = Between([], ["", named[-1].customer])
        return found

    def _is_erased(self, customer: str, time: int) -> bool:
        return any(end.is_erasure and time <= end.time for end in self._reached[customer])

    def _may_be_erased(self, customer: str, time: int) -> bool:
        """One of several ends, which may or may not have come through."""
        ends = self._reached[customer]
        return len(ends) > 1 and any(end.is_erasure and not end.is_whole for end in ends)


def _known_by(events: list[Event]) -> dict[str, Any]:
    interests: dict[str, float] = defaultdict(float)
    about: dict[str, list[str]] = {}
    for one in sorted(events, key=lambda one: one.type != "page_view"):
        weight, names = 0.0, []
        if one.type == "page_view":
            names = about[one.page] = list(
                dict.fromkeys([*([RULE[1]] if one.path.startswith(RULE[0]) else []), *one.interests])
            )
            weight = 1.0
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


def _at_most(found: dict[str, Any]) -> dict[str, Any]:
    bounded = {name: Between(0, found[name]) for name in COUNTS}
    span = Between(0, found["last_seen"])
    return found | bounded | {
        "interests": Between({}, found["interests"]), "first_seen": span, "last_seen": span,
    }  # fmt: skip


def _record(facts: list[Fact]) -> dict[str, Any]:
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
