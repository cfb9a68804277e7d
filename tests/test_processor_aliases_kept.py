"""Aliases in replays, with ages, from former data, and as readers see them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crm.identity.state import STORED_CUSTOMER, CustomerState
from ops.person import ids_of
from tests.aliased import (
    CHAINS,
    EVERYTHING,
    LAST,
    ORDER,
    A,
    B,
    C,
    D,
    Person,
    W,
    X,
    alias,
    all_is_gone,
    forgets,
    nothing_is_with,
    played,
    says,
)
from tests.cards import card, desk_on
from tests.lanes_apart import LANES, lane
from tests.log_alone import checks, runs
from tests.log_alone.cases import Case, Kind, step, told
from tests.log_alone.checks import CLAIMS, broken
from tests.timeline import DAY, SECOND, START, event, fact, timeline
from wakeline.keys import DEPLOYMENT
from wakeline.profiles import Profiles
from wakeline.record import Erase, Tick, encode_record


def pass_time(one: Person, days: int) -> None:
    """In steps, since the log's time is in doubt after a jump."""
    while one.now < days * DAY:
        one.now += 6 * DAY
        for number in range(LANES):
            one.lanes._append(number, encode_record(Tick()), START + one.now)
        one.settle()


def all_ends(one: Person, ids: tuple[str, ...]) -> None:
    for id in ids:
        assert one.of(id) == CustomerState(facts=one.of(id).facts)


def test_the_ids_of_a_person_end_together_by_age() -> None:
    """So long after the last contact by any of them."""
    one = played((*EVERYTHING, alias(C, B), alias(D, C)), cut=7, settles=True)
    for months, is_known in ((30, True), (50, False)):
        pass_time(one, months * 31)
        assert [one.root(id) for id in (B, C, D)] == ([B, B, B] if is_known else [B, C, D])
        assert bool(one.of(B).record) == is_known
    all_ends(one, (B, C, D))


def test_who_was_erased_is_one_person_until_that_is_as_old() -> None:
    one = played((*EVERYTHING, alias(C, B), forgets(C)), cut=7, settles=True)
    assert (one.of(C).into, one.of(B).aliases) == (B, [C])
    pass_time(one, 40 * 31)
    all_ends(one, (B, C))


def test_an_id_that_passes_something_on_while_the_other_ends_stays_with_it() -> None:
    one = played((says(B, "tag", 40, {"tag": "old"}), alias(C, B)), cut=7, settles=True)
    pass_time(one, 35 * 30)
    while one.of(B).heard:
        one.settle()
        one.now += DAY
        one.lanes._append(lane(B), encode_record(Tick()), START + one.now)
        one.lanes.fold(lane(B))
    assert lane(B) != lane(C)
    one.append(C, fact(C, "tag", one.now, {"tag": "new"}))
    one.lanes.fold(lane(C))  # which has not heard of the end
    one.settle()
    assert (one.told(B), one.root(C)) == ({"tag:new": True}, B)
    one.append(C, fact(C, "forget", one.now))
    one.settle()
    for id in (B, C):
        nothing_is_with(one, id)


@pytest.mark.parametrize("id", [B, C])
def test_what_an_earlier_version_stored_is_passed_on(id: str) -> None:
    one = played((*EVERYTHING, says(id, "tag", 50, {"tag": "v"})), cut=7, settles=True)
    for other in (B, C):
        state = one.of(other)
        assert state.since
        stored = msgspec.to_builtins(state)
        for name in ("since", "first_heard", "into", "aliases"):
            stored.pop(STORED_CUSTOMER[name], None)
        customer = one.lanes.customer(other)
        customer.state = msgspec.convert(stored, CustomerState)
    alias(C, B)(one)
    one.settle()
    assert one.of(B).named_counts()["page_views"] == 4
    assert one.told(B) == {"trait:plan": "gold", "tag:v": True}
    forgets(C)(one)
    one.settle()
    all_is_gone(one, (B, C))


def drawn(seed: int) -> Case:
    """The records in an order that is drawn, folded as they come or later."""
    rng = random.Random(seed)
    end = rng.choice(["forget", "consent", "", "early"])
    pairs = rng.choice(CHAINS)
    records = [
        event(W, "p", 0, 10 * SECOND, interests=["x"]),
        event(W, "p", 1, 11 * SECOND, "identify", customer=rng.choice([A, B])),
        event(X, "q", 0, 20 * SECOND, interests=["y"]),
        event(X, "q", 1, 21 * SECOND, "identify", customer=C),
        event(X, "q", 2, 22 * SECOND, "add_to_cart"),
        fact(C, "customer", 30 * SECOND, {"traits": {"plan": "gold"}}),
        fact(ORDER, "purchase", 40 * SECOND, {"value": 900, "currency": "EUR"}, customer=rng.choice([B, C])),
        *(fact(id, "alias", 50 * SECOND, {"other": other}) for id, other in pairs),
    ]
    if end in ("forget", "consent"):
        records.append(fact(rng.choice([A, B, C]), end, LAST, {} if end == "forget" else {"level": "off"}))
    elif end:
        records.append(Erase(site="shop", id=rng.choice([A, B, C, X]), time=START + rng.choice([5, 15, 35]) * SECOND))
    rng.shuffle(records)
    steps = [step(one, 100 * SECOND + n, folds=rng.random() < 0.5) for n, one in enumerate(records)]
    return told(*steps, lanes=rng.choice([1, 2, 3, 4]), kind=Kind(facts=True, erasures=True))


