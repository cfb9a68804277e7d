"""Every metric of the read side, name and meaning together.

The business numbers are rendered from Redis at each scrape, so they survive restarts. What people did
since the start are counters; windows are gauges, on which `rate` has no meaning. Their label `window` is
one of WINDOWS; add up sites or lanes, never windows, which overlap.
"""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from wakeline import keys
from wakeline.definitions import LIVE_WINDOWS_MS

TODAY = "today"  # the site's day, in its time zone
WINDOWS = (*LIVE_WINDOWS_MS, TODAY)
"""5m: this minute and the four before it; 30m: these five minutes and the five times five before them."""


class Family(NamedTuple):
    """One metric that is rendered from Redis."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    unit: float = 1.0  # of what Redis holds, in the metric's base unit

    def empty(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self.kind(self.name, self.help, labels=self.labels)


def _counter(name: str, help: str, unit: float = 1.0) -> Family:
    return Family(CounterMetricFamily, name, help, ("site",), unit)


def _gauge(name: str, help: str, *labels: str, unit: float = 1.0) -> Family:
    return Family(GaugeMetricFamily, name, help, labels, unit)


def _today(name: str, help: str, unit: float = 1.0) -> Family:
    return _gauge(f"{name}_today", f"{help}, today in the site's time zone", "site", unit=unit)


def _top(name: str, help: str, label: str, unit: float = 1.0) -> Family:
    return _gauge(
        f"{name}_window", f"{help}: the top values, the rest as {keys.OTHER}", "site", "window", label, unit=unit
    )


MS = 0.001

# ---- a site: now, since the start, today, the tops -----------------------------------------------

LIVE_VISITORS = _gauge(
    "wakeline_live_visitors", "Visitors on the site now, or seen in the last 5 or 30 minutes", "site", "window"
)
LIVE_WINDOWS = ("now", *LIVE_WINDOWS_MS)

TOTALS = {
    "page_views": _counter("wakeline_page_views_total", "Page views of humans"),
    "sessions": _counter("wakeline_sessions_total", "Sessions that ended"),
    "bounces": _counter("wakeline_bounces_total", "Sessions that ended with one page view and no engagement"),
    "engaged_ms": _counter("wakeline_engaged_seconds_total", "Time that pages were visible and focused", MS),
    "events": _counter("wakeline_custom_events_total", "Custom events: what visitors did"),
    "bot_events": _counter("wakeline_bot_events_total", "Events of bots, which count nowhere else"),
    "new_visitors": _counter("wakeline_new_visitors_total", "Profiles made"),
    "identified": _counter("wakeline_identified_total", "Visitors linked to a customer"),
    "withdrawals": _counter("wakeline_withdrawals_total", "Visitors who withdrew their consent"),
}
"""By field of `keys.totals`."""

DAY = {
    "page_views": _today("wakeline_page_views", "Page views of humans"),
    "visits": _today("wakeline_visits", "Sessions that began"),
    "sessions": _today("wakeline_sessions", "Sessions that ended"),
    "bounces": _today("wakeline_bounces", "Sessions that ended with one page view and no engagement"),
    "engaged_ms": _today("wakeline_engaged_seconds", "Time that pages were visible and focused", MS),
    "events": _today("wakeline_custom_events", "Custom events: what visitors did"),
    "bot_events": _today("wakeline_bot_events", "Events of bots"),
    "new_visitors": _today("wakeline_new_visitors", "Profiles made"),
    "identified": _today("wakeline_identified", "Visitors linked to a customer"),
    "withdrawals": _today("wakeline_withdrawals", "Visitors who withdrew their consent"),
}
"""By field of `keys.day`."""

TOPS = {
    "pages": _top("wakeline_page_views", "Page views by page path", "page"),
    "sources": _top("wakeline_visits", "Sessions that began, by source", "source"),
    "interests": _top("wakeline_interest", "Signs of interest, by interest", "interest"),
    "engaged_ms": _top("wakeline_engaged_seconds", "Engaged time by page path", "page", MS),
    "entries": _top("wakeline_entries", "Sessions by the page they began on", "page"),
    "exits": _top("wakeline_exits", "Sessions by the page they ended on", "page"),
    "campaigns": _top("wakeline_campaign_visits", "Sessions that began, by campaign", "campaign"),
    "events": _top("wakeline_custom_events", "Custom events by name, also what pages say of themselves", "event"),
    "bots": _top("wakeline_bot_events", "Events of bots by bot", "bot"),
}
"""By name in `keys.TOPS`. Those of `keys.LIVE_TOPS` have every window, the others today's alone."""

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
