"""PromQL queries of the panels for operators: all sites and processes together."""

from __future__ import annotations

from dashboards.board import Fresh, Query
from dashboards.queries import RATE


def _last(expr: str, legend: str) -> Query:
    return Query(expr, legend, Fresh.LAST)


def _now(expr: str, legend: str) -> Query:
    return Query(expr, legend, Fresh.NOW)


INTAKE = (
    _last(f"sum(rate(wakeline_collector_accepted_total{RATE}))", "accepted"),
    _last(f"sum(rate(wakeline_collector_rejected_total{RATE}))", "rejected"),
    _last(f"sum(rate(wakeline_collector_unavailable_total{RATE}))", "unavailable"),
    _last(f"sum by (short_of) (rate(wakeline_collector_counted_only_total{RATE})) > 0", "only_counted"),
)
REFUSALS = _last(f"sum by (reason) (rate(wakeline_collector_rejected_total{RATE})) > 0", "{{reason}}")
LAG = (
    _now("wakeline_lag_seconds", "oldest_record"),
    _last(
        f"histogram_quantile(0.95, sum by (le) (rate(wakeline_processor_event_age_seconds_bucket{RATE})))",
        "event_to_profile",
    ),
    _last(
        f"histogram_quantile(0.95, sum by (le) (rate(wakeline_collector_request_seconds_bucket{RATE})))",
        "collectors_answer",
    ),
)
BOOKS = (
    _now("sum(abs(wakeline_collector_ledger_difference))", "collector"),
    _now("wakeline_ledger_difference", "lanes"),
    Query("wakeline_dead_letters_total", "dead_letters", Fresh.START),
)
WAITING = (
    _now("sum(wakeline_collector_spool_records)", "in_spool"),
    _now("wakeline_archiver_lag_records", "in_log"),
)
RECORDS = Query("sort_desc(wakeline_ledger_records)", "{{state}}", Fresh.START)
UP = _now('min by (job) (up{job=~"wakeline-.+"})', "{{job}}")
MEMORY = _now('sum by (job) (process_resident_memory_bytes{job=~"wakeline-.+"})', "{{job}}")
SERVER_MEMORY = (
    _now("max(wakeline_collector_memory_share)", "in_use"),
    _now('max(wakeline_collector_memory_share_once_folded{profiles="none"})', "once_counted"),
    _now('max(wakeline_collector_memory_share_once_folded{profiles="all"})', "once_profiles"),
)
