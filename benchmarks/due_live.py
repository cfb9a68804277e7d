"""Time from an event to a readable profile while thousands of visits end, among a million persons.

The visits of the stand end within an hour. Every few seconds BURST visits of one lane end in the same millisecond, all
before the lane's next record.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import quantiles

import uvloop

from benchmarks.figures import Figure, Run, below
from benchmarks.live import QUICK_PER_SECOND, requests, waits
from benchmarks.stand import Stand
from benchmarks.visitors import PER_SECOND, SITE
from wakeline.durations import MINUTE_MS
from wakeline.keys import Keys
from wakeline.numbers import SESSIONS

BURST = 10_000
EVERY_S = 5
BURSTS = 5  # each in another lane
WARM_S = 5
VISITORS = 20_000  # returning visitors, from the stand
WITHIN_MS = 60 * MINUTE_MS
QUICK_LEAD_S = 6.0
LEADS_S = (25.0, 60.0, 150.0)  # to set the deadlines and start the services; the next one if that is not enough
FIRED_S = 60.0  # for the deadlines left when the load ends

FIGURES = (
    Figure(
        "due_live_p99_ms",
        f"event to readable profile at {PER_SECOND:,} events/s, 99 of 100, while a million visits end within an hour "
        f"and {BURST:,} of one lane at once, every {EVERY_S} s",
        below(300),
    ),
    Figure("due_live_p50_ms", "the same, half of them"),
    Figure("due_live_max_ms", "the same, the slowest"),
)


def measure(run: Run) -> dict[str, float]:
    burst, bursts, per_second = (50, 1, QUICK_PER_SECOND) if run.quick else (BURST, BURSTS, PER_SECOND)
    leads = (QUICK_LEAD_S, *LEADS_S) if run.quick else LEADS_S
    stand = run.stand()
    made = requests(per_second * (WARM_S + bursts * EVERY_S), stand.visitors[:VISITORS])
    before = _ended(stand)
    with _due_after_start(stand, burst, bursts, leads) as (start, times):
        waited = uvloop.run(waits(stand.path.config.settings, made, per_second=per_second, start=start))
        _await_fired(stand, times)
    ended = _ended(stand) - before
    if ended < 0.9 * burst * bursts:
        raise RuntimeError(f"{ended} visits ended, of {burst * bursts} in the bursts")
    took = [wait.took for wait in waited if wait.due >= WARM_S]
    at = quantiles(took, n=100, method="inclusive")
    run.say(f"{ended:,} visits ended; {len(took)} profiles awaited, the slowest {1000 * max(took):.0f} ms")
    return {"due_live_p99_ms": 1000 * at[98], "due_live_p50_ms": 1000 * at[49], "due_live_max_ms": 1000 * max(took)}


@contextmanager
def _due_after_start(
    stand: Stand, burst: int, bursts: int, leads: Sequence[float]
) -> Iterator[tuple[float, dict[int, int]]]:
    """Runs the services; yields the load's start (seconds since 1970), and by lane the time of its burst (ms)."""
    for lead in leads:
        start = time.time() + lead
        times = {lane: round(1000 * (start + WARM_S + lane * EVERY_S)) for lane in range(bursts)}
        _spread(stand, round(1000 * start), burst, times)
        with stand.path.running("collector", "processor"):
            if time.time() < start:
                yield start, times
                return
    raise RuntimeError(f"the services did not start within {leads[-1]:.0f} s")


def _spread(stand: Stand, start: int, burst: int, times: Mapping[int, int]) -> None:
    """Spread the deadlines over the hour after `start`, except the bursts (lane -> ms)."""
    chance = random.Random(1)

    def when(lane: int, members: list[bytes]) -> dict[bytes, int]:
        found = {member: start + chance.randrange(WITHIN_MS) for member in members}
        if lane in times:
            found |= dict.fromkeys(chance.sample(members, burst), times[lane])
        return found

    stand.fall_due(when)


def _await_fired(stand: Stand, times: Mapping[int, int]) -> None:
    deadline = time.monotonic() + FIRED_S
    while any(stand.client.zcount(Keys().due(lane), "-inf", at) for lane, at in times.items()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"visits that were due have not ended {FIRED_S:.0f} s later")
        time.sleep(0.1)


def _ended(stand: Stand) -> int:
    with stand.client.pipeline(transaction=False) as pipe:
        for lane in range(stand.deployment.lanes):
            pipe.hget(Keys().totals(lane, SITE.key), SESSIONS.name)
        return sum(int(found or 0) for found in pipe.execute())
