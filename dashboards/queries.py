"""PromQL queries of the panels. $site and $window are the dashboard's variables.

Windows are gauges with absolute values: no rate, no sum over `window`.
"""

from __future__ import annotations

from dashboards.panels import Query
from wakeline.keys import OTHER
from wakeline.numbers import Count, Money, Top

SITE = 'site="$site"'
RATE = "[$__rate_interval]"


def live(window: str) -> Query:
    return Query(f'wakeline_live_visitors{{{SITE},window="{window}"}}', window)


def today(number: Count) -> Query:
    return Query(f"wakeline_{number.metric}_today{{{SITE}}}", _legend(number))


def net(gained: Money, back: Money) -> Query:
    """Today's amount by currency, less what was taken back today."""
    return Query(f"wakeline_{gained.metric}_today{{{SITE}}} - wakeline_{back.metric}_today{{{SITE}}}", "{{currency}}")


def amount(money: Money) -> Query:
    """Today's amount by currency."""
    return Query(f"wakeline_{money.metric}_today{{{SITE}}}", "{{currency}}")


def grown(gained: Money, back: Money, *, over: str) -> tuple[Query, Query]:
    """What was gained and taken back within a time, e.g. 1h, by currency."""
    return (
        Query(f"increase(wakeline_{gained.metric}_total{{{SITE}}}[{over}])", "gained, {{currency}}"),
        Query(f"increase(wakeline_{back.metric}_total{{{SITE}}}[{over}])", "taken back, {{currency}}"),
    )


def share(part: Count, whole: Count) -> Query:
    """Today's `part` per `whole`; no value while `whole` is 0."""
    return Query(f"wakeline_{part.metric}_today{{{SITE}}} / (wakeline_{whole.metric}_today{{{SITE}}} > 0)", part.metric)


def per_minute(number: Count) -> Query:
    return Query(f"60 * rate(wakeline_{number.metric}_total{{{SITE}}}{RATE})", _legend(number))


def total(number: Count) -> Query:
    """Since the start."""
    return Query(f"wakeline_{number.metric}_total{{{SITE}}}", _legend(number))


def _legend(number: Count) -> str:
    return number.metric.replace("_", " ")


def top(list: Top, *, window: str = "$window") -> tuple[Query, Query]:
    """The largest values first, and the sum of all others last."""
    metric = f'wakeline_{list.metric}_window{{{SITE},window="{window}",{list.label}'
    return Query(f'sort_desc({metric}!="{OTHER}"}})', f"{{{{{list.label}}}}}"), Query(f'{metric}="{OTHER}"}}', OTHER)


# ---- for operators: all sites and processes together ---------------------------------------------

INTAKE = (
    Query(f"sum(rate(wakeline_collector_accepted_total{RATE}))", "accepted"),
    Query(f"sum(rate(wakeline_collector_rejected_total{RATE}))", "rejected"),
    Query(f"sum(rate(wakeline_collector_unavailable_total{RATE}))", "unavailable"),
    Query(f"sum by (short_of) (rate(wakeline_collector_counted_only_total{RATE})) > 0", "only counted: {{short_of}}"),
)
REFUSALS = Query(f"sum by (reason) (rate(wakeline_collector_rejected_total{RATE})) > 0", "{{reason}}")
LAG = (
    Query("wakeline_lag_seconds", "oldest record not in the profiles"),
    Query(
        f"histogram_quantile(0.95, sum by (le) (rate(wakeline_processor_event_age_seconds_bucket{RATE})))",
        "event to profile, p95",
    ),
    Query(
        f"histogram_quantile(0.95, sum by (le) (rate(wakeline_collector_request_seconds_bucket{RATE})))",
        "collector's answer, p95",
    ),
)
BOOKS = (
    Query("sum(abs(wakeline_collector_ledger_difference))", "collector"),
    Query("wakeline_ledger_difference", "lanes"),
    Query("wakeline_dead_letters_total", "dead letters"),
)
WAITING = (
    Query("sum(wakeline_collector_spool_records)", "in the spool, not in the log"),
    Query("wakeline_archiver_lag_records", "in the log, not in the history"),
)
RECORDS = Query("sort_desc(wakeline_ledger_records)", "{{state}}")
UP = Query('min by (job) (up{job=~"wakeline-.+"})', "{{job}}")
MEMORY = Query('sum by (job) (process_resident_memory_bytes{job=~"wakeline-.+"})', "{{job}}")
SERVER_MEMORY = (
    Query("max(wakeline_collector_memory_share)", "in use"),
    Query('max(wakeline_collector_memory_share_once_folded{profiles="none"})', "once the backlog is counted"),
    Query('max(wakeline_collector_memory_share_once_folded{profiles="all"})', "once all of it creates profiles"),
)
