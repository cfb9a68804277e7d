"""A log's clock that was once far ahead ends nobody; where time has gone on, people end a little later."""

from __future__ import annotations

import pytest

from processor.clock import CONFIRMED_MS, JUMP_MS
from processor.replay import replay
from tests.ages import ALICE, MONTHS, V, W, arrive, identify, jump, naming, pttl, until, visit
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, event
from wakeline.keys import Keys

YEAR = 12 * MONTHS


async def everybody(made: Timeline, keys: Keys | None = None) -> list[dict[str, str]]:
    return [await made.profile(one, keys) for one in (V, W, ALICE)]


async def test_a_clock_that_was_two_years_ahead_once_ends_nobody(made: Timeline) -> None:
    """Everything that follows has that time, until the right one has caught up."""
    await arrive(made, visit(V, 0), identify(V, 0, ALICE), visit(W, DAY))
    before = await everybody(made)
    await jump(made, 2 * YEAR)
    for _ in range(3):
        await made.pass_time(0)
    assert await everybody(made) == before
    await jump(made, 2 * YEAR + SECOND)
    assert await everybody(made) == before
    await made.append(event(V, "page-later", 0, 2 * DAY), at=2 * YEAR + SECOND)
    await made.run()
    assert await pttl(made, made.store.keys.state(made.lane(V), "shop", V)) > YEAR


@pytest.mark.parametrize("batch", [1, 1_000])
async def test_where_nobody_came_for_long_people_end_half_a_day_after_the_next_record(
    made: Timeline, batch: int
) -> None:
    """The tick that their end asks for; and however the log is cut, and in a replay too."""
    await arrive(made, visit(V, 0), identify(V, 0, ALICE))
    await made.pass_time(13 * MONTHS)
    end = made.now - START + CONFIRMED_MS
    await made.pass_time(CONFIRMED_MS - 1)
    assert await made.profile(V)
    await made.pass_time(1)
    assert made.now == START + end
    await until(made, end + MINUTE)
    assert await naming(made, V) == []
    assert (await made.profile(ALICE))["visitors"] == "[]"
    await replay(
        made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2), batch_records=batch
    )
    assert [key for key in await naming(made, V, Keys(2)) if not key.endswith(":outbox")] == []
    assert await everybody(made, Keys(2)) == await everybody(made)


@pytest.mark.parametrize(("gap", "ends"), [(JUMP_MS, True), (JUMP_MS + 1, False)])
async def test_only_a_long_gap_is_a_jump(made: Timeline, gap: int, ends: bool) -> None:
    await arrive(made, visit(V, 0))
    await until(made, 13 * MONTHS - gap)
    await jump(made, 13 * MONTHS)
    assert bool(await made.profile(V)) is not ends


async def test_the_doubt_outlasts_a_restart(made: Timeline) -> None:
    """For those, too, who would end in it, of whom nothing was known at the jump."""
    await arrive(made, visit(V, 0), visit(W, MONTHS + CONFIRMED_MS // 2))
    await until(made, MONTHS + DAY)
    await jump(made, 14 * MONTHS)
    await made.start()
    await jump(made, 14 * MONTHS + CONFIRMED_MS - 1)
    assert await made.profile(V)
    assert await made.profile(W)
    await made.start()
    await jump(made, 14 * MONTHS + CONFIRMED_MS)
    assert not await made.profile(V)
    assert not await made.profile(W)


async def test_visits_end_in_the_doubt_too(made: Timeline) -> None:
    """They are counted then, and nothing is gone."""
    await arrive(made, visit(V, 0))
    await jump(made, 14 * MONTHS)
    assert (await made.totals())["sessions"] == 1
    assert await made.profile(V)
