"""Who has ended by age: what the site still counts by, in a replay too that knows whom it may not show."""

from __future__ import annotations

import pytest

from crm import lifetimes
from crm.state import VisitorState
from processor.replay import replay
from tests.ages import (
    ALICE,
    MONTHS,
    V,
    W,
    arrive,
    counted,
    due_of,
    identify,
    naming,
    pttl,
    until,
    visit,
)
from tests.timeline import DAY, MINUTE, START, Timeline, event
from wakeline.keys import Keys
from wakeline.record import Erase

# ---- what the site still counts by --------------------------------------------------------------------------------


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a room has it that counts by the last visit for 90 days."""

    def until(state: VisitorState) -> int:
        return state.closed[-1][1] + 90 * DAY if state.closed else 0

    monkeypatch.setitem(lifetimes.WINDOWS, VisitorState, (*lifetimes.WINDOWS[VisitorState], until))


@pytest.mark.parametrize("goes", ["erased", "withdrew", "ended"])
async def test_what_was_counted_is_known_while_a_window_is_open(quick: Timeline, window: None, goes: str) -> None:
    """In a replay too: whoever comes back meanwhile is not new, whoever comes later is."""
    await arrive(quick, visit(V, 0), visit(W, 0))
    await until(quick, DAY)
    for one in (V, W):
        if goes == "erased":
            await arrive(quick, Erase(site="shop", id=one, time=START + DAY), at=DAY)
        elif goes == "withdrew":
            await arrive(quick, event(one, "page-off", 0, DAY, "consent", level="off"))
    gone = MONTHS if goes == "ended" else DAY
    await until(quick, gone)
    assert not await quick.profile(V)
    assert goes == "withdrew" or await due_of(quick) == []
    state = quick.store.keys.state(quick.lane(V), "shop", V)
    assert abs(91 * DAY - gone - await pttl(quick, state)) < MINUTE
    await arrive(quick, visit(V, 60 * DAY), visit(W, 100 * DAY), visit(V, 100 * DAY))
    assert (await quick.totals())["new_visitors"] == 3
    await until(quick, 101 * DAY)
    await replay(quick.log, quick.redis, sites=quick.sites, deployment=quick.deployment, key_space=Keys(2))
    assert await counted(quick, Keys(2)) == await counted(quick)


async def test_pages_that_lie_outside_of_the_state_go_with_it(made: Timeline) -> None:
    """Redis would keep them for two weeks; a fold that is behind the log comes to the end before."""
    await arrive(made, *(event(V, f"page-{n:04}", 0, n * MINUTE, interests=["Leather"]) for n in range(300)))
    assert any(":pages:" in key for key in await naming(made, V))
    assert any(":page-interests:" in key for key in await naming(made, V))
    await until(made, 14 * MONTHS)
    assert await naming(made, V) == []


# ---- a replay ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("erased", ["", V, ALICE])
@pytest.mark.parametrize("batch", [1, 2_000])
async def test_a_replay_ends_who_has_ended(made: Timeline, erased: str, batch: int) -> None:
    """Also of whom it knows that they were erased since: what was counted again after the end is so again."""
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(W, 0))
    await until(made, 14 * MONTHS)
    await arrive(made, visit(V, 15 * MONTHS), identify(V, 15 * MONTHS, ALICE))
    await arrive(made, *(visit(V, month * MONTHS) for month in range(16, 42)))
    assert (await made.totals())["new_visitors"] == 4  # V three times: after 13 months of silence, and after 25 in all
    if erased:
        await arrive(made, Erase(site="shop", id=erased, time=START + 41 * MONTHS + DAY), at=41 * MONTHS + DAY)
    into = Keys(1 + batch)
    await replay(
        made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into, batch_records=batch
    )
    assert await counted(made, into) == await counted(made)
    for id in (V, W, ALICE):
        assert await made.profile(id, into) == await made.profile(id)
    assert [key.partition(":")[2] for key in await naming(made, W, into)] == []


async def test_a_replay_ends_a_link_that_an_erasure_left(made: Timeline) -> None:
    """Of somebody who was erased since, so that it makes no link."""
    await arrive(made, visit(V, 0), identify(V, DAY, ALICE), visit(V, 2 * DAY))
    await arrive(made, Erase(site="shop", id=V, time=START + 1_000, customer=ALICE), at=3 * DAY)
    await arrive(made, visit(V, 15 * MONTHS))
    await arrive(made, Erase(site="shop", id=V, time=START + 15 * MONTHS + DAY), at=15 * MONTHS + DAY)
    assert (await made.totals())["new_visitors"] == 2
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2))
    assert await counted(made, Keys(2)) == await counted(made)
