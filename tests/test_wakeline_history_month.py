"""A month of visits, trimmed from the log daily: folded from the history, it gives the live state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.archiving import Archiver
from processor.replay import replay
from processor.retention import trim
from tests.archive_stand import Ours
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits
from wakeline.history import History, HistoryLog
from wakeline.history.identity import archived
from wakeline.keys import Keys
from wakeline.log import LogGap
from wakeline.record import Event

LANES = 4
WEEKS = 5
VISITORS = 30
KEPT_DAYS = 2  # in the log
AGAIN = Keys(2)


def a_month_of_visits(seed: int) -> Iterator[list[Event]]:
    """Week after week the same visitors come back; some events come a day late, some twice."""
    rng = random.Random(seed)
    for week in range(WEEKS):
        later = week * 7 * DAY
        events = [
            msgspec.structs.replace(
                event, page=f"w{week}-{event.page}", time=event.time + later, received=event.received + later
            )
            for event in a_week_of_visits(rng, visitors=VISITORS)
        ]
        yield events + rng.sample(events, len(events) // 20)


def by_arrival(events: list[Event], rng: random.Random) -> list[tuple[int, Event]]:
    """(ms after START, event), in the order of the log."""
    found = [(event.time - START + (DAY if rng.random() < 0.02 else rng.randrange(2_000)), event) for event in events]
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize("seed", range(2))
async def test_a_month_that_the_log_has_trimmed_is_replayed_from_the_history(
    made: Timeline, tmp_path: Path, seed: int
) -> None:
    history = History(str(tmp_path))
    archiver = Archiver(
        made.log, history, made.redis, lanes=LANES, seal_s=600.0, lease=Ours(), wait_ms=0, clock=lambda: made.now / 1000
    )
    rng = random.Random(seed)
    await archiver.open()
    records = 0
    for week in a_month_of_visits(seed):
        day = -1
        for at, event in by_arrival(week, rng):
            if (at // DAY) != day:
                day = at // DAY
                await a_day_passes(made, archiver)
            await made.append(event, at=at)
            records += 1
        await a_day_passes(made, archiver)
    await made.pass_time(60 * MINUTE)
    while await archiver.step():
        pass
    await archiver.seal_all()
    await a_day_passes(made, archiver)

    held = await made.log.bounds(range(LANES))
    assert all(bounds.first > 0 for bounds in held.values())
    assert sum(bounds.end - bounds.first for bounds in held.values()) < records / 5, "nearly all of it is trimmed"
    facts: dict[str, Any] = {"sites": made.sites, "deployment": made.deployment, "key_space": AGAIN}
    with pytest.raises(LogGap):
        await replay(made.log, made.redis, **facts | {"key_space": Keys(3)})
    both = HistoryLog(History(str(tmp_path)), made.log)
    await replay(both, made.redis, batch_records=rng.randrange(50, 500), **facts)

    ids = [f"visitor-{n}" for n in range(VISITORS)] + ["@customer0", "@customer1"]
    days = [f"{date:%Y-%m-%d}" for date in dates()]
    live, again = await made.numbers(ids, days), await made.numbers(ids, days, AGAIN)
    assert live == again
    assert live["totals"]["page_views"] > 500
    busy = [number for number, day in enumerate(days) if live[day]]
    assert busy[-1] - busy[0] >= 28, "it was a month"
    assert await made.ledger() == await made.ledger(AGAIN)
    scores, scores_again = await made.scores(ids), await made.scores(ids, AGAIN)
    assert len(scores) > VISITORS
    assert scores_again == pytest.approx(scores, rel=1e-9)


async def a_day_passes(made: Timeline, archiver: Archiver) -> None:
    """The processor catches up, the archiver seals, the log forgets."""
    await made.run()
    await made.pass_time(0)
    while await archiver.step():
        pass
    await archiver.seal_all()
    ends = await archived(made.redis, await made.log.identity())
    for worker in made.workers:
        await trim(
            made.log,
            worker.lane,
            place=worker.place.offset,
            ends=ends,
            max_records=10**9,
            oldest=made.now - KEPT_DAYS * DAY,
        )


def dates() -> Iterator[datetime]:
    first = datetime.fromtimestamp(START / 1000, UTC)
    return (first + timedelta(days=n) for n in range(WEEKS * 7 + 2))
