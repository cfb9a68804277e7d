"""Facts of a site that the rules need: the day of a time, the interests of a path."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from crm.definitions import Held, defined
from crm.visits.passing import passing
from wakeline.durations import MONTH_MS, QUARTER_MS
from wakeline.event import MAX_INTEREST
from wakeline.keys import OTHER
from wakeline.labels import cut
from wakeline.numbers import ALL_PAGES
from wakeline.paths import decoded, page_label, pattern
from wakeline.personal import impersonal
from wakeline.settings import Site
from wakeline.vocabulary.money import FACTORS, half_up

REMEMBERED_PATHS = 16_384  # of one site; some 3 MB
REMEMBERED_QUARTERS = 80_000  # of an hour, of one site: the two years of an imported history; 8 MB
REMEMBERED_DEFINED = 8  # of one site: lanes change from one to the next almost together
REMEMBERED_NAMES = 4_096  # of pages of all sites; 11 MB where strangers make up the longest
REMEMBERED_TYPED = 4_096
REMEMBERED_GROUPS = 1_024  # of paths of one site; 4 MB where strangers make up the longest


class Lifetimes(NamedTuple):
    """How long a site's people are known, ms; see `crm.lifetimes`."""

    visitor: int  # after its last event
    visitor_at_most: int  # after its first event
    customer: int  # after the last contact


class SiteFacts:
    """One site's settings, prepared for lookups, with bounded caches."""

    def __init__(self, site: Site) -> None:
        self.key = site.key
        self.lives = Lifetimes(
            site.visitor_months * MONTH_MS, site.visitor_most_months * MONTH_MS, site.customer_months * MONTH_MS
        )
        self._site = site
        self._time_zone = site.time_zone
        self.margins = {interest_name(rule.category): rule.rate for rule in site.margins}  # by `interest_name`
        self.page_orders = site.page_orders
        self.currency = site.currency
        factor = FACTORS.get(site.currency, 0)
        self.minute_cost = site.minute_cost * factor  # minor units of `currency`
        self.return_cost = half_up(site.return_cost * factor)
        self.send_costs = {one.id: half_up(one.send_cost * factor) for one in site.campaigns if one.send_cost}
        self._rules = [(pattern(rule.path), interest_name(rule.interest)) for rule in site.interests]
        self._groups = [(pattern(rule.path), rule.group) for rule in site.page_groups]
        self._day_of_quarter: dict[int, str] = {}
        self.is_passing = passing(site.passing_hosts)
        self.interests_of_path = lru_cache(REMEMBERED_PATHS)(self._interests_of_path)
        self.group_of_path = lru_cache(REMEMBERED_GROUPS)(self._group_of_path) if self._groups else _all_pages
        self.defined = lru_cache(REMEMBERED_DEFINED)(self._defined)

    def day(self, ms: int) -> str:
        """The day (YYYY-MM-DD) of a time in the site's time zone."""
        quarter = ms // QUARTER_MS
        found = self._day_of_quarter.get(quarter)
        if found is None:
            if len(self._day_of_quarter) > REMEMBERED_QUARTERS:
                self._day_of_quarter.clear()
            found = datetime.fromtimestamp(ms / 1000, self._time_zone).strftime("%Y-%m-%d")
            self._day_of_quarter[quarter] = found
        return found

    def _defined(self, held: Held) -> SiteFacts:
        """The site where these definitions hold; one for all lanes."""
        return SiteFacts(defined(self._site, held))

    def _interests_of_path(self, path: str) -> tuple[str, ...]:
        path = decoded(path) if self._rules else path
        return tuple(dict.fromkeys(name for matches, name in self._rules if matches(path)))

    def _group_of_path(self, path: str) -> str:
        path = decoded(path)
        return next((group for matches, group in self._groups if matches(path)), OTHER)


def _all_pages(_: str) -> str:
    """The group of each page where the site names none.

    Not the first part of its path: which of them would be the first seven depends on the order in which lanes hear of
    them, so that a replay would count by other groups.
    """
    return ALL_PAGES


class Facts(dict[str, SiteFacts]):
    """Sites by key. Of one that is configured no more, whose visits and people end all the same, the defaults hold."""

    def __missing__(self, key: str) -> SiteFacts:
        found = self[key] = SiteFacts(Site(key=key))
        return found


page_name = lru_cache(REMEMBERED_NAMES)(page_label)
"""The name of a page in every view."""


@lru_cache(REMEMBERED_PATHS)
def interest_name(text: str) -> str:
    """An interest as stored: lower case, single spaces, at most 64 visible characters; "" if there is none.

    A longer one is cut and ends in a hash of the whole, so that it stays distinct.
    """
    return cut(" ".join(text.split()).lower(), MAX_INTEREST)


@lru_cache(REMEMBERED_TYPED)
def typed_name(text: str) -> str:
    """What somebody typed or a page named, as all may see it: spelt as an interest, and saying nothing of anybody."""
    return interest_name(impersonal(text))
