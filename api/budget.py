"""How many series the business metrics may have, and how many values of each list fit into that.

A site has its numbers, its amounts in at most MOST_CURRENCIES currencies, the histograms of its groups of pages, and
its lists. With more sites or groups lists show fewer values each, down to LEAST_VALUES: beyond that the budget is
exceeded, which the service says when it starts.
"""

from __future__ import annotations

from api import metrics
from api.numbers import LISTS
from wakeline.numbers import HISTOGRAMS, LIVE_WINDOWS

OF_ONE_SITE = 1_500
OF_ALL_SITES = 20_000
MOST_CURRENCIES = 4  # of a site: its main one, and those in which servers told the most
LEAST_VALUES = 3  # of a list, and (other)


def series_of_site(values: int, groups: int = 1) -> int:
    """At most so many series of one site, if its lists show `values` each, and it has so many groups of pages."""
    counts = len(LIVE_WINDOWS) + len(metrics.TOTALS) + len(metrics.DAY) + 1  # and how many currencies are left out
    amounts = MOST_CURRENCIES * (len(metrics.MONEY_TOTALS) + len(metrics.MONEY_DAY))
    measured = groups * sum(len(each.bounds) + 3 for each in HISTOGRAMS)  # the last range, the sum, the count
    return counts + amounts + measured + len(LISTS) * (values + 1)


def budget_of_site(sites: int) -> int:
    return min(OF_ONE_SITE, OF_ALL_SITES // max(sites, 1))


def values_shown(sites: int, wanted: int, groups: int = 1) -> int:
    """How many values of each list are shown: `wanted`, or fewer where many sites or groups are."""
    fitting = wanted
    while fitting > LEAST_VALUES and series_of_site(fitting, groups) > budget_of_site(sites):
        fitting -= 1
    return fitting
