"""A browser that several people share: each has what happened in its own turns, in whatever order that arrives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import msgspec
import pytest

from crm.identity.turns import all_turns
from crm.state import encode_state
from tests.lanes_apart import LanesApart, lane
from tests.log_alone import checks, runs
from tests.log_alone.cases import step, told
from tests.test_processor_forgetting import A, B, V
from tests.timeline import MINUTE, SECOND, START, event
from wakeline.record import Erase, Event

C = "@carla"
PEOPLE = (A, B, C)
BATCHES = (1, 2, 7)
ARRIVES = 120 * MINUTE  # after START, once all has happened

decode = msgspec.json.decode

Held = dict[str, tuple[dict[str, int], dict[str, float]]]


def view(at: int, interest: str, page: str = "") -> Event:
    return event(V, page or f"page-{at}", 0, at, interests=[interest])


def reads(at: int, page: str) -> Event:
    return event(V, page, 1, at, "engagement", engaged_ms=30_000)


def signs_in(at: int, customer: str) -> Event:
    return event(V, f"sign-{at}", 0, at, "identify", customer=customer)


def folded(records: Sequence[Event], *, batch: int = 1_000, before: Sequence[Event] = ()) -> LanesApart:
    """In the order in which they stand, a second apart; `before`: what has been folded, but not been told yet."""
    lanes = LanesApart()
    for one in before:
        lanes.append(V, one, ARRIVES)
        lanes.fold(lane(V))
    for number, one in enumerate(records):
        lanes.append(V, one, ARRIVES + number * SECOND)
    while lanes.places[lane(V)] < len(lanes.logs[lane(V)]):
        lanes.fold(lane(V), batch)
    lanes.settle(ARRIVES + MINUTE)
    return lanes


def held(lanes: LanesApart, people: Sequence[str] = PEOPLE) -> Held:
    """Of each customer the counts and the interests."""
    found = {}
    for id in people:
        customer = lanes.customer(id)
        counts = {name: count for name, count in customer.state.named_counts().items() if count}
        found[id] = counts, dict(customer.interests.scores)
    return found


def same(found: Held, wanted: Held) -> bool:
    return all(
        found[id][0] == counts and found[id][1] == pytest.approx(scores, rel=1e-9)
        for id, (counts, scores) in wanted.items()
    )


def check_replay(lanes: LanesApart, batch: int) -> None:
    again = LanesApart(lanes.logs, lanes.tombstones)
    for number in range(len(lanes.logs)):
        while again.places[number] < len(again.logs[number]):
            again.fold(number, batch)
    assert held(again) == held(lanes)
    one, other = (decode(encode_state(each.visitor(V).state)) for each in (again, lanes))
    assert one == other


SHARED = {
    "one visit of two": [
        signs_in(10 * SECOND, A),
        view(20 * SECOND, "apples"),
        signs_in(30 * SECOND, B),
        view(40 * SECOND, "bread", "page-b"),
        reads(41 * SECOND, "page-b"),
        signs_in(50 * SECOND, A),
    ],
    "signs in on each page": [
        signs_in(10 * SECOND, A),
        signs_in(20 * SECOND, B),
        view(25 * SECOND, "bread"),
        signs_in(30 * SECOND, A),
        view(35 * SECOND, "apples"),
        signs_in(40 * SECOND, A),
    ],
    "at once": [
        signs_in(10 * SECOND, B),
        event(V, "sign-c", 0, 10 * SECOND, "identify", customer=C),
        view(10 * SECOND, "cake"),
        view(9 * SECOND, "apples"),
        signs_in(20 * SECOND, B),
        view(20 * SECOND, "bread"),
    ],
    "three": [
        view(20 * SECOND, "apples"),
        signs_in(30 * SECOND, B),
        view(40 * SECOND, "bread"),
        signs_in(50 * SECOND, C),
        view(60 * SECOND, "cake"),
        signs_in(70 * SECOND, B),
    ],
    "visits that meet": [
        view(2 * MINUTE, "apples"),
        signs_in(20 * MINUTE, B),
        view(25 * MINUTE, "bread"),
        view(50 * MINUTE, "bread"),
        signs_in(60 * MINUTE, C),
        view(62 * MINUTE, "cake"),
    ],
}


@pytest.mark.parametrize("name", SHARED)
def test_everybody_has_what_happened_in_their_turns(name: str) -> None:
    """Of a browser that somebody has signed in on, in all 720 orders."""
    first = [signs_in(0, A)]
    records = SHARED[name]
    wanted = held(folded(records, before=first))
    assert sum(bool(counts) for counts, _ in wanted.values()) >= 2
    for number, order in enumerate(permutations(records)):
        found = held(folded(order, batch=BATCHES[number % 3], before=first))
        assert same(found, wanted), ([records.index(one) for one in order], found, wanted)


UNKNOWN = [
    view(10 * SECOND, "apples"),
    signs_in(20 * SECOND, A),
    view(30 * SECOND, "apples"),
    signs_in(40 * SECOND, B),
    view(50 * SECOND, "bread"),
    signs_in(60 * SECOND, C),
]


def test_what_came_before_anybody_signed_in_is_the_firsts() -> None:
    """As one, whoever signs in first: what of it happened in a later turn is not known. All else as it happened."""
    wanted = held(folded(UNKNOWN))
    as_it_happened = 0
    for number, order in enumerate(permutations(UNKNOWN)):
        found = held(folded(order, batch=BATCHES[number % 3]))
        before = order[: min(order.index(one) for one in UNKNOWN if one.customer)]
        if UNKNOWN[4] in before:
            views = {A: 3, B: 0, C: 0}
        else:
            views = {A: 2, B: 1, C: 0}
            as_it_happened += 1
            assert same(found, wanted), [UNKNOWN.index(one) for one in order]
        assert {id: counts.get("page_views", 0) for id, (counts, _) in found.items()} == views
        assert [counts.get("visits", 0) for counts, _ in found.values()] == [1, 0, 0]
    assert as_it_happened == 540


@pytest.mark.parametrize("name", SHARED)
def test_a_profile_names_the_latest_by_event_time(name: str) -> None:
    first = [signs_in(0, A)]
    wanted = all_turns(folded(SHARED[name], before=first).visitor(V).state)
    assert len(wanted) > 1
    for order in permutations(SHARED[name]):
        state = folded(order, before=first).visitor(V).state
        assert all_turns(state) == wanted
        assert state.customer == wanted[-1].customer


@pytest.mark.parametrize("erased", PEOPLE)
@pytest.mark.parametrize("name", SHARED)
def test_who_is_erased_has_nothing_and_a_replay_says_the_same(name: str, erased: str) -> None:
    """Whoever's turn it is; what the others had they keep, and the late word of one turn brings nothing back."""
    records = SHARED[name]
    for number, order in enumerate(permutations(records)):
        if number % 7:
            continue
        upto = number % 6 + 1
        lanes = folded(order[:upto], batch=BATCHES[number % 3], before=[signs_in(0, A)])
        before = held(lanes)
        at = ARRIVES + 2 * MINUTE
        lanes.append(erased, Erase(site="shop", id=erased, time=START + at), at)
        lanes.settle(at)
        after = held(lanes)
        assert after == before | {erased: ({}, {})}
        for late in order[upto:]:
            lanes.append(V, late, at + SECOND)
        lanes.settle(at + SECOND)
        found = held(lanes)
        assert found[erased] == ({}, {})
        assert erased not in [turn.customer for turn in all_turns(lanes.visitor(V).state)]
        for counts, scores in found.values():
            assert min([0, *counts.values()]) == 0, "nothing is taken back that was not told"
            assert min([0, *scores.values()]) == 0
        check_replay(lanes, BATCHES[number % 3])


@pytest.mark.parametrize("name", SHARED)
def test_a_replay_says_the_same(name: str) -> None:
    for number, order in enumerate(permutations(SHARED[name])):
        if number % 5 == 0:
            check_replay(folded(order, before=[signs_in(0, A)]), BATCHES[number % 3])


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (3, 4, 5, 0, 1, 2), (5, 1, 4, 2, 0, 3)])
async def test_shares_that_are_told_twice_count_once(unsynced_server: Any, order: tuple[int, ...]) -> None:
    """Cut otherwise, from every state that there was, and in another version."""
    records = [step(signs_in(0, A), ARRIVES)]
    records += [step(SHARED["three"][number], ARRIVES + at * SECOND) for at, number in enumerate(order)]
    case = told(*records, *records[2:4], lanes=3)
    url = unsynced_server.url
    lived = await runs.live(url, case, keeps=lambda written: True)
    assert not await checks.cut(url, case, lived)
    assert not await checks.replayed(url, case, lived, batch=1)
    for kept in range(len(lived.kept)):
        assert not await checks.restored(url, case, lived, kept, batch=2)
