"""Every metric of the read side, name and meaning together.

The business numbers are rendered from Redis at each scrape, so they survive restarts. What people did
since the start are counters; windows are gauges, on which `rate` has no meaning. Their label `window` is
one of `numbers.WINDOWS`; add up sites or lanes, never windows, which overlap.
"""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from wakeline import keys, numbers
from wakeline.numbers import Count, Top


class Family(NamedTuple):
    """One metric that is rendered from Redis."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    unit: float = 1.0  # of what Redis holds, in the metric's base unit

    def empty(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self.kind(self.name, self.help, labels=self.labels)


def _gauge(name: str, help: str, *labels: str, unit: float = 1.0) -> Family:
    return Family(GaugeMetricFamily, name, help, labels, unit)


def _total(number: Count) -> Family:
    return Family(CounterMetricFamily, f"wakeline_{number.metric}_total", number.help, ("site",), number.unit)


def _today(number: Count) -> Family:
    help = f"{number.help}, today in the site's time zone"
    return _gauge(f"wakeline_{number.metric}_today", help, "site", unit=number.unit)


def _top(top: Top) -> Family:
    help = f"{top.help}: the top values, the rest as {keys.OTHER}"
    return _gauge(f"wakeline_{top.metric}_window", help, "site", "window", top.label, unit=top.unit)


# ---- a site: now, since the start, today, the tops -----------------------------------------------

LIVE_VISITORS = _gauge(
    "wakeline_live_visitors", "Visitors on the site now, or seen in the last 5 or 30 minutes", "site", "window"
)

TOTALS = {each.name: _total(each) for each in numbers.COUNTS if each.has_total}
"""By field of `keys.totals`."""

DAY = {each.name: _today(each) for each in numbers.COUNTS}
"""By field of `keys.day`."""

TOPS = {each.name: _top(each) for each in numbers.TOPS}
"""By name of the list. The live ones have every window, the others today's alone."""

# ---- the deployment: its books -------------------------------------------------------------------

OPEN_SESSIONS = _gauge("wakeline_open_sessions", "Sessions that have not ended yet, all sites together")
LEDGER_RECORDS = _gauge(
    "wakeline_ledger_records", "Records of the log by what became of them; together the log's end", "state"
)
LEDGER_DIFFERENCE = _gauge(
    "wakeline_ledger_difference", "Records by which a lane's place and its ledger or its log disagree: 0, or a fault"
)
DEAD_LETTERS = Family(
    CounterMetricFamily, "wakeline_dead_letters_total", "Records that could not be folded and were set aside", ()
)
LAG = _gauge("wakeline_lag_seconds", "Age of the oldest record that is in the log and not in the profiles")
CLOCK_AHEAD = _gauge(
    "wakeline_clock_ahead_seconds",
    "How far a clock is ahead of this machine's, negative: behind. redis: the server's; log: of the newest applied "
    "record, 0 where it is not ahead",
    "clock",
)
READ_SECONDS = _gauge("wakeline_numbers_read_seconds", "How long it took to read this answer's numbers from Redis")

FAMILIES = (
    LIVE_VISITORS,
    *TOTALS.values(),
    *DAY.values(),
    *TOPS.values(),
    OPEN_SESSIONS,
    LEDGER_RECORDS,
    LEDGER_DIFFERENCE,
    DEAD_LETTERS,
    LAG,
    CLOCK_AHEAD,
    READ_SECONDS,
)

# ---- this process --------------------------------------------------------------------------------

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

PROFILE_ANSWERS = Counter(
    "wakeline_profile_answers", "Answers to GET /v1/profiles by reason; ok: a profile", ["reason"], registry=REGISTRY
)
PROFILE_SECONDS = Histogram(
    "wakeline_profile_seconds",
    "How long a profile took to read from Redis",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
    registry=REGISTRY,
)
