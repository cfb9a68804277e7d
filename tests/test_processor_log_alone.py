"""State is a function of the log alone: generated logs are divided, restored, killed and replayed.

tests/log_alone generates and compares them. A failing case is printed in its smallest form;
`make test-faults FAULTS_ARGS='--only "generated logs" --seed N --cases 1'` repeats the case of seed N.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.log_alone import checks, runs
from tests.log_alone.__main__ import SERVED
from tests.log_alone.cases import Case, Kind, case
from tests.log_alone.checks import CLAIMS, CUT, broken
from tests.log_alone.holdings import differences, met_at_once
from tests.log_alone.memory_redis import MEMORY
from tests.log_alone.reducing import reduced
from tests.log_alone.runs import FAULTS, TORN, Fault
from tests.thorough import cases
from tests.timeline import SITE
from wakeline.settings import InterestRule, Site

CASES, AT_ONCE = cases(1_000), 25
WHOLE = (2_000, 2_002, 2_003, 2_004)[: cases(4)]  # seeds of which every write fails, and every state is restored
ONCE_BROKE = (707_842, 713_536)  # seeds beyond CASES that showed a fault
MANY = cases(60)  # seeds that are replayed under another rule


async def failing(url: str, seeds: range) -> str:
    """What breaks with the first of these seeds that breaks, and its smallest case; "" where none does.

    Each case is cut, and beside that restored, killed or replayed, by turns; one in `SERVED` on a server.
    """
    for seed in seeds:
        asked = (CUT, CLAIMS[1 + seed % 3])
        where = url if seed % SERVED == 0 else MEMORY

        async def breaks(one: Case, asked: tuple[str, ...] = asked, where: str = where) -> bool:
            return bool(await broken(where, one, asked))

        if found := await broken(where, case(seed), asked):
            smallest = await reduced(case(seed), breaks)
            return "\n".join([f"seed {seed}", *found, "", str(smallest), *await broken(where, smallest, asked)])
    return ""


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
async def test_what_a_log_comes_to_depends_on_nothing_else(unsynced_server: Any, first: int) -> None:
    assert not await failing(unsynced_server.url, range(first, first + AT_ONCE))


@pytest.mark.parametrize("seed", ONCE_BROKE)
async def test_what_once_broke_holds(seed: int) -> None:
    assert not await broken(MEMORY, case(seed))


@pytest.mark.parametrize("seed", WHOLE)
async def test_every_write_may_fail_and_every_state_may_come_back(unsynced_server: Any, seed: int) -> None:
    """In every way in which one can; a torn one after each third of its commands."""
    url, made = unsynced_server.url, case(seed)
    lived = await runs.live(url, made, keeps=lambda written: True)
    lines: list[str] = []
    for kept in range(len(lived.kept)):
        for batch in (1, 2_000):
            lines += await checks.restored(url, made, lived, kept, batch=batch)
    for at in range(1, lived.writes + 1):
        for kind in FAULTS:
            for within in (0.0, 0.33, 0.66, 0.99) if kind == TORN and at % 4 == seed % 4 else (0.5,):
                lines += await checks.killed(url, made, lived, Fault(kind, at, within))
    assert not lines


@pytest.mark.parametrize("seed", range(3_000, 3_010))
async def test_the_log_on_redis_streams_comes_to_the_same(unsynced_server: Any, seed: int) -> None:
    """The same records with the same append times, read as the processor reads them."""
    url, made = unsynced_server.url, case(seed)
    lived = await runs.live(url, made)
    found, _ = await runs.settled(url, made, lived.lanes, batch=7, on_streams=True)
    wanted, _ = await runs.settled(url, made, lived.lanes, batch=7)
    assert not differences(found, wanted, exactly=True)


async def test_a_replay_under_another_rule_is_as_if_it_had_always_held(unsynced_server: Any) -> None:
    other = Site(key="shop", interests=(InterestRule(path="/shoes/*", interest="Boots"),))
    for seed in range(MANY):
        made = case(seed, Kind(facts=seed % 2 == 1))
        lived = await runs.live(unsynced_server.url, made, site=SITE)
        found = await runs.replayed(unsynced_server.url, made, lived, batch=7, site=other)
        wanted = (await runs.live(unsynced_server.url, made, site=other)).holdings
        assert not differences(met_at_once(found), met_at_once(wanted)), f"seed {seed}"
