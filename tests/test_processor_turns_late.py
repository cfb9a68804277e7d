"""Turns of a shared browser: what comes late, turns that have ended, states of earlier versions."""

from __future__ import annotations

import json

import pytest

from crm.facts import Thing
from crm.identity.turns import all_turns, former, turn_at
from crm.state import Visitor, decode_visitor
from tests.lanes_apart import LanesApart, lane
from tests.log_alone.endings import telling_ends
from tests.test_processor_forgetting import A, B, V
from tests.test_processor_turns import ARRIVES, C, check_replay, folded, held, signs_in, view
from tests.timeline import MINUTE, SECOND, START, event
from wakeline.record import Erase
from wakeline.told import customer_of

ORDER = "#" + "a" * 32


def views(lanes: LanesApart) -> list[int]:
    return [counts.get("page_views", 0) for counts, _ in held(lanes).values()]


def test_what_happened_in_an_earlier_turn_is_that_customers() -> None:
    """Also its time and its order; the present one's times are its own."""
    bought = event(V, "page-o", 0, 25 * SECOND, "purchase", order=ORDER, props={"value": 9, "currency": "EUR"})
    lanes = folded([signs_in(10 * SECOND, A), signs_in(30 * SECOND, B), view(20 * SECOND, "apples"), bought])
    assert views(lanes) == [1, 0, 0]
    assert lanes.customer(A).state.last_seen == START + 25 * SECOND
    assert lanes.customer(B).state.first_seen == START + 30 * SECOND
    order = lanes.memories[lane(ORDER)].people["shop", ORDER]
    assert isinstance(order, Thing)
    assert customer_of(order.state.told)[0] == A


def test_what_was_taken_back_leaves_the_earlier_time() -> None:
    """First and last times are minima and maxima, from which nothing can be subtracted."""
    lanes = folded([view(10 * SECOND, "apples"), signs_in(30 * SECOND, B), signs_in(20 * SECOND, A)])
    assert views(lanes) == [1, 0, 0]
    assert held(lanes)[B] == ({}, {})
    assert [lanes.customer(id).state.first_seen for id in (A, B)] == [START + 10 * SECOND] * 2
    assert [lanes.customer(id).state.visitors for id in (A, B)] == [[V], [V]]


def test_what_lies_further_back_stays_where_it_was() -> None:
    """More than sixteen records, or ten minutes of log time."""
    for records, minutes, moved in ((17, 0, 16), (2, 9, 2), (2, 11, 0)):
        lanes = folded([signs_in(0, B), *(view((2 + n) * SECOND, "bread") for n in range(records))])
        lanes.append(V, signs_in(SECOND, A), ARRIVES + records * SECOND + minutes * MINUTE)
        lanes.settle(ARRIVES + 30 * MINUTE)
        assert views(lanes) == [moved, records - moved, 0]


def test_a_turn_ends_where_the_one_before_was_repeated() -> None:
    """Customers sign in again on each page. Where too many of them are between, nothing is moved."""
    for repeats, moved in ((4, 1), (12, 0)):
        pages = [(signs_in(n * SECOND, A), view(n * SECOND + 2, "apples")) for n in range(2, 2 + repeats)]
        lanes = folded([signs_in(0, A), view(SECOND + 2, "bread"), *(one for page in pages for one in page)])
        before = views(lanes)
        assert before == [repeats + 1, 0, 0]
        lanes.append(V, signs_in(SECOND, B), ARRIVES + MINUTE)
        lanes.settle(ARRIVES + MINUTE)
        assert views(lanes) == [repeats + 1 - moved, moved, 0]
        assert lanes.visitor(V).state.customer == A


