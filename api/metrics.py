"""Every metric of the read side with its meaning.

The business numbers are read from Redis, so they survive restarts. Totals since the start are counters or histograms;
windows are gauges, for which `rate` is meaningless. Their label `window` is one of `numbers.WINDOWS`; sum over sites or
lanes, never over windows, which overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from wakeline import keys, numbers
from wakeline.definitions import BOARD_MODEL
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


def filled(family: Family, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """With these (label values, value in Redis)."""
    made = family.empty()
    for labels, value in samples:
        made.add_metric(labels, value * family.unit)
    return made


class Measured(NamedTuple):
    """A histogram rendered from Redis, of each group of a site's pages."""

    histogram: numbers.Histogram
    labels: tuple[str, ...] = ("site", "page_group")

    @property
    def name(self) -> str:
        return f"wakeline_{self.histogram.metric}"

    @property
    def help(self) -> str:
        return f"{self.histogram.help}, by group of pages"

    def empty(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self.name, self.help, labels=self.labels)


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
LIVE_PAGES = gauge("wakeline_live_pages", "Pages that are open now, each as often as it is", "site", "page")

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
HISTOGRAMS = tuple(Measured(each) for each in numbers.HISTOGRAMS)

TOPS = {each.name: _top(each) for each in numbers.TOPS}
"""By name of the list. Live lists have every window, the others only today's."""

# ---- what campaigns brought, computed from the history -------------------------------------------

_SINCE = "since it began, as far as the history reaches"
_OWED = f"owed to the campaign by the model {BOARD_MODEL}, {_SINCE}"
_IN = "in the site's main currency"


def _campaign(name: str, help: str, *more: str) -> Family:
    return gauge(f"wakeline_campaign_{name}", help, "site", *more, "campaign")


def _element(name: str, help: str, *more: str) -> Family:
    return gauge(f"wakeline_campaign_element_{name}", help, "site", *more, "campaign", "kind", "element")


def _source(name: str, help: str, *more: str) -> Family:
    return gauge(f"wakeline_source_{name}", help, "site", *more, "source")


CAMPAIGN_VISITS = _campaign("visits", f"Visits whose first page had the campaign, {_SINCE}")
CAMPAIGN_SENT = _campaign("sent", f"Mails and letters of the campaign that were sent, {_SINCE}")
CAMPAIGN_OPENED = _campaign("opened", f"Those that a person opened, {_SINCE}")
CAMPAIGN_CLICKED = _campaign("clicked", f"Those of which a person followed a link, {_SINCE}")
CAMPAIGN_ORDERS = _campaign("orders", f"Orders, and parts of orders, {_OWED}")
CAMPAIGN_REVENUE = _campaign("revenue", f"Revenue {_OWED}, {_IN}", "currency")
CAMPAIGN_UNKNOWN = _campaign(
    "revenue_of_unknown_margin", f"Revenue of which the margin is not known, {_OWED}, {_IN}", "currency"
)
CAMPAIGN_COST = _campaign("cost", f"What the campaign cost, {_SINCE}, {_IN}", "currency")
CAMPAIGN_PROFIT = _campaign("profit", f"Margin {_OWED}, less what it cost, {_IN}", "currency")
CAMPAIGN_RETURN = _campaign("return", f"Profit for each unit of the cost, {_SINCE}; none while it cost nothing")
CAMPAIGN_STARTED = _campaign(
    "started_timestamp_seconds", "When the first day of a planned campaign began, seconds since 1970"
)
ELEMENT_VISITS = _element("visits", "Visits by the campaign whose first page had this content or term")
ELEMENT_ORDERS = _element("orders", "Orders bought in such a visit of which something was kept")
ELEMENT_REVENUE = _element("revenue", f"Revenue of these orders, {_IN}", "currency")
ELEMENT_SENT = _element("sent", "Mails and letters with this subject, creative, link or audience that were sent")
ELEMENT_CLICKED = _element("clicked", "Those of which a person followed a link")
SOURCE_VISITS = _source("visits", "Visits by their source, as far as the history reaches")
SOURCE_ORDERS = _source("orders", f"Orders, and parts of orders, owed to the source by the model {BOARD_MODEL}")
SOURCE_REVENUE = _source("revenue", f"Revenue owed to the source by the model {BOARD_MODEL}, {_IN}", "currency")
SOURCE_MARGIN = _source("margin", f"Margin owed to the source by the model {BOARD_MODEL}, {_IN}", "currency")
OF_CAMPAIGNS = tuple(
    each
    for name, each in vars().items()
    if isinstance(each, Family) and name.startswith(("CAMPAIGN", "ELEMENT", "SOURCE"))
)
FIGURES_COMPUTED = gauge(
    "wakeline_campaign_figures_timestamp_seconds",
    "When the figures of campaigns were computed from the history, seconds since 1970",
)

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

FAMILIES: tuple[Family | Measured, ...] = (
    LIVE_VISITORS,
    LIVE_PAGES,
    *TOTALS.values(),
    *DAY.values(),
    *MONEY_TOTALS.values(),
    *MONEY_DAY.values(),
    *LIVE_MONEYS.values(),
    CURRENCIES_LEFT_OUT,
    *PENDING.values(),
    *OLDEST.values(),
    *HISTOGRAMS,
    *TOPS.values(),
    *OF_CAMPAIGNS,
    FIGURES_COMPUTED,
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
