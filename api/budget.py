"""How many series the business metrics may have, and how many values of each list fit into that.

A site has its numbers, its amounts in at most MOST_CURRENCIES currencies, the histograms of its groups of pages, its
lists, and the figures of its campaigns. With more sites or groups lists show fewer values each, down to LEAST_VALUES:
beyond that the budget is exceeded, which the service says when it starts. Before, groups beyond those that fit are
shown together.
"""

from __future__ import annotations

from api import figures, long_metrics, metrics
from api.lists import windows_of
from api.numbers import LIVE_AMOUNTS
from wakeline.numbers import DAYS, HISTOGRAMS, LIVE_WINDOWS, LONG, LONG_VALUES, MONTHS, SPANS, TOPS, WEEKS, Top

OF_ONE_SITE = 1_500
OF_ALL_SITES = 20_000
OF_NO_SITE = 80  # at most: of the deployment, and of the process
MOST_CURRENCIES = 3  # of a site: its main one, and those in which servers told the most
LIVE_PAGES = 10  # that are open now, and (other)
LEAST_VALUES = 3  # of a list, and (other)


def series_of_site(values: int, targets: int = 0, groups: int = 1) -> int:
    """At most so many series of one site, if its lists show `values` each and it has so many of each."""
    counts = len(LIVE_WINDOWS) + len(metrics.TOTALS) + len(metrics.DAY) + len(metrics.PENDING) + len(metrics.OLDEST)
    counts += len(LIVE_AMOUNTS) + 1  # how many currencies are left out
    amounts = MOST_CURRENCIES * (len(metrics.MONEY_TOTALS) + len(metrics.MONEY_DAY))
    measured = groups * sum(len(each.bounds) + 3 for each in HISTOGRAMS)  # the last range, the sum, the count
    lists = sum(_of_list(top, values) for top in TOPS for _ in windows_of(top)) + figures.series_of_site(values)
    lists += min(values, LIVE_PAGES) + 1
    return counts + amounts + measured + lists + _long(values, targets)


def _of_list(top: Top, values: int) -> int:
    """In one window: the values that are shown, and the rest, if there can be more."""
    return values + 1 if top.most is None or top.most > values else top.most


def _long(values: int, targets: int) -> int:
    """Of days, weeks, months, long spans, and of targets."""
    periods = {"day": DAYS, "week": WEEKS, "month": MONTHS}
    numbers = sum(periods[by] * len(shown) for by, shown in LONG.items())
    lists = len(long_metrics.LISTS) * len(SPANS) * (min(values, LONG_VALUES) + 1)
    return numbers + lists + targets * len(long_metrics.TARGETS)


def budget_of_site(sites: int) -> int:
    return min(OF_ONE_SITE - OF_NO_SITE, (OF_ALL_SITES - OF_NO_SITE) // max(sites, 1))


def values_shown(sites: int, wanted: int, targets: int = 0, groups: int = 1) -> int:
    """How many values of each list are shown: `wanted`, or fewer. `targets`, `groups`: those of the site with most."""
    fitting = wanted
    while fitting > LEAST_VALUES and series_of_site(fitting, targets, groups) > budget_of_site(sites):
        fitting -= 1
    return fitting


def groups_shown(sites: int, groups: int, targets: int = 0) -> int:
    """How many groups of pages a site shows: `groups`, or fewer if lists of LEAST_VALUES are not yet enough."""
    fitting = groups
    while fitting > 1 and series_of_site(LEAST_VALUES, targets, fitting) > budget_of_site(sites):
        fitting -= 1
    return fitting