def test_eight_turns_are_kept() -> None:
    """What happened before is nobody's, as it is not known whose turn that was."""
    people = [f"@person{n}" for n in range(10)]
    lanes = folded([signs_in(10 * n * SECOND, id) for n, id in enumerate(people)])
    state = lanes.visitor(V).state
    assert [turn.customer for turn in all_turns(state)] == people[2:]
    assert list(former(state)) == people[:-1]
    for n in range(10):
        lanes.append(V, view((10 * n + 5) * SECOND, "x"), ARRIVES + MINUTE)
    lanes.settle(ARRIVES + MINUTE)
    assert [counts.get("page_views", 0) for counts, _ in held(lanes, people).values()] == [0, 0, *[1] * 8]


def test_a_visit_and_its_end_belong_to_whose_turn_it_was_when_it_began() -> None:
    with telling_ends():
        lanes = folded([signs_in(0, A), view(SECOND, "apples"), signs_in(5 * SECOND, B)])
        lanes.append(V, event(V, "sign-0", 1, 60 * MINUTE, "ping"), ARRIVES + 60 * MINUTE)
        lanes.settle(ARRIVES + 60 * MINUTE)
    assert [counts.get("visits", 0) for counts, _ in held(lanes).values()] == [1, 0, 0]
    assert [counts.get("events", 0) for counts, _ in held(lanes).values()] == [1, 0, 0]
    assert lanes.visitor(V).state.lately[0].counts == {"events": 1}, "all else is of before the last minutes"


def test_a_reset_ends_the_turn() -> None:
    """The next person is another visitor; what the old page says as it goes is still its own."""
    goes = event(V, "page-1", 1, 9 * SECOND, "engagement", engaged_ms=5_000, leave=True)
    other = "visitor-2"
    lanes = folded([signs_in(0, A), view(SECOND, "apples", "page-1")])
    for one in (
        event(other, "page-2", 0, 10 * SECOND, interests=["bread"]),
        event(other, "page-2", 1, 11 * SECOND, "identify", customer=B),
        goes,
    ):
        lanes.append(one.visitor, one, ARRIVES + MINUTE)
    lanes.settle(ARRIVES + MINUTE)
    found = held(lanes)
    assert (found[A][0]["engaged_ms"], list(found[A][1])) == (5_000, ["apples"])
    assert (found[B][0].get("engaged_ms", 0), list(found[B][1])) == (0, ["bread"])


# ---- turns that have ended


def withdraws_elsewhere(lanes: LanesApart, customer: str, at: int) -> None:
    lanes.append(customer, Erase(site="shop", id=customer, time=START + at, withdrawn=True), ARRIVES + MINUTE)
    lanes.settle(ARRIVES + MINUTE)


@pytest.mark.parametrize("is_present", [True, False])
def test_what_lies_in_a_turn_that_was_unlinked_is_nobodys(is_present: bool) -> None:
    """Neither is what comes late, nor does a late identify move what its customer has forgotten."""
    lanes = folded(
        [signs_in(0, B), view(SECOND, "bread"), signs_in(10 * SECOND, A), view(11 * SECOND, "apples")]
        + ([] if is_present else [signs_in(20 * SECOND, C)])
    )
    withdraws_elsewhere(lanes, A, 15 * SECOND)
    state = lanes.visitor(V).state
    assert [turn.customer for turn in all_turns(state)] == [B, "", *([] if is_present else [C])]
    assert views(lanes) == [0, 1, 0]
    for at in (12, 16):
        lanes.append(V, view(at * SECOND, "late"), ARRIVES + 2 * MINUTE)
    lanes.append(V, view(2 * SECOND, "late"), ARRIVES + 2 * MINUTE)
    lanes.settle(ARRIVES + 2 * MINUTE)
    assert views(lanes) == [0, 2, 0]
    lanes.append(V, signs_in(5 * SECOND, C), ARRIVES + 2 * MINUTE)
    lanes.append(V, signs_in(14 * SECOND, B), ARRIVES + 2 * MINUTE)
    lanes.settle(ARRIVES + 2 * MINUTE)
    assert views(lanes) == [0, 3, 0], "what was told in that turn after it had ended is moved to who signed in then"
    assert lanes.visitor(V).state.page_views == 5
    check_replay(lanes, 2)


