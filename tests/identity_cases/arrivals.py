"""Orders in which what was said arrives, and what a processor makes of each."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from tests.identity_cases.said import HOUR, Story
from tests.log_alone import runs
from tests.log_alone.cases import ENDS, Case, Kind, Step, bounds_of
from tests.log_alone.holdings import Holdings
from tests.log_alone.runs import FAULTS, Fault
from tests.timeline import DAY, MINUTE, SECOND, START, whose
from wakeline.record import encode_record

IN_ORDER, LATE, SHUFFLED = "in order", "late", "shuffled"
DELAYS = (0, 0, 1, 5 * SECOND, 2 * MINUTE, 40 * MINUTE, 3 * HOUR, DAY)
AFTER_ALL = 3 * DAY


class Arrived(NamedTuple):
    """How it arrived and was folded, and what Redis holds then."""

    how: str
    holdings: Holdings
    case: Case


def arrival(story: Story, how: str, number: int) -> Case:
    """One order of arrival, with records that come twice."""
    rng = random.Random(f"{story.seed} {how} {number}")
    at = [record.time - START for record in story.records]
    if how == LATE:
        at = [time + rng.choice(DELAYS) for time in at]
    elif how == SHUFFLED:
        at = [AFTER_ALL + rng.randrange(HOUR) for _ in at]
    rank = [(time, rng.random() if how != IN_ORDER else 0.0) for time in at]
    for _ in story.said:  # until nothing arrives before what it has to follow
        for one, (_, after) in enumerate(story.said):
            latest = max((rank[other] for other in after), default=rank[one])
            if latest >= rank[one]:
                rank[one] = (latest[0], latest[1] + (1.0 if after else 0.0))
    arriving = sorted((place, one) for one, place in enumerate(rank))
    again = [((time + rng.choice(DELAYS), 9.0), one) for (time, _), one in arriving if rng.random() < 0.1]
    steps = [_step(rng, story, one, time) for (time, _), one in sorted([*arriving, *again])]
    kind = Kind(crowded=rng.random() < 0.15)
    return Case(
        story.seed,
        kind,
        lanes=rng.choice((1, 2, 3, 4)),
        batch=rng.choice((1, 2, 5, 2_000)),
        steps=tuple(steps),
        end=rng.choice(ENDS),
        draws=tuple(rng.random() for _ in range(8)),
        bounds=bounds_of(rng, kind) | {"crm.identity.forgetting.MAX_VISITORS": 100},
    )


def _step(rng: random.Random, story: Story, number: int, at: int) -> Step:
    record: Any = story.said[number].record
    if hasattr(record, "received"):
        record = replace(record, received=START + at)
    return Step(at, whose(record), encode_record(record), folds=rng.random() < 0.6, ticks=rng.random() < 0.3)


async def arrived(url: str, story: Story) -> AsyncIterator[Arrived]:
    """In order, late and shuffled; one of them killed, one restored, one replayed."""
    rng = random.Random(f"{story.seed} faults")
    replayed = rng.choice((IN_ORDER, LATE, SHUFFLED))
    for how in (IN_ORDER, LATE, SHUFFLED):
        case = arrival(story, how, 0)
        lived = await runs.live(url, case, keeps=lambda written: rng.random() < 1 / written)
        yield Arrived(how, lived.holdings, case)
        if how == LATE:
            fault = Fault(rng.choice(FAULTS), 1 + int(case.draws[3] * lived.writes), case.draws[4])
            yield Arrived(f"{how}, {fault}", (await runs.live(url, case, fault=fault)).holdings, case)
        if how == SHUFFLED and lived.kept:
            found = await runs.restored(url, case, lived, lived.kept[-1], batch=case.batch)
            yield Arrived(f"{how}, restored", found, case)
        if how == replayed:
            yield Arrived(f"{how}, replayed", await runs.replayed(url, case, lived, batch=7), case)
