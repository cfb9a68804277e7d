"""PromQL queries of the panels. $site, $window and $currency are the boards' variables.

Windows are gauges with absolute values: no rate, no sum over `window`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from api import metrics
from api.metrics import Family
from dashboards.board import Annotation, Fresh, Query
from wakeline.keys import OTHER
from wakeline.numbers import TODAY, Count, Histogram, LiveMoney, Money, Net, Pending, Top

SITE = 'site="$site"'
OF_SITE = f"{{{SITE}}}"
CHOSEN = 'currency=~"$currency"'
OF_CURRENCY = f"{{{SITE},{CHOSEN}}}"
RATE = "[$__rate_interval]"
WEEK_AGO = "offset 7d"
CURRENCY = "{{currency}}"
PAGE_GROUP = "{{page_group}}"
TARGET = "{{target}}"
EVERY = ("day", "week", "month")

# ---- of the chosen site --------------------------------------------------------------------------


def live(window: str) -> Query:
    return Query(f'wakeline_live_visitors{{{SITE},window="{window}"}}', f"live_{window}", Fresh.NOW)


def open_pages() -> tuple[Query, Query]:
    """The most read first, and the sum of all others last."""
    metric = f"wakeline_live_pages{{{SITE},page"
    return (
        Query(f'sort_desc({metric}!="{OTHER}"}})', "{{page}}", Fresh.NOW),
        Query(f'{metric}="{OTHER}"}}', "other", Fresh.NOW),
    )


def today(number: Count) -> Query:
    return Query(f"wakeline_{number.metric}_today{OF_SITE}", number.metric, Fresh.TODAY)


def kept(gained: Count, back: Count) -> Query:
    """Today's number, less what was taken back today."""
    expr = f"wakeline_{gained.metric}_today{OF_SITE} - wakeline_{back.metric}_today{OF_SITE}"
    return Query(expr, gained.metric, Fresh.TODAY)


def rest(whole: Count, *parts: Count) -> Query:
    """Today's number without its parts."""
    expr = " - ".join(f"wakeline_{each.metric}_today{OF_SITE}" for each in (whole, *parts))
    return Query(expr, "rest", Fresh.TODAY)


def net(gained: Money, back: Money) -> Query:
    """Today's amount by currency, less what was taken back today."""
    return Query(_net(gained, back), CURRENCY, Fresh.TODAY)


def amount(money: Money) -> Query:
    """Today's amount by currency."""
    return Query(f"wakeline_{money.metric}_today{OF_CURRENCY}", CURRENCY, Fresh.TODAY)


def live_money(money: LiveMoney, window: str) -> Query:
    """A net amount in a live window, in the site's main currency."""
    return Query(f'wakeline_{money.metric}_window{{{SITE},window="{window}"}}', f"money_{window}", Fresh.NOW)


def share(part: Count, whole: Count) -> Query:
    """Today's `part` per `whole`; no value while `whole` is 0."""
    expr = f"wakeline_{part.metric}_today{OF_SITE} / (wakeline_{whole.metric}_today{OF_SITE} > 0)"
    return Query(expr, part.metric, Fresh.TODAY)


def net_share(part: tuple[Money, Money], whole: tuple[Money, Money], less: tuple[Money, Money]) -> Query:
    """Today's net `part` per net `whole` without `less`, by currency; no value while that is 0 or below."""
    return Query(f"({_net(*part)}) / (({_net(*whole)}) - ({_net(*less)}) > 0)", CURRENCY, Fresh.TODAY)


def net_per(part: tuple[Money, Money], whole: Count) -> Query:
    """Today's net amount per `whole`, by currency; no value while that is 0."""
    metric = f"wakeline_{whole.metric}_today{OF_SITE}"
    return Query(f"({_net(*part)}) / ignoring(currency) group_left () ({metric} > 0)", CURRENCY, Fresh.TODAY)