@pytest.mark.parametrize("seed", range(40))
async def test_what_a_log_of_aliases_comes_to_depends_on_nothing_else(unsynced_server: Any, seed: int) -> None:
    """Not on how it is cut, nor on what fails; a replay comes to the same."""
    assert not await broken(unsynced_server.url, drawn(seed), CLAIMS)


async def test_each_id_is_read_as_the_person(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
        await made.append(
            fact(C, "tag", SECOND, {"tag": "vip"}),
            fact(C, "alias", 2 * SECOND, {"other": B}),
            fact(B, "alias", 3 * SECOND, {"other": A}),
        )
        await made.run()
        assert (await made.profile(C))["alias_of"] == B
        with Profiles(redis_server.url) as profiles:
            found = [profiles.read("shop", id) for id in (A, B, C)]
            for one in found:
                assert one is not None
                assert one.record is not None
                assert (one.id, one.record.tags, one.aliases) == (A, ("vip",), (B,))
        for id in (A, B, C):
            assert ids_of(redis_server.url, "shop", id) == [A, B, C]
        at = made.now - START + SECOND
        await made.append(fact(C, "forget", at))
        await made.run()
        with Profiles(redis_server.url) as profiles:
            assert [profiles.read("shop", id) for id in (A, B, C)] == [None] * 3
        assert not [key async for key in made.redis.scan_iter("*:profile:@*")]


@pytest.mark.parametrize("has_state", [True, False])
async def test_who_was_erased_has_no_profile_that_says_whose_alias_it_is(redis_server: Any, has_state: bool) -> None:
    """Also after the state has expired, and only the tombstone is left."""
    async with timeline(redis_server) as made:
        await made.append(fact(B, "tag", SECOND, {"tag": "vip"}), fact(B, "forget", 2 * SECOND))
        await made.run()
        if not has_state:
            await made.redis.delete(made.store.keys.state(made.lane(B), "shop", B))
            await made.start()
        await made.append(fact(B, "alias", 3 * SECOND, {"other": A}), at=4 * SECOND)
        await made.run()
        assert not [key async for key in made.redis.scan_iter("*:profile:@*")]


@pytest.mark.parametrize("erased", [A, B])
@pytest.mark.parametrize("is_late", [False, True])
async def test_who_is_erased_by_one_of_two_ids_has_neither_card(
    redis_server: Any, tmp_path: Path, erased: str, is_late: bool
) -> None:
    """Also where it is heard of later that they are one person's, by what was said since without a return."""
    async with timeline(redis_server) as made:
        desk = await desk_on(made.redis, redis_server.url, tmp_path)

        async def hear(record: Any, at: int) -> None:
            await made.append(record, at=at)
            await made.run()

        await desk.write(card(A, 1), card(B, 1))
        if not is_late:
            await hear(fact(B, "alias", SECOND, {"other": A}), SECOND)
        await hear(Erase(site="shop", id=erased, time=START + 2 * SECOND), 2 * SECOND)
        if is_late:
            await desk.write(card(A if erased == B else B, 3 * SECOND))
            await hear(fact(B, "alias", SECOND, {"other": A}), 4 * SECOND)
        assert (await desk.values(A), await desk.values(B), await desk.index()) == ({}, {}, [])
        await desk.reader.close()


@pytest.mark.parametrize("id", [A, B])
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("remembered", [2, 4_000])
async def test_a_replay_knows_what_named_who_was_erased_since(
    unsynced_server: Any, id: str, lanes: int, remembered: int
) -> None:
    """As an older order lets end with its customer what is later, which would have stayed without it.

    `remembered`: people that the worker has at hand; of the others Redis has it.
    """
    case = told(
        step(fact(ORDER, "purchase", 10 * SECOND, {"value": 900, "currency": "EUR"}, customer=id)),
        *(step(fact(one, "tag", 20 * SECOND, {"tag": "v"}), 40 * SECOND) for one in (C, D)),
        step(fact(A, "alias", 50 * SECOND, {"other": B})),
        step(fact(id, "forget", 30 * SECOND), 60 * SECOND),
        lanes=lanes,
        processor__worker__REMEMBERED_PEOPLE=remembered,
    )
    lived = await runs.live(unsynced_server.url, case)
    assert not await checks.replayed(unsynced_server.url, case, lived, batch=1)


async def test_who_was_back_before_an_erasure_came_has_less_of_a_record_in_a_replay(unsynced_server: Any) -> None:
    """One that covers nothing of what is known: what came before `returns` stays; a replay knows of the end first."""
    case = told(
        step(fact(B, "alias", 50 * SECOND, {"other": A})),
        step(fact(B, "tag", 60 * SECOND, {"tag": "v"})),
        step(fact(B, "customer", 70 * SECOND, {"returns": True, "traits": {"plan": "b"}})),
        step(fact(B, "forget", 10 * SECOND), 80 * SECOND),
    )
    lived = await runs.live(unsynced_server.url, case)
    again = await runs.replayed(unsynced_server.url, case, lived, batch=7)
    for found, names in ((lived.holdings, ["tag:v", "trait:plan"]), (again, ["trait:plan"])):
        assert [name for kept in found[f"{{0}}:shop:state:{A}"]["record"] for name in kept[3]] == names
    assert not await broken(unsynced_server.url, case)