def test_what_was_forgotten_is_not_moved_from_any_of_two() -> None:
    """Of the two that withdrew the earlier one is heard of last."""
    lanes = folded([signs_in(0, B), signs_in(10 * SECOND, A), view(12 * SECOND, "apples"), signs_in(20 * SECOND, C)])
    for customer, at in ((C, 25 * SECOND), (A, 15 * SECOND)):
        withdraws_elsewhere(lanes, customer, at)
    lanes.append(V, signs_in(11 * SECOND, B), ARRIVES + 2 * MINUTE)
    lanes.settle(ARRIVES + 2 * MINUTE)
    assert views(lanes) == [0, 0, 0]


def test_who_signs_in_again_has_what_follows() -> None:
    lanes = folded([signs_in(0, A), view(SECOND, "apples"), signs_in(20 * SECOND, A), view(21 * SECOND, "apples")])
    withdraws_elsewhere(lanes, A, 10 * SECOND)
    for at in (11, 22):
        lanes.append(V, view(at * SECOND, "late"), ARRIVES + 2 * MINUTE)
    lanes.settle(ARRIVES + 2 * MINUTE)
    assert views(lanes) == [1, 0, 0]
    assert lanes.visitor(V).state.customer == A
    assert lanes.customer(A).state.visitors == [V]


def test_a_late_withdrawal_is_of_whose_turn_it_was() -> None:
    lanes = folded([signs_in(0, A), view(SECOND, "apples"), signs_in(10 * SECOND, B), view(11 * SECOND, "bread")])
    off = event(V, "page-off", 0, 5 * SECOND, "consent", level="off")
    lanes.append(V, off, ARRIVES + MINUTE)
    lanes.settle(ARRIVES + MINUTE)
    assert views(lanes) == [0, 1, 0]
    assert [lanes.customer(id).state.visitors for id in (A, B)] == [[], []]
    check_replay(lanes, 1)


def test_what_was_refused_is_not_taken_back() -> None:
    """Ben was erased before he heard of this browser, so that he has nothing of it that Alice could get."""
    lanes = LanesApart()
    lanes.append(B, Erase(site="shop", id=B, time=START + 25 * SECOND), ARRIVES)
    lanes.settle(ARRIVES)
    for one in (signs_in(10 * SECOND, B), view(28 * SECOND, "x"), signs_in(30 * SECOND, B), view(40 * SECOND, "x")):
        lanes.append(V, one, ARRIVES)
        lanes.fold(lane(V))
    lanes.append(V, signs_in(27 * SECOND, A), ARRIVES)
    lanes.fold(lane(V))
    lanes.settle(ARRIVES + MINUTE)
    assert views(lanes)[1] == 1
    assert min(counts.get("page_views", 0) for counts, _ in held(lanes).values()) == 0


# ---- states and runs


def test_the_state_of_an_earlier_version_begins_with_its_link() -> None:
    """It kept no turns: what came before the link of a browser that was somebody else's first is nobody's."""
    for earlier, wanted in (([], "@alice"), (["@ben"], "")):
        text = {"customer": A, "linked": START + 10 * SECOND, "named": START + 20 * SECOND, "earlier": earlier}
        state = decode_visitor(json.dumps(text | {"first_seen": START}).encode())
        assert turn_at(state, START + 30 * SECOND).customer == A
        assert turn_at(state, START).customer == wanted
        assert list(former(state)) == earlier
    former_state = {"unlinked": START, "first_seen": START - 5 * SECOND, "page_views": 3}
    state = decode_visitor(json.dumps(former_state).encode())
    lanes = folded([])
    lanes.memories[lane(V)].people["shop", V] = Visitor("shop", V, state, {}, 0)
    lanes.append(V, signs_in(10 * SECOND, B), ARRIVES)
    lanes.append(V, view(5 * SECOND, "late"), ARRIVES)
    lanes.settle(ARRIVES)
    assert views(lanes) == [0, 0, 0]