def pending(each: Pending) -> Query:
    """How many are in the state now."""
    return Query(f"wakeline_{each.metric}{OF_SITE}", each.metric, Fresh.NOW)


def oldest(each: Pending) -> Query:
    """For how long the oldest is in it, s; 0: none is."""
    return Query(f"wakeline_{each.metric}_oldest_seconds{OF_SITE}", f"{each.metric}_oldest", Fresh.NOW)


def against_week(number: Count) -> Query:
    """By which share of it today's number is above that of a week ago at this time; no value where that was 0."""
    metric = f"wakeline_{number.metric}_today{OF_SITE}"
    return Query(f"{metric} / ({metric} {WEEK_AGO} > 0) - 1", number.metric, Fresh.WEEK)


def beside_week(number: Count) -> tuple[Query, Query]:
    """Today's number up to now, and a week ago up to the same time."""
    metric = f"wakeline_{number.metric}_today{OF_SITE}"
    return Query(metric, "today", Fresh.WEEK), Query(f"{metric} {WEEK_AGO}", "week_ago", Fresh.WEEK)


def net_beside_week(gained: Money, back: Money) -> tuple[Query, Query]:
    """The same of an amount by currency."""
    return (
        Query(_net(gained, back), "today_in_currency", Fresh.WEEK),
        Query(_net(gained, back, WEEK_AGO), "week_ago_in_currency", Fresh.WEEK),
    )


def grown(number: Count, *, over: str) -> Query:
    """What was counted within a time, e.g. 1h."""
    return Query(f"increase(wakeline_{number.metric}_total{OF_SITE}[{over}])", number.metric, Fresh.LAST)


def net_grown(gained: Money, back: Money, *, over: str) -> tuple[Query, Query]:
    """What was gained and taken back within a time, by currency."""
    return (
        Query(f"increase(wakeline_{gained.metric}_total{OF_CURRENCY}[{over}])", "gained", Fresh.LAST),
        Query(f"increase(wakeline_{back.metric}_total{OF_CURRENCY}[{over}])", "taken_back", Fresh.LAST),
    )


def per_minute(number: Count) -> Query:
    return Query(f"60 * rate(wakeline_{number.metric}_total{OF_SITE}{RATE})", number.metric, Fresh.LAST)


def total(number: Count) -> Query:
    """Since the start."""
    return Query(f"wakeline_{number.metric}_total{OF_SITE}", number.metric, Fresh.START)


def quantile(measured: Histogram, share: float, *, over: str) -> Query:
    """What this share of page views kept to within a time, e.g. 1h, by group of pages: none of a group without any."""
    each = f"sum by (page_group, le) (increase(wakeline_{measured.metric}_bucket{OF_SITE}[{over}]))"
    return Query(f"histogram_quantile({share}, {each}) > 0", PAGE_GROUP, Fresh.LAST)


def slowest(measured: Histogram, share: float, *, over: str) -> Query:
    """The same of now, the group with the highest first."""
    return Query(f"sort_desc({quantile(measured, share, over=over).expr})", PAGE_GROUP, Fresh.HOUR)


def good(measured: Histogram, *, over: str, fresh: Fresh = Fresh.HOUR) -> Query:
    """Which share of the page views within a time was good."""
    metric = f"wakeline_{measured.metric}"
    within = f'sum(increase({metric}_bucket{{{SITE},le="{measured.le(measured.good)}"}}[{over}]))'
    return Query(f"{within} / (sum(increase({metric}_count{OF_SITE}[{over}])) > 0)", measured.metric, fresh)


def measured(by: Histogram, *, over: str) -> Query:
    """How many page views were measured within a time, by group of pages."""
    return Query(f"sort_desc(increase(wakeline_{by.metric}_count{OF_SITE}[{over}]))", PAGE_GROUP, Fresh.HOUR)


