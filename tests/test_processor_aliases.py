"""Several customer ids of one person: in whichever order aliases and all else come, the smallest keeps everything."""

from __future__ import annotations

import random
from typing import Any

import pytest

from crm.identity import aliases
from tests.aliased import (
    CHAINS,
    CUTS,
    EVERY_WAY,
    EVERYTHING,
    IDS,
    A,
    B,
    C,
    D,
    Person,
    W,
    X,
    alias,
    all_is_with,
    nothing_is_with,
    orders,
    played,
    says,
)
from tests.lanes_apart import lane
from tests.timeline import SECOND, START, fact
from wakeline.record import Fact


def test_the_lanes_are_apart() -> None:
    assert len({lane(A), lane(B), lane(C)}) > 1


@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
@pytest.mark.parametrize("said", [((B, C),), ((C, B),)], ids=str)
def test_two_ids_are_one_customer_whoever_is_named_first(cut: int, settles: bool, said: Any) -> None:
    for steps in orders(*EVERYTHING, *(alias(*pair) for pair in said), by=(said, cut, settles)):
        one = played(steps, cut=cut, settles=settles)
        all_is_with(one, B)
        nothing_is_with(one, C)
        assert (one.of(C).into, one.of(B).aliases) == (B, [C])
        assert (one.of(B).visitors, one.of(C).visitors) == ([W], [X])


@pytest.mark.parametrize("said", CHAINS, ids=str)
def test_three_ids_are_one_customer(said: Any) -> None:
    for number, steps in enumerate(orders(*EVERYTHING, *(alias(*pair) for pair in said), by=said)):
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
    told = (*(alias(*pair) for pair in said), says(D, "tag", 30, {"tag": "vip"}), twice)
    for steps in orders(*told, by=(said, cut, settles)):
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


# ---- bounds


@pytest.mark.parametrize("seed", range(20))
def test_any_number_of_ids_is_one_customer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each id only a few keep what they are told with it; an erasure still reaches all."""
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
