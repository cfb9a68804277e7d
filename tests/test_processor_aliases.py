"""Several customer ids of one person: in whichever order aliases and all else come, the smallest keeps everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest

from crm.identity import aliases
from crm.identity.state import CustomerState
from tests.lanes_apart import LANES, LanesApart, lane
from tests.timeline import SECOND, START, event, fact
from wakeline.record import Erase, Fact

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


def orders(*steps: Step) -> Iterator[tuple[Step, ...]]:
    yield from permutations(steps)


def played(steps: tuple[Step, ...], *, cut: int, settles: bool) -> Person:
    """`settles`: each step reaches everybody before the next one; else all of them are under way at once."""
    one = Person(cut)
    for step in steps:
        step(one)
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
    assert (state.into, state.counts["page_views"]) == ("", 4)
    assert set(one.lanes.customer(root).interests.scores) == {"bob", "carol"}
    assert one.told(root) == {"trait:plan": "gold"}
    assert (state.first_seen, state.first_heard) == (START + 10 * SECOND, START + 30 * SECOND)
    assert (state.last_seen, state.heard) == (START + 22 * SECOND, START + 50 * SECOND)


def nothing_is_with(one: Person, id: str) -> None:
    state = one.of(id)
    assert one.is_blank(id)
    assert not (state.record or state.counts or state.heard or state.last_seen)


def test_the_lanes_are_apart() -> None:
    assert len({lane(A), lane(B), lane(C)}) > 1


@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
@pytest.mark.parametrize("said", [((B, C),), ((C, B),)], ids=str)
def test_two_ids_are_one_customer_whoever_is_named_first(cut: int, settles: bool, said: Any) -> None:
    for steps in orders(*EVERYTHING, *(alias(*pair) for pair in said)):
        one = played(steps, cut=cut, settles=settles)
        all_is_with(one, B)
        nothing_is_with(one, C)
        assert (one.of(C).into, one.of(B).aliases) == (B, [C])
        assert (one.of(B).visitors, one.of(C).visitors) == ([W], [X])


CHAINS = [
    ((A, B), (B, C)), ((B, A), (C, B)), ((C, A), (C, B)), ((A, C), (B, C)), ((B, C), (A, C)),
]  # fmt: skip


@pytest.mark.parametrize("said", CHAINS, ids=str)
def test_three_ids_are_one_customer(said: Any) -> None:
    for number, steps in enumerate(orders(*EVERYTHING, *(alias(*pair) for pair in said))):
        cut, settles = EVERY_WAY[number % len(EVERY_WAY)]
        one = played(steps, cut=cut, settles=settles)
        all_is_with(one, A)
        for id in (B, C):
            nothing_is_with(one, id)
            assert one.root(id) == A
        assert (one.of(B).visitors, one.of(C).visitors) == ([W], [X])


FOURS = [((A, B), (B, C), (C, D)), ((D, A), (C, B), (C, D)), ((C, A), (D, C), (D, B), (A, B)), ((D, C), (C, B), (B, A))]


@pytest.mark.parametrize("said", FOURS, ids=str)
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_four_ids_and_what_is_said_twice(said: Any, cut: int, settles: bool) -> None:
    twice = says(D, "alias", 50, {"other": A})
    for steps in orders(*(alias(*pair) for pair in said), says(D, "tag", 30, {"tag": "vip"}), twice):
        one = played(steps, cut=cut, settles=settles)
        assert {one.root(id) for id in IDS} == {A}
        assert one.told(A) == {"tag:vip": True}


def test_what_is_said_again_is_told_to_nobody_for_long() -> None:
    one = played((alias(B, C), alias(C, B), alias(A, C), alias(C, A), alias(A, B)), cut=7, settles=True)
    before = sum(map(len, one.lanes.logs))
    for number, pair in enumerate([(A, B), (B, A), (C, A), (A, C), (B, C)]):
        alias(*pair, at=60 + number)(one)
    one.settle()
    assert sum(map(len, one.lanes.logs)) - before < 20
    assert {one.root(id) for id in (A, B, C)} == {A}


# ---- erasure and withdrawal


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


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_to_erase_either_of_two_erases_both(id: str, cut: int, settles: bool) -> None:
    """Also where the alias is heard of after the erasure, and what came before it."""
    for steps in orders(*EVERYTHING, alias(C, B), forgets(id)):
        all_is_gone(played(steps, cut=cut, settles=settles), (B, C))


@pytest.mark.parametrize("id", [A, B, C])
def test_to_erase_one_of_three_erases_all(id: str) -> None:
    for said in CHAINS:
        steps = (browses(B, at=10), browses(C, at=20), *(alias(*pair) for pair in said), forgets(id))
        for number, order in enumerate(orders(*steps, says(C, "tag", 30, {"tag": "vip"}))):
            cut, settles = EVERY_WAY[number % len(EVERY_WAY)]
            all_is_gone(played(order, cut=cut, settles=settles), (A, B, C))


def test_an_erasure_by_the_operator_and_one_of_a_browser_reach_all() -> None:
    made: list[Step] = [
        lambda one: one.append(C, Erase(site="shop", id=C, time=START + LAST)),
        lambda one: one.append(X, Erase(site="shop", id=X, time=START + LAST)),
        lambda one: one.append(W, Erase(site="shop", id=W, time=START + LAST)),
    ]
    for step in made:
        one = played((*EVERYTHING, alias(C, B), step), cut=7, settles=True)
        all_is_gone(one, (B, C))


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_what_is_later_than_the_erasure_of_one_stays(id: str, cut: int, settles: bool) -> None:
    """Of the page part; the record waits until it is said that the person is back."""
    for steps in orders(*EVERYTHING, alias(C, B)):
        one = played((forgets(id, at=5), *steps), cut=cut, settles=settles)
        assert one.of(B).counts["page_views"] == 4
        assert one.told(B) == {}
        assert {one.lanes.tombstones["shop", other] for other in (B, C)} == {START + 5 * SECOND}
        for visitor, customer in ((W, B), (X, C)):
            assert one.lanes.visitor(visitor).state.customer == customer
            assert one.lanes.visitor(visitor).state.page_views == 2


@pytest.mark.parametrize("erased", [B, C])
@pytest.mark.parametrize("back", [B, C])
@pytest.mark.parametrize("first", [True, False])
def test_who_is_back_is_back_under_each_id(erased: str, back: str, first: bool) -> None:
    told = says(back, "customer", 60, {"returns": True, "traits": {"plan": "new"}})
    steps = (forgets(erased), *([alias(C, B)] if first else []))
    later = says(back, "customer", 95, {"returns": True, "traits": {"plan": "new"}})
    end = () if first else (alias(C, B, at=96),)
    one = played((*steps, told, later, *end, says(B, "tag", 97, {"tag": "b"}), says(C, "tag", 98, {"tag": "c"})),
                 cut=7, settles=True)  # fmt: skip
    assert one.told(B) == {"trait:plan": "new", "tag:b": True, "tag:c": True}
    assert one.of(C).record == []


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_a_withdrawal_told_of_one_ends_the_page_part_of_both(id: str, cut: int, settles: bool) -> None:
    off = says(id, "consent", LAST // SECOND, {"level": "off"})
    for steps in orders(*EVERYTHING, alias(C, B), off):
        one = played(steps, cut=cut, settles=settles)
        assert one.told(B) == {"trait:plan": "gold", "consent": {"level": "off"}}
        for other in (B, C):
            assert not (one.of(other).counts or one.of(other).visitors or one.lanes.customer(other).interests.scores)
        for visitor in (W, X):
            assert one.is_blank(visitor)


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_a_withdrawal_on_one_browser_unlinks_those_of_the_other_id(id: str, cut: int, settles: bool) -> None:
    visitor = BROWSERS[id]
    off: Step = lambda one: one.append(  # noqa: E731
        visitor, event(visitor, "r", 0, LAST, "consent", level="off")
    )
    other = W if id == C else X
    for steps in orders(browses(B, at=10), browses(C, at=20), alias(C, B), says(C, "tag", 30, {"tag": "vip"})):
        one = played((*steps, off), cut=cut, settles=settles)
        assert one.told(B) == {"tag:vip": True}
        assert not one.of(B).counts
        assert one.is_blank(visitor)
        assert one.lanes.visitor(other).state.page_views == 2
        assert not one.lanes.visitor(other).state.customer


# ---- bounds


@pytest.mark.parametrize("seed", range(20))
def test_any_number_of_ids_is_one_customer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each id only a few keep what they are told with it; an erasure still reaches all."""
    import random

    monkeypatch.setattr(aliases, "MOST_ALIASES", 3)
    rng = random.Random(seed)
    ids = [f"@{rng.randrange(16**8):08x}" for _ in range(60)]
    one = Person(rng.choice(CUTS))
    guest = rng.choice([min(ids), max(ids), ids[0]])
    for number, id in enumerate(ids):
        one.append(id, fact(id, "tag", SECOND, {"tag": f"t{number}"}))
        if id != guest:
            one.append(id, fact(id, "alias", SECOND, {"other": guest}))
        if rng.random() < 0.3:
            one.settle()
    one.settle()
    root = min(ids)
    assert {one.root(id) for id in ids} == {root}
    assert len(one.told(root)) == 60
    assert max(len(one.of(id).aliases) for id in ids) <= 3
    at = one.now
    one.append(ids[7], fact(ids[7], "forget", at))
    one.settle()
    assert {one.lanes.tombstones["shop", id] for id in ids} == {START + at}
    assert not one.of(root).record


def test_an_alias_of_itself_or_of_nobody_changes_nothing() -> None:
    one = Person()
    one.append(B, fact(B, "alias", SECOND, {"other": B}))
    one.settle()
    assert (one.of(B).into, one.of(B).aliases) == ("", [])
    assert isinstance(one.lanes.records(Fact, B)[0], Fact)