def top(list: Top, *, window: str, without: Collection[str] = ()) -> tuple[Query, Query]:
    """The largest values first, and the sum of all others last; `without` some values, which are in neither."""
    metric = f'wakeline_{list.metric}_window{{{SITE},window="{window}",{list.label}'
    fresh = Fresh.TODAY if window == TODAY else Fresh.WINDOW
    left_out = f"!~{_any_of(OTHER, *sorted(without))}" if without else f'!="{OTHER}"'
    return (
        Query(f"sort_desc({metric}{left_out}}})", f"{{{{{list.label}}}}}", fresh),
        Query(f'{metric}="{OTHER}"}}', "other", fresh),
    )


def _any_of(*values: str) -> str:
    """A pattern for these values, in quotes."""
    return json.dumps("|".join(map(re.escape, values)))


def figure(family: Family) -> tuple[Query, Query]:
    """Of campaigns, their elements or sources: the largest first, and the sum of all others last."""
    label = family.labels[-1]
    of = f"{SITE},{CHOSEN}," if "currency" in family.labels else f"{SITE},"
    other = "other_of_kind" if "kind" in family.labels else "other"
    return (
        Query(f'sort_desc({family.name}{{{of}{label}!="{OTHER}"}})', _named(family), Fresh.COMPUTED),
        Query(f'{family.name}{{{of}{label}="{OTHER}"}}', other, Fresh.COMPUTED),
    )


def figure_of_mails(family: Family) -> Query:
    """The same of campaigns of which mails or letters were sent."""
    sent = f"on (campaign) {metrics.CAMPAIGN_SENT.name}{OF_SITE} > 0"
    expr = f'sort_desc({family.name}{{{SITE},campaign!="{OTHER}"}} and {sent})'
    return Query(expr, _named(family), Fresh.COMPUTED)


def figures_sum(family: Family) -> Query:
    """Of all campaigns together, by currency."""
    return Query(f"sum by (currency) ({family.name}{OF_CURRENCY})", CURRENCY, Fresh.COMPUTED)


def figures_ratio(part: Family, whole: Family) -> Query:
    """Of all campaigns together; no value while `whole` is 0."""
    of_part, of_whole = (f"sum by (currency) ({family.name}{OF_CURRENCY})" for family in (part, whole))
    return Query(f"{of_part} / ({of_whole} > 0)", CURRENCY, Fresh.COMPUTED)


def _named(family: Family) -> str:
    each = {name: f"{{{{{name}}}}}" for name in family.labels}
    whose = "{campaign}, {kind}: {element}" if "kind" in each else f"{{{family.labels[-1]}}}"
    return (f"{whose}, {{currency}}" if "currency" in each else whose).format(**each)


FIGURES_AGE = Query(f"time() - {metrics.FIGURES_COMPUTED.name}", "age", Fresh.NOW)

CAMPAIGN_STARTS = Annotation(
    "campaign_starts", f"{metrics.CAMPAIGN_STARTED.name}{OF_SITE} * 1000", "{{campaign}}", "blue", is_time=True
)
FAULTS = Annotation("faults", 'ALERTS{alertstate="firing",site=~"|$site"}', "{{alertname}}", "red")
"""Alerts about the site, and about the deployment, which have no site."""
ANNOTATIONS = (CAMPAIGN_STARTS, FAULTS)


def period(number: Count | Net, *, by: str) -> Query:
    """Of each day, week or month, as `by` says."""
    metric = f"{number.metric}_period" if isinstance(number, Count) else f"{number.name}_net_period"
    return Query(f'wakeline_{metric}{{{SITE},by="{by}"}}', "{{period}}", Fresh.PERIOD)


def span(list: Top, *, days: str) -> tuple[Query, Query]:
    """Of a span of days that are over: the largest values first, and the sum of all others last."""
    metric = f'wakeline_{list.metric}_span{{{SITE},span="{days}",{list.label}'
    return (
        Query(f'sort_desc({metric}!="{OTHER}"}})', f"{{{{{list.label}}}}}", Fresh.SPAN),
        Query(f'{metric}="{OTHER}"}}', "other", Fresh.SPAN),
    )


