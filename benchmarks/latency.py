"""From an event to a readable profile, over the whole path, at a steady rate, among a million persons."""

from __future__ import annotations

from statistics import quantiles

import uvloop

from benchmarks.figures import Figure, Run, below
from benchmarks.live import QUICK_PER_SECOND, requests, waits
from benchmarks.visitors import PER_SECOND
from wakeline.durations import DAY_MS

WARM_S = 3
VISITORS = 20_000  # returning visitors, from the stand

FIGURES = (
    Figure("profile_p50_ms", f"event to readable profile at {PER_SECOND:,} events/s"),
    Figure("profile_p95_ms", "the same, 95 of 100", below(150)),
    Figure("profile_p99_ms", "the same, 99 of 100", below(300)),
)


def measure(run: Run) -> dict[str, float]:
    seconds, per_second = (3, QUICK_PER_SECOND) if run.quick else (25, PER_SECOND)
    stand = run.stand()
    stand.fall_due(lambda lane, members: dict.fromkeys(members, stand.now() + DAY_MS))  # after the measurement
    made = requests(per_second * (WARM_S + seconds), stand.visitors[:VISITORS])
    with stand.path.running("collector", "processor"):
        waited = uvloop.run(waits(stand.path.config.settings, made, per_second=per_second))
    took = [wait.took for wait in waited if wait.due >= WARM_S]
    at = quantiles(took, n=100, method="inclusive")
    run.say(f"{len(took)} profiles awaited, the slowest {1000 * max(took):.0f} ms")
    return {f"profile_p{percent}_ms": 1000 * at[percent - 1] for percent in (50, 95, 99)}
