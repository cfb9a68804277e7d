"""How many series the business metrics may have, and how many values of each list fit into that.

A site has its numbers, its amounts in at most MOST_CURRENCIES currencies, and its lists. With more sites lists show
fewer values each, down to LEAST_VALUES: beyond that the budget is exceeded, which the service says when it starts.
"""

from __future__ import annotations

from api import long_metrics, metrics
from api.lists import LISTS
from api.numbers import LIVE_AMOUNTS
from wakeline.numbers import LIVE_WINDOWS, LONG_VALUES, MONTHS, SPANS, WEEKS

OF_ONE_SITE = 1_500
OF_ALL_SITES = 20_000
OF_NO_SITE = 100  # at most: of the deployment, and of the process
MOST_CURRENCIES = 4  # of a site: its main one, and those in which servers told the most
LEAST_VALUES = 3  # of a list, and (other)


def series_of_site(values: int, targets: int = 0) -> int:
    """At most so many series of one site, if its lists show `values` each and it has so many targets."""
    counts = len(LIVE_WINDOWS) + len(metrics.TOTALS) + len(metrics.DAY) + len(metrics.PENDING) + len(metrics.OLDEST)
    counts += len(LIVE_AMOUNTS) + 1  # how many currencies are left out
    amounts = MOST_CURRENCIES * (len(metrics.MONEY_TOTALS) + len(metrics.MONEY_DAY))
    return counts + amounts + len(LISTS) * (values + 1) + _long(values, targets)


def _long(values: int, targets: int) -> int:
    """Of weeks, months, long spans, and of targets."""
    numbers = (WEEKS + MONTHS) * (len(long_metrics.COUNTS) + len(long_metrics.NETS))
    lists = len(long_metrics.LISTS) * len(SPANS) * (min(values, LONG_VALUES) + 1)
    return numbers + lists + targets * len(long_metrics.TARGETS)


def budget_of_site(sites: int) -> int:
    return min(OF_ONE_SITE - OF_NO_SITE, (OF_ALL_SITES - OF_NO_SITE) // max(sites, 1))


def values_shown(sites: int, wanted: int, targets: int = 0) -> int:
    """How many values of each list are shown: `wanted`, or fewer if there are many sites. `targets`: most of one."""
    fitting = wanted
    while fitting > LEAST_VALUES and series_of_site(fitting, targets) > budget_of_site(sites):
        fitting -= 1
    return fitting