def target(what: str) -> Query:
    """Of each target: goal, actual, expected, last or missed."""
    return Query(f"wakeline_target_{what}{OF_SITE}", TARGET, Fresh.TARGET)


def target_of_whom(what: str, legend: str = "{{who}}", *, every: str = "") -> Query:
    """As `target`, with its owner if there is one; only the targets for each day, week or month if `every` says so."""
    chosen = f'{{{SITE},every="{every}"}}' if every else OF_SITE
    both = f'label_join(wakeline_target_{what}{chosen}, "who", ", ", "target", "owner")'
    return Query(f'label_replace({both}, "who", "$1", "who", "(.*), ")', legend, Fresh.TARGET)


def goals() -> tuple[Query, ...]:
    """Of each target: its goal, with its owner and how long it is for."""
    return tuple(target_of_whom("goal", f"each_{every}", every=every) for every in EVERY)


def target_share(part: str, whole: str) -> Query:
    """Of each target: one of these per another one, the least first."""
    expr = f"sort(wakeline_target_{part}{OF_SITE} / (wakeline_target_{whole}{OF_SITE} > 0))"
    return Query(expr, TARGET, Fresh.TARGET)


def rising(list: Top) -> Query:
    """By how much the last five minutes are above a sixth of the last thirty, of values that are in both lists."""
    each = f'wakeline_{list.metric}_window{{{SITE},{list.label}!="{OTHER}",window='
    expr = f'sort_desc({each}"5m"}} - ignoring(window) {each}"30m"}} / 6 > 0)'
    return Query(expr, f"{{{{{list.label}}}}}", Fresh.NOW)


def without(more: Top, less: Top) -> Query:
    """Today's values of one list less those of another list of the same label; one that is not in it counts as 0."""
    minuend, subtrahend = (
        f'wakeline_{list.metric}_window{{{SITE},window="{TODAY}",{list.label}!="{OTHER}"}}' for list in (more, less)
    )
    expr = f"sort_desc({minuend} - ({subtrahend} or {minuend} * 0) > 0)"
    return Query(expr, f"{{{{{more.label}}}}}", Fresh.TODAY)


def share_by_value(part: Top, whole: Top) -> Query:
    """Today's `part` per `whole`, of values that are in the top of both."""
    each, all = (
        f'wakeline_{list.metric}_window{{{SITE},window="{TODAY}",{list.label}!="{OTHER}"}}' for list in (part, whole)
    )
    return Query(f"sort_desc({each} / ({all} > 0))", f"{{{{{part.label}}}}}", Fresh.TODAY)


def _net(gained: Money, back: Money, when: str = "") -> str:
    return " - ".join(f"wakeline_{money.metric}_today{OF_CURRENCY} {when}".strip() for money in (gained, back))


# ---- each site beside the others -----------------------------------------------------------------

EACH = "{{site}}"


def sites_now() -> Query:
    return Query('sort_desc(wakeline_live_visitors{window="now"})', EACH, Fresh.NOW)


def sites_today(number: Count) -> Query:
    return Query(f"sort_desc(wakeline_{number.metric}_today)", EACH, Fresh.TODAY)


def sites_share(part: Count, whole: Count) -> Query:
    return Query(f"sort_desc(wakeline_{part.metric}_today / (wakeline_{whole.metric}_today > 0))", EACH, Fresh.TODAY)


def sites_net(gained: Money, back: Money) -> Query:
    expr = f"sort_desc(wakeline_{gained.metric}_today - wakeline_{back.metric}_today)"
    return Query(expr, "site_in_currency", Fresh.TODAY)


def sites_per_minute(number: Count) -> Query:
    return Query(f"60 * rate(wakeline_{number.metric}_total{RATE})", EACH, Fresh.LAST)
