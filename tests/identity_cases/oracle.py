"""What is known of each person, computed from the set of what was said: no order of arrival, and nothing of the engine.

Of each field either the value, or the least and the most that it may be where the order decides: see DEPENDS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.identity_cases.amounts import ADDING, COUNTS, Between, Found, at_most, known_by, record_of
from tests.identity_cases.said import Record, Story
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
    "facts of after an erasure": (
        "they count from the arrival of the one that says `returns`, in a replay also if the erasure came after it, "
        "or the alias"
    ),
    "the customer of an order that only a page told": "a browser that is identified late or later claims its "
    "latest four orders; older ones stay with whom they named",
    "two customers of one browser": (
        "a late `identify` moves what arrived in the last ten minutes, at most 16 records; older stays with the other"
    ),
    "which interests of a person with more than 64 are left": "the weakest go whenever there are more",
}
"""What depends on the order of arrival, and why; docs/privacy.md says the same."""

EVERYBODY = "everybody"  # stands for the sum of all customers


class End(NamedTuple):
    """An erasure (of a customer: with its record) or a withdrawal at a time; `is_whole`: for all browsers of it."""

    time: int
    is_erasure: bool
    is_whole: bool
    by: str = ""  # the browser that it is of


def expected(story: Story, *, in_order: bool) -> Found:
    """`in_order`: all of it arrives in the order in which it happened."""
    return _Oracle(story.records, in_order=in_order).all()


class _Oracle:
    def __init__(self, records: Iterable[Record], *, in_order: bool) -> None:
        self._in_order = in_order
        self._events: dict[str, dict[tuple[str, int], Event]] = defaultdict(dict)
        self._facts: dict[str, dict[str, Fact]] = defaultdict(dict)
        self._ends: dict[str, list[End]] = defaultdict(list)  # of a visitor or a customer, as they were told of it
        self._person: dict[str, frozenset[str]] = {}  # customer -> all ids of the same person
        self._withdrew: dict[str, int] = {}  # visitor -> when its page said so first, ms
        for record in records:
            if isinstance(record, Erase):
                self._ends[record.id].append(End(record.time, True, True))
            elif isinstance(record, Fact):
                self._facts[record.home][record.id] = record
                if record.type == "forget" or record.body.get("level") in ("off", "anonymous"):
                    self._ends[record.home].append(End(record.time, record.type == "forget", True))
                elif record.type == "alias":
                    joined = self._ids(record.home) | self._ids(record.body["other"])
                    self._person |= dict.fromkeys(joined, joined)
            else:
                self._events[record.visitor][record.page, record.n] = record
                if record.type == "consent":
                    self._ends[record.visitor].append(End(record.time, False, False))
                    former = self._withdrew.get(record.visitor, record.time)
                    self._withdrew[record.visitor] = min(former, record.time)
        self._links = {visitor: links for visitor in self._events if (links := self._links_of(visitor))}
        self._on = {visitor: {customer for _, customer in links} for visitor, links in self._links.items()}
        self._reached = {customer: self._ends_of(customer) for customer in self._customers()}

    def _ids(self, customer: str) -> frozenset[str]:
        return self._person.get(customer, frozenset([customer]))

    def _links_of(self, visitor: str) -> list[tuple[int, str]]:
        """Who has withdrawn is identified no more."""
        found = [(one.time, one.customer) for one in self._events[visitor].values() if one.type == "identify"]
        return sorted(link for link in found if link[0] < self._withdrew.get(visitor, link[0] + 1))

    def _customers(self) -> set[str]:
        named = {fact.customer for facts in self._facts.values() for fact in facts.values()}
        linked = {customer for customers in self._on.values() for customer in customers}
        return {id for id in (*linked, *self._person, *self._facts, *self._ends, *named) if id[:1] == "@"}

    def _ends_of(self, customer: str) -> list[End]:
        """Those of all its ids, and those of browsers that were identified as one of them before."""
        found = [end for id in sorted(self._ids(customer)) for end in self._ends[id]]
        for visitor in self._browsers(self._ids(customer)):
            first = self._links[visitor][0][0]
            found += [
                End(one.time, one.is_erasure, False, visitor)
                for one in self._ends[visitor]
                if first <= one.time and (one.is_erasure or self._may_be_turn(visitor, one.time, customer))
            ]
        return found

    def _may_be_turn(self, visitor: str, time: int, customer: str) -> bool:
        """A withdrawal is of whose turn it was, as far as that was known when it arrived."""
        if not self._in_order:
            return True
        return [link for link in self._links[visitor] if link[0] <= time][-1][1] in self._ids(customer)

    def _browsers(self, customers: Iterable[str]) -> list[str]:
        return sorted(visitor for visitor, on in self._on.items() if on & set(customers))

    def _may_end(self, visitor: str) -> bool:
        """By itself, or with one of those whose turns it had."""
        return bool(self._ends[visitor] or any(self._reached[one] for one in self._on[visitor]))

    def _is_divided(self, customer: str) -> bool:
        """Whether an end may reach a part of what is known: it has several ids, or a browser was somebody else's."""
        ids = self._ids(customer)
        return len(ids) > 1 or any(len(self._on[visitor]) > 1 for visitor in self._browsers(ids))

    def all(self) -> Found:
        found = {visitor: self._visitor(visitor) for visitor in self._events}
        found |= {customer: self._customer(customer) for customer in self._customers()}
        if not any(self._ends.values()):
            told = known_by([one for visitor in self._on for one in self._events[visitor].values()])
            found[EVERYBODY] = {name: told[name] for name in COUNTS}
        return found | {home: self._order(list(facts.values())) for home, facts in self._all_of_orders().items()}

    # ---- browsers

    def _visitor(self, visitor: str) -> dict[str, Any]:
        events = list(self._events[visitor].values())
        if visitor in self._withdrew:
            return known_by([]) | {"customer": ""}
        latest, customer = self._links.get(visitor, [(0, "")])[-1]
        on = self._on.get(visitor, set())
        ends = [end.time for end in self._ends[visitor]]
        reached = [end for one in on for end in self._reached[one]]
        with_customer = [end.time for end in reached if end.is_erasure or end.is_whole]
        may_end = [*ends, *with_customer]
        is_unlinked = len(reached) > 1 and any(not end.is_erasure and not end.is_whole for end in reached)
        first = min(with_customer, default=0)  # that ends the link: a further one may not reach it any more
        if latest <= first <= min(ends, default=first) and not is_unlinked and not self._is_divided(customer):
            ends.append(first)
        if len(reached) == len(on) == 1 and self._is_covered(self._ids(customer), [visitor], []):
            ends.append(reached[0].time)
        cut = max(ends, default=0)
        left = [one for one in events if one.time > cut]
        found = known_by(left)
        if may_end and left:
            found = at_most(found)
        gone = max((*ends, *(end.time for end in reached)), default=0)
        found["customer"] = customer if latest > gone else ""
        is_shared = any(end.by and len(self._on[end.by]) > 1 for end in reached)  # perhaps it was another's turn there
        if len(may_end) + len(reached) > 1 or (may_end and customer) or (reached and len(on) > 1) or is_shared:
            found["customer"] = Between([], ["", *on])
        return found

    # ---- customers

    def _customer(self, customer: str) -> dict[str, Any]:
        ids, ends = self._ids(customer), self._reached[customer]
        own, browsers = self._browsers([customer]), self._browsers(ids)
        clear = [one for one in browsers if not self._ends[one]]
        listed = Between([], own) if any(map(self._may_end, own)) else own
        if customer != min(ids):  # the smallest keeps what is known
            return known_by([]) | {"visitors": listed, "record": {}}
        facts = [one for id in ids for one in self._facts[id].values() if one.type != "forget"]
        heard = [one.time for one in facts]
        heard += [
            one.time for home in self._facts if home[0] == "#" for one in self._facts[home].values()
            if one.customer in ids
        ]  # fmt: skip
        shared = [one for one in browsers if not self._on[one] <= ids]
        by_turns = bool(shared) and self._in_order and not any(map(self._may_end, browsers))
        found = self._told(ids, browsers, is_all=not by_turns)
        found |= {"visitors": listed, "record": record_of(facts)}
        if not ends and clear == browsers:
            times = self._times(browsers, heard, shared=bool(shared))
            return (at_most(found) if shared and not by_turns else found) | times
        latest = max((end.time for end in ends), default=0)
        again = [one for one in browsers if self._links[one][-1][0] > latest]
        is_divided = self._is_divided(customer) or (len(ends) > 1 and any(end.by for end in ends))
        is_divided = is_divided and not self._is_covered(ids, browsers, heard)
        found = at_most(found) if again or not ends or is_divided else known_by([]) | {"visitors": []}
        del found["first_seen"], found["last_seen"]
        found["visitors"] = Between([], again if ends and not is_divided else own)
        erasures = [end for end in ends if end.is_erasure]
        found["record"] = {} if erasures else record_of(facts)
        if erasures and (len(ends) > 1 or is_divided) and not any(end.is_whole for end in erasures):
            found["record"] = Between({}, record_of(facts))
        return found

    def _told(self, ids: frozenset[str], browsers: list[str], *, is_all: bool) -> dict[str, Any]:
        """What these browsers tell, `is_all`, or only what they do in turns of these ids."""
        said = [one for visitor in browsers for one in self._events[visitor].values()]
        return known_by([one for one in said if is_all or self._turn(one) in ids], said)

    def _turn(self, event: Event) -> str:
        """Whose turn it was: that of the latest identify, before the first one that of the first."""
        links = self._links[event.visitor]
        return next((customer for time, customer in reversed(links) if time <= event.time), links[0][1])

    def _is_covered(self, ids: frozenset[str], browsers: list[str], heard: list[int]) -> bool:
        """Whether one of the ids was erased after all that is said of the person."""
        every = [*heard, *(one.time for visitor in browsers for one in self._events[visitor].values())]
        erased = max((end.time for id in ids for end in self._ends[id] if end.is_erasure), default=0)
        return erased >= max(every, default=0)

    def _times(self, browsers: list[str], heard: list[int], *, shared: bool) -> dict[str, Any]:
        """When it was first and last heard of: an event that adds nothing is told with the next one that does."""
        events = [one for visitor in browsers for one in self._events[visitor].values()]
        every = [*heard, *(one.time for one in events)]
        adds = [one.time for one in events if one.type in ADDING or one.engaged_ms]
        if not every:
            return {"first_seen": 0, "last_seen": 0}
        if shared:
            least = 0 if any(map(self._may_end, browsers)) else min(every)
            return dict.fromkeys(("first_seen", "last_seen"), Between(least, max(every)))
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
        is_one = len(ends) == 1 and not self._is_divided(customer)
        return not is_one and any(end.is_erasure and not end.is_whole for end in ends)
