"""Every metric of the read side with its meaning.

The business numbers are read from Redis, so they survive restarts. Totals since the start are counters;
windows are gauges, for which `rate` is meaningless. Their label `window` is one of `numbers.WINDOWS`; sum over sites or
lanes, never over windows, which overlap.
"""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from wakeline import keys, numbers
from wakeline.numbers import MS, Count, Money, Pending, Top


class Family(NamedTuple):
    """A metric rendered from Redis."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    unit: float = 1.0  # of the value in Redis, in the metric's base unit

    def empty(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self.kind(self.name, self.help, labels=self.labels)


def gauge(name: str, help: str, *labels: str, unit: float = 1.0) -> Family:
    return Family(GaugeMetricFamily, name, help, labels, unit)


def _total(number: Count) -> Family:
    return Family(CounterMetricFamily, f"wakeline_{number.metric}_total", number.help, ("site",), number.unit)


def _today(number: Count) -> Family:
    help = f"{number.help}, today in the site's time zone"
    return gauge(f"wakeline_{number.metric}_today", help, "site", unit=number.unit)


def _amount_total(money: Money) -> Family:
    help = f"{money.help}, in units of the currency"
    return Family(CounterMetricFamily, f"wakeline_{money.metric}_total", help, ("site", "currency"))


def _amount_today(money: Money) -> Family:
    help = f"{money.help}, today in the site's time zone, in units of the currency"
    return gauge(f"wakeline_{money.metric}_today", help, "site", "currency")


def _pending(pending: Pending) -> Family:
    return gauge(f"wakeline_{pending.metric}", f"{pending.help}, as of now", "site")


def _oldest(pending: Pending) -> Family:
    return gauge(f"wakeline_{pending.metric}_oldest_seconds", f"{pending.help}: age of the oldest", "site", unit=MS)


def _top(top: Top) -> Family:
    help = f"{top.help}: the top values, the rest as {keys.OTHER}"
    return gauge(f"wakeline_{top.metric}_window", help, "site", "window", top.label, unit=top.unit)


# ---- a site: now, since the start, today, the tops -----------------------------------------------

LIVE_VISITORS = gauge(
    "wakeline_live_visitors", "Visitors on the site now, or seen in the last 5 or 30 minutes", "site", "window"
)

TOTALS = {each.name: _total(each) for each in numbers.COUNTS if each.has_total}
"""By field of `keys.totals`."""

DAY = {each.name: _today(each) for each in numbers.COUNTS}
"""By field of `keys.day`."""

MONEY_TOTALS = {each.name: _amount_total(each) for each in numbers.MONEYS}
MONEY_DAY = {each.name: _amount_today(each) for each in numbers.MONEYS}
"""The same of amounts, by what comes before the currency: of currencies in which a site has some, see `budget`."""

LIVE_MONEYS = {
    each.name: gauge(f"wakeline_{each.metric}_window", f"{each.help}, in units of it", "site", "window", "currency")
    for each in numbers.LIVE_MONEYS
}
"""By name; of sites with a main currency."""

CURRENCIES_LEFT_OUT = gauge(
    "wakeline_currencies_left_out", "Currencies of a site's orders and carts whose amounts are not shown", "site"
)

PENDING = {each.name: _pending(each) for each in numbers.PENDINGS}
OLDEST = {each.name: _oldest(each) for each in numbers.PENDINGS}
"""By name of what is pending."""

TOPS = {each.name: _top(each) for each in numbers.TOPS}
"""By name of the list. Live lists have every window, the others only today's."""

# ---- the deployment: its books -------------------------------------------------------------------

OPEN_SESSIONS = gauge("wakeline_open_sessions", "Sessions that have not ended yet, all sites together")
LEDGER_RECORDS = gauge("wakeline_ledger_records", "Records of the log by outcome; their sum is the log's end", "state")
LEDGER_DIFFERENCE = gauge(
    "wakeline_ledger_difference", "Records by which a lane's place differs from its ledger or its log: 0, or a bug"
)
DEAD_LETTERS = Family(
    CounterMetricFamily, "wakeline_dead_letters_total", "Records that could not be folded and were set aside", ()
)
LAG = gauge("wakeline_lag_seconds", "Age of the oldest record in the log that is not in the profiles yet")
CLOCK_AHEAD = gauge(
    "wakeline_clock_ahead_seconds",
    "How far a clock is ahead of this machine's (negative: behind). redis: the server's; log: the newest applied "
    "record, 0 if not ahead",
    "clock",
)
READ_SECONDS = gauge("wakeline_numbers_read_seconds", "Time to read this answer's numbers from Redis")
AGE = gauge("wakeline_numbers_age_seconds", "How long ago reading this answer's numbers began")

FAMILIES = (
    LIVE_VISITORS,
    *TOTALS.values(),
    *DAY.values(),
    *MONEY_TOTALS.values(),
    *MONEY_DAY.values(),
    *LIVE_MONEYS.values(),
    CURRENCIES_LEFT_OUT,
    *PENDING.values(),
    *OLDEST.values(),
    *TOPS.values(),
    OPEN_SESSIONS,
    LEDGER_RECORDS,
    LEDGER_DIFFERENCE,
    DEAD_LETTERS,
    LAG,
    CLOCK_AHEAD,
    READ_SECONDS,
    AGE,
)

# ---- this process --------------------------------------------------------------------------------

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

PROFILE_ANSWERS = Counter(
    "wakeline_profile_answers", "Answers to GET /v1/profiles by reason; ok: a profile", ["reason"], registry=REGISTRY
)
KEY_ANSWERS = Counter(
    "wakeline_key_answers",
    "Requests to read with an API key, by scope and reason; ok: the key may read, and of cards: it was answered",
    ["scope", "reason"],
    registry=REGISTRY,
)
PROFILE_SECONDS = Histogram(
    "wakeline_profile_seconds",
    "Time to read a profile from Redis",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
    registry=REGISTRY,
)
