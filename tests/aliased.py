"""Several customer ids of one person, in lanes that are apart: what is said of them, in chosen orders."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

from crm.identity.state import CustomerState
from tests.lanes_apart import LANES, LanesApart
from tests.thorough import chosen
from tests.timeline import SECOND, START, event, fact

A, B, C, D = IDS = ("@alice", "@bob", "@carol", "@dave")
V, W, X = "visitor-1", "visitor-2", "visitor-3"
ORDER = "#" + "a" * 32
BROWSERS = {A: V, B: W, C: X}
LAST = 90 * SECOND  # of an end that covers everything
CUTS = (1, 2, 7)

Step = Callable[["Person"], None]


class Person:
    """One person's lanes; `cut`: records in one call of the fold. Each step comes a second after the one before."""

    def __init__(self, cut: int = 7) -> None:
        self.lanes = LanesApart()
        self.cut = cut
        self.now = 100 * SECOND

    def append(self, id: str, *records: Any) -> None:
        self.now += SECOND
        for record in records:
            self.lanes.append(id, record, self.now)

    def settle(self) -> None:
        lanes = self.lanes
        while any(lanes.owed) or any(at < len(log) for at, log in zip(lanes.places, lanes.logs, strict=True)):
            for number in range(LANES):
                lanes.fold(number, self.cut)
                lanes.send(number, self.now, self.cut)

    def of(self, id: str) -> CustomerState:
        return self.lanes.customer(id).state

    def told(self, id: str) -> dict[str, Any]:
        return {name: value for kept in self.of(id).record for name, value in kept.fields.items()}

    def is_blank(self, id: str) -> bool:
        person = self.lanes.customer(id) if id[0] == "@" else self.lanes.visitor(id)
        return not person.state.first_seen and not person.interests.scores

    def root(self, id: str) -> str:
        while into := self.of(id).into:
            assert into < id
            id = into
        return id


def browses(id: str, *, at: int) -> Step:
    """A browser's visit: a page, who it is, another page."""
    visitor = BROWSERS[id]
    tag = id[1:]

    def step(one: Person) -> None:
        one.append(
            visitor,
            event(visitor, f"p-{tag}", 0, at * SECOND, interests=[tag]),
            event(visitor, f"p-{tag}", 1, (at + 1) * SECOND, "identify", customer=id),
            event(visitor, f"q-{tag}", 0, (at + 2) * SECOND, interests=[tag]),
        )

    return step


def says(home: str, type: str, at: int, body: dict[str, Any] | None = None, **fields: Any) -> Step:
    return lambda one: one.append(home, fact(home, type, at * SECOND, body, **fields))


def alias(id: str, other: str, *, at: int = 50) -> Step:
    return says(id, "alias", at, {"other": other})


def orders(*steps: Step, by: object) -> list[tuple[Step, ...]]:
    """Of all orders of these steps those that run, see tests/thorough.py."""
    return chosen(list(permutations(steps)), by)


def played(steps: tuple[Step, ...], *, cut: int, settles: bool) -> Person:
    """`settles`: each step reaches everybody before the next one; else all of them are under way at once."""
    one = Person(cut)
    for each in steps:
        each(one)
        if settles:
            one.settle()
    one.settle()
    return one


EVERY_WAY = [(cut, settles) for cut in CUTS for settles in (True, False)]
EVERYTHING = (
    browses(B, at=10),
    browses(C, at=20),
    says(C, "customer", 30, {"traits": {"plan": "gold"}}),
    says(ORDER, "purchase", 40, {"value": 900, "currency": "EUR"}, customer=B),
)


def all_is_with(one: Person, root: str) -> None:
    state = one.of(root)
    assert (state.into, state.named_counts()["page_views"]) == ("", 4)
    assert set(one.lanes.customer(root).interests.scores) == {"bob", "carol"}
    assert one.told(root) == {"trait:plan": "gold"}
    assert (state.first_seen, state.first_heard) == (START + 10 * SECOND, START + 30 * SECOND)
    assert (state.last_seen, state.heard) == (START + 22 * SECOND, START + 50 * SECOND)


def nothing_is_with(one: Person, id: str) -> None:
    state = one.of(id)
    assert one.is_blank(id)
    assert (state.record, state.counts, state.heard, state.last_seen) == ([], {}, 0, 0)


CHAINS = [
    ((A, B), (B, C)), ((B, A), (C, B)), ((C, A), (C, B)), ((A, C), (B, C)), ((B, C), (A, C)),
]  # fmt: skip


def forgets(id: str, at: int = LAST // SECOND) -> Step:
    return says(id, "forget", at)


def all_is_gone(one: Person, ids: tuple[str, ...]) -> None:
    for id in ids:
        nothing_is_with(one, id)
        assert one.lanes.tombstones["shop", id] >= START + LAST
        assert not one.of(id).visitors
    for visitor in (W, X):
        assert one.is_blank(visitor)
        assert not one.lanes.visitor(visitor).state.customer
