"""To erase one id of a person erases all, and a withdrawal holds for all, whenever the alias is heard of."""

from __future__ import annotations

import pytest

from tests.aliased import (
    BROWSERS,
    CHAINS,
    CUTS,
    EVERY_WAY,
    EVERYTHING,
    LAST,
    ORDER,
    A,
    B,
    C,
    Step,
    V,
    W,
    X,
    alias,
    all_is_gone,
    browses,
    forgets,
    orders,
    played,
    says,
)
from tests.lanes_apart import lane
from tests.timeline import SECOND, START, event
from wakeline.record import Erase


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_to_erase_either_of_two_erases_both(id: str, cut: int, settles: bool) -> None:
    """Also where the alias is heard of after the erasure, and what came before it."""
    for steps in orders(*EVERYTHING, alias(C, B), forgets(id), by=(id, cut, settles)):
        all_is_gone(played(steps, cut=cut, settles=settles), (B, C))


@pytest.mark.parametrize("id", [A, B, C])
def test_to_erase_one_of_three_erases_all(id: str) -> None:
    for said in CHAINS[::2]:
        steps = (browses(B, at=10), browses(C, at=20), *(alias(*pair) for pair in said), forgets(id))
        for number, order in enumerate(orders(*steps, by=(id, said))):
            cut, settles = EVERY_WAY[number % len(EVERY_WAY)]
            all_is_gone(played(order, cut=cut, settles=settles), (A, B, C))


def test_an_erasure_by_the_operator_and_one_of_a_browser_reach_all() -> None:
    made: list[Step] = [
        lambda one: one.append(C, Erase(site="shop", id=C, time=START + LAST)),
        lambda one: one.append(X, Erase(site="shop", id=X, time=START + LAST)),
        lambda one: one.append(W, Erase(site="shop", id=W, time=START + LAST)),
    ]
    for erases in made:
        one = played((*EVERYTHING, alias(C, B), erases), cut=7, settles=True)
        all_is_gone(one, (B, C))


@pytest.mark.parametrize("id", [B, C])
@pytest.mark.parametrize(("cut", "settles"), EVERY_WAY)
def test_what_is_later_than_the_erasure_of_one_stays(id: str, cut: int, settles: bool) -> None:
    """Of the page part; the record waits until it is said that the person is back."""
    for steps in orders(*EVERYTHING, alias(C, B), by=(id, cut, settles)):
        one = played((forgets(id, at=5), *steps), cut=cut, settles=settles)
        assert one.of(B).named_counts()["page_views"] == 4
        assert one.told(B) == {}
        assert {one.lanes.tombstones["shop", other] for other in (B, C)} == {START + 5 * SECOND}
        for visitor, customer in ((W, B), (X, C)):
            assert one.lanes.visitor(visitor).state.customer == customer
            if settles:  # else it may be told of the erasure, and starts over
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
    for steps in orders(*EVERYTHING, alias(C, B), off, by=(id, cut, settles)):
        one = played(steps, cut=cut, settles=settles)
        assert one.told(B) == {"trait:plan": "gold", "consent": {"level": "off"}}
        for other in (B, C):
            assert (one.of(other).counts, one.of(other).visitors) == ({}, [])
            assert not one.lanes.customer(other).interests.scores
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
    told = (browses(B, at=10), browses(C, at=20), alias(C, B), says(C, "tag", 30, {"tag": "vip"}))
    for steps in orders(*told, by=(id, cut, settles)):
        one = played((*steps, off), cut=cut, settles=settles)
        assert one.told(B) == {"tag:vip": True}
        assert not one.of(B).counts
        assert one.is_blank(visitor)
        assert one.lanes.visitor(other).state.page_views == 2
        assert not one.lanes.visitor(other).state.customer


def test_a_browser_hears_of_each_of_two_ends_that_are_told_at_once() -> None:
    """An id hears of all ends of another one in one moment; the first may be older than what the browser knows."""
    one = played(
        (
            lambda one: one.append(V, event(V, "p", 0, 70 * SECOND, "identify", customer=A)),
            says(A, "consent", 60, {"level": "off"}),
        ),
        cut=7,
        settles=True,
    )
    one.append(V, event(V, "p", 1, 80 * SECOND, interests=["shoes"]))
    one.settle()
    assert one.lanes.visitor(V).state.customer == A
    one.append(A, Erase("shop", A, START + 50 * SECOND), Erase("shop", A, START + LAST))
    one.settle()
    assert one.is_blank(V)
    assert A not in repr(one.lanes.visitor(V).state)


@pytest.mark.parametrize("cut", CUTS)
def test_a_thing_that_an_erasure_left_is_named_by_nobody_after_the_next_one(cut: int) -> None:
    """The first erasure leaves what is later, of which the id knows no more when the second one comes."""
    steps = (
        says(C, "customer", 60, {"traits": {"plan": "new"}, "returns": True}),
        forgets(B, at=50),
        says(ORDER, "purchase", 55, {"value": 900, "currency": "EUR"}, customer=C),
        alias(C, A, at=10),
        alias(C, B, at=62),
        alias(C, B, at=95),
        forgets(B, at=90),
    )
    one = played(steps, cut=cut, settles=True)
    assert {one.lanes.tombstones["shop", id] for id in (A, B, C)} == {START + 90 * SECOND}
    assert C not in repr(one.lanes.memories[lane(ORDER)].people["shop", ORDER].state)
