"""Aliases in replays, which know of an erasure from the first record on: small logs that come to the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aliased import A, B, C, W, X
from tests.log_alone import runs
from tests.log_alone.cases import step, told
from tests.log_alone.checks import REPLAYED, broken
from tests.timeline import SECOND, START, event, fact
from wakeline.record import Erase


@pytest.mark.parametrize("identified", [20, 40])
async def test_where_a_record_is_not_kept_nothing_says_when_it_began(unsynced_server: Any, identified: int) -> None:
    """Who was erased is first seen by what its browsers told since, however early a server told of its other id."""
    case = told(
        step(Erase(site="shop", id=A, time=START + 10 * SECOND), 10 * SECOND),
        step(fact(B, "tag", 30 * SECOND, {"tag": "v"})),
        step(event(W, "p", 0, identified * SECOND, "identify", customer=B), 40 * SECOND),
        step(fact(A, "alias", 5 * SECOND, {"other": B}), 50 * SECOND),
        lanes=3,
    )
    lived = await runs.live(unsynced_server.url, case)
    assert lived.holdings[f"{{1}}:shop:profile:{A}"]["first_seen"] == str(START + identified * SECOND)
    assert not await broken(unsynced_server.url, case, [REPLAYED])


@pytest.mark.parametrize("id", [B, C])
async def test_what_a_withdrawal_kept_out_is_not_taken_for_what_an_erasure_did(unsynced_server: Any, id: str) -> None:
    """What came after the withdrawal is later than the erasure, and stays. `id`: the one that brings what is older."""
    case = told(
        step(Erase(site="shop", id=A, time=START + 10 * SECOND), 10 * SECOND),
        step(event(W, "p", 0, 20 * SECOND, "identify", customer=B)),
        step(fact(W, "consent", 30 * SECOND, {"level": "off"})),
        step(event(X, "q", 0, 25 * SECOND, "identify", customer=id), 35 * SECOND),
        *([step(fact(C, "alias", 36 * SECOND, {"other": B}))] if id == C else []),
        step(event(X, "q", 1, 40 * SECOND, "identify", customer=B)),
        step(fact(B, "alias", 5 * SECOND, {"other": A}), 50 * SECOND),
        lanes=3,
    )
    assert not await broken(unsynced_server.url, case, [REPLAYED])


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_replay_knows_of_the_root_what_was_first_told_of_who_is_back(
    unsynced_server: Any, is_late: bool
) -> None:
    """So all of it ends with its root, as it began before that. `is_late`: it is told after the two are one."""
    first = fact(C, "tag", 10 * SECOND, {"tag": "v"})
    case = told(
        step(fact(C, "customer", 30 * SECOND, {"returns": True})),
        *([] if is_late else [step(first, 40 * SECOND)]),
        step(fact(C, "alias", 50 * SECOND, {"other": B})),
        *([step(first, 60 * SECOND)] if is_late else []),
        step(fact(C, "alias", 70 * SECOND, {"other": A})),
        step(fact(A, "forget", 20 * SECOND), 80 * SECOND),
        lanes=3,
    )
    lived = await runs.live(unsynced_server.url, case)
    again = await runs.replayed(unsynced_server.url, case, lived, batch=7)
    for found in (lived.holdings, again):
        assert not [key for key in found if ":profile:@" in key]
    assert not await broken(unsynced_server.url, case, [REPLAYED])


@pytest.mark.parametrize("at", [20, 35])
async def test_what_was_told_of_another_id_of_who_is_back_is_not_in_a_replay(unsynced_server: Any, at: int) -> None:
    """Before it was heard that the two are one: a replay knows of the erasure first, of the return with the alias."""
    case = told(
        step(fact(A, "forget", 10 * SECOND)),
        step(fact(A, "customer", 30 * SECOND, {"returns": True, "traits": {"plan": "b"}})),
        step(fact(B, "tag", at * SECOND, {"tag": "v"}), 40 * SECOND),
        step(fact(B, "alias", 50 * SECOND, {"other": A})),
        lanes=3,
    )
    lived = await runs.live(unsynced_server.url, case)
    again = await runs.replayed(unsynced_server.url, case, lived, batch=7)
    for found, names in ((lived.holdings, ["tag:v", "trait:plan"]), (again, ["trait:plan"])):
        record = found[f"{{1}}:shop:state:{A}"]["record"]
        assert sorted(name for kept in record for name in kept[3]) == names
    assert not await broken(unsynced_server.url, case)
