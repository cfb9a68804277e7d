"""Metrics of days, weeks, months and long spans, and of targets: what they are, and their values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from api.long import ONE_DAY, Long, first_of
from api.metrics import Family, gauge
from api.numbers import Numbers, SiteNumbers
from api.periods import By
from wakeline import keys
from wakeline.numbers import LONG, LONG_COUNTS, LONG_NETS, LONG_TOPS, SPANS, TARGETED, Count, Net, adds_up, value_of
from wakeline.settings import Least

if TYPE_CHECKING:
    from api.exposition import TopValues
    from wakeline.settings import Site, TargetRule

LENGTHS = {By.DAY: 1, By.WEEK: 7, By.MONTH: 31}  # days, at most


def _listed(number: Count | Net) -> str:
    """By what it is shown."""
    *first, last = (f"by {by}" for by, shown in LONG.items() if number in shown)
    return f"{', '.join(first)} and {last}" if first else last


COUNTS = {
    each.name: gauge(
        f"wakeline_{each.metric}_period",
        f"{each.help}, {_listed(each)}, today included",
        *("site", "by", "period"),
    )
    for each in LONG_COUNTS
}
NETS = {
    each.name: gauge(
        f"wakeline_{each.name}_net_period",
        f"{each.help}, {_listed(each)}, today included, in units of the site's currency",
        *("site", "by", "period", "currency"),
    )
    for each in LONG_NETS
}
LISTS = {
    each.name: gauge(
        f"wakeline_{each.metric}_span",
        f"{each.help}, in the last {', '.join(map(str, SPANS.values()))} days that are over: the top values, the rest "
        f"as {keys.OTHER}; read once a day",
        *("site", "span", each.label),
        unit=each.unit,
    )
    for each in LONG_TOPS
}
OF_TARGET = ("site", "target", "every", "owner")
GOAL = gauge("wakeline_target_goal", "What a number is to be by day, week or month, as your settings say", *OF_TARGET)
ACTUAL = gauge("wakeline_target_actual", "What it is in the present day, week or month, until now", *OF_TARGET)
EXPECTED = gauge(
    "wakeline_target_expected",
    "The part of the goal that belongs to the time until now; of a share all of it",
    *OF_TARGET,
)
LAST = gauge("wakeline_target_last", "What it was in the last day, week or month that is over", *OF_TARGET)
MISSED = gauge(
    "wakeline_target_missed",
    "1 if the last day, week or month missed the goal, else 0; nothing if the site may have begun within it",
    *OF_TARGET,
)
TARGETS = (GOAL, ACTUAL, EXPECTED, LAST, MISSED)

FAMILIES = (*COUNTS.values(), *NETS.values(), *LISTS.values(), *TARGETS)


def families(
    sites: Mapping[str, Site], long: Mapping[str, Long], numbers: Numbers, top_values: TopValues, now: float
) -> Iterator[Metric]:
    """All of FAMILIES, of the sites of which everything is read. `now`: s since 1970.

    While a site's day has ended and its sums are not read again yet, it has none: a few seconds.
    """
    made = {family.name: family.empty() for family in FAMILIES}
    for key, site in numbers.sites.items():
        if site.today != long[key].today.isoformat():
            continue
        for family, labels, value in _of_site(sites[key], long[key], site, top_values, now):
            made[family.name].add_metric((key, *labels), value * family.unit)
    yield from made.values()


Sample = tuple[Family, tuple[str, ...], float]


def _of_site(site: Site, long: Long, numbers: SiteNumbers, top_values: TopValues, now: float) -> Iterator[Sample]:
    for by in By:
        present = long.period(by)
        for (kind, name), before in long.sums.items():
            if kind is by:
                fields = added(before, numbers.day) if name == present else before
                yield from _of_period(fields, by, name, site.currency)
    for what in LONG_TOPS:
        for span in SPANS:
            for value, count in top_values(long.lists.get((what.name, span), {})).items():
                yield LISTS[what.name], (span, value), count
    for target in site.targets:
        yield from _of_target(target, site, long, numbers, now)


def _of_period(fields: Mapping[str, int], by: By, name: str, currency: str) -> Iterator[Sample]:
    for number in LONG[by]:
        value = value_of(number, fields, currency)
        if isinstance(number, Count):
            yield COUNTS[number.name], (by, name), fields.get(number.name, 0)
        elif value is not None:
            yield NETS[number.name], (by, name, currency), value


def _of_target(target: TargetRule, site: Site, long: Long, numbers: SiteNumbers, now: float) -> Iterator[Sample]:
    number, by = TARGETED[target.number], By(target.every)
    labels = (target.name, target.every, target.owner)
    yield GOAL, labels, target.goal
    part = elapsed(datetime.fromtimestamp(now, site.time_zone), by) if adds_up(number) else 1.0
    yield EXPECTED, labels, target.goal * part
    actual = value_of(number, added(long.now(by), numbers.day), site.currency)
    if actual is not None:
        yield ACTUAL, labels, actual
    last = value_of(number, long.before(by), site.currency)
    if last is not None and any(long.sums.values()):  # nothing is said of who has just begun
        yield LAST, labels, last
        if long.is_whole_before(by):
            is_missed = last < target.goal if target.at is Least.LEAST else last > target.goal
            yield MISSED, labels, float(is_missed)


def added(before: Mapping[str, int], today: Mapping[str, int]) -> Mapping[str, int]:
    found = defaultdict(int, before)
    for name, amount in today.items():
        found[name] += amount
    return found


def elapsed(now: datetime, by: By) -> float:
    """The share of the day, week or month that is over; days have 24 hours here."""
    today = now.date()
    first = first_of(today, by)
    days = (first_of(first + LENGTHS[by] * ONE_DAY, by) - first).days
    over = (today - first).days + (now.hour * 3_600 + now.minute * 60 + now.second) / 86_400
    return over / days
