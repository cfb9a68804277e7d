"""From an event of a browser that a customer is linked to, to the customer's profile, at a steady rate, among a million
persons: the event is folded in the browser's lane, which tells the customer's.
"""

from __future__ import annotations

from statistics import quantiles

import uvloop

from benchmarks.figures import Figure, Run, below
from benchmarks.live import MARKED, QUICK_PER_SECOND, Marker, next_view, requests, waits
from benchmarks.mix import MIX
from benchmarks.visitors import PER_SECOND, customer_of, hash_of
from wakeline.durations import DAY_MS

WARM_S = 3
VISITORS = 20_000  # returning visitors, from the stand; others are the marked ones

FIGURES = (
    Figure("customer_p50_ms", f"event of a linked visitor to its customer's profile at {PER_SECOND:,} events/s"),
    Figure("customer_p95_ms", "the same, 95 of 100"),
    Figure("customer_p99_ms", "the same, 99 of 100", below(300)),
)


def measure(run: Run) -> dict[str, float]:
    seconds, per_second = (3, QUICK_PER_SECOND) if run.quick else (25, PER_SECOND)
    stand = run.stand()
    stand.fall_due(lambda lane, members: dict.fromkeys(members, stand.now() + DAY_MS))  # after the measurement
    others = VISITORS if len(stand.visitors) > 2 * VISITORS else len(stand.visitors) // 2
    made = requests(per_second * (WARM_S + seconds), stand.visitors[:others])
    linked = [visitor for visitor in stand.visitors[others:] if hash_of(visitor) % 100 < MIX.customers]
    count = 1 + len(made) // MARKED
    markers = [Marker(next_view(visitor), customer_of(visitor)) for visitor in linked[:count]]
    with stand.path.running("collector", "processor"):
        waited = uvloop.run(waits(stand.path.config.settings, made, per_second=per_second, markers=markers))
    took = [wait.took for wait in waited if wait.due >= WARM_S]
    at = quantiles(took, n=100, method="inclusive")
    run.say(f"{len(took)} customers awaited, the slowest {1000 * max(took):.0f} ms")
    return {f"customer_p{percent}_ms": 1000 * at[percent - 1] for percent in (50, 95, 99)}
