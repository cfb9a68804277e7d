"""The series of /metrics are bounded, whatever is counted and however many sites there are."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable
from datetime import date
from functools import partial

import pytest

from api import long_metrics, metrics
from api.app import _values_shown
from api.budget import (
    LEAST_VALUES,
    MOST_CURRENCIES,
    OF_ALL_SITES,
    OF_ONE_SITE,
    groups_shown,
    series_of_site,
    values_shown,
)
from api.exposition import families, shown_currencies, top_values
from api.lists import windows_of
from api.long import KEPT_VALUES, Long, wanted
from api.numbers import Numbers, SiteNumbers
from reports.figures import OF_VISITS
from wakeline.campaign_figures import STORED, Campaign, Element, Figures, SiteFigures, Source
from wakeline.keys import OTHER, TOP_MEMBERS
from wakeline.numbers import LCP, LONG_TOPS, LONG_VALUES, MONEYS, PAGE_REVENUE, REVENUE, SPANS, TOP_PAGES, TOPS
from wakeline.settings import MOST_PAGE_GROUPS, MOST_TARGETS, Settings, Site, TargetRule
from wakeline.vocabulary import fields
from wakeline.vocabulary.money import CURRENCIES

WANTED = Settings().top_values


def full(seed: int = 0, groups: int = 1) -> SiteNumbers:
    """Everything that there may be: full lists of all lanes, and amounts in all currencies."""
    rng = random.Random(seed)
    site = SiteNumbers(currency="EUR", groups=tuple(f"group-{number}" for number in range(groups)))
    site.open_pages = {b"/%d" % number: 1.0 for number in range(1_000)}
    for money in MONEYS:
        for currency in CURRENCIES:
            site.totals[money.field(currency)] = site.day[money.field(currency)] = rng.randrange(1, 10_000)
    for top in TOPS:
        for window in windows_of(top):
            there = TOP_MEMBERS * 16 if top.most is None else top.most
            counts = {b"%d" % number: float(rng.randrange(1, 100)) for number in range(there)}
            site.tops[top.name, window] = counts if top.most else counts | {OTHER.encode(): 7.0}
    return site


TARGETS = tuple(TargetRule(name=f"target {number}", number="revenue", goal=1) for number in range(MOST_TARGETS))
SITE = Site(key="shop", currency="EUR", targets=TARGETS)
TODAY = date(2026, 12, 1)


def long(seed: int = 0) -> Long:
    """All periods, and full lists of all spans."""
    found = Long(TODAY)
    found.sums = {(by, period.name): {"visits": seed} for by, period in wanted(TODAY)}
    counts = {b"%d" % number: 1.0 + number for number in range(KEPT_VALUES)} | {OTHER.encode(): 7.0}
    found.lists = {(what.name, span): counts for what in LONG_TOPS for span in SPANS}
    return found


def series(numbers: Numbers, values: int, groups: int = 1) -> int:
    """Those of the sites."""
    for site in numbers.sites.values():
        site.today = TODAY.isoformat()
    every = dict.fromkeys(numbers.sites, SITE)
    more = long_metrics.families(
        every, dict.fromkeys(numbers.sites, long()), numbers, partial(top_values, top=min(values, LONG_VALUES)), 0.0
    )
    found = [
        one for one in (*families(numbers, values, groups), *more) if any("site" in each.labels for each in one.samples)
    ]
    return sum(len(family.samples) for family in found)


def full_figures(sites: Iterable[str]) -> Figures:
    """As many campaigns, elements and sources as are stored, and the rest of each; all cost something."""
    kinds = (*OF_VISITS, *fields.ELEMENTS)
    rest = [Element(OTHER, kind, OTHER, visits=1) for kind in kinds]
    of_site = SiteFigures(
        "EUR",
        [*(Campaign(f"c{n}", started=1, cost=1.0) for n in range(STORED)), Campaign(OTHER, cost=9.0)],
        [*(Element(f"c{n}", kind, "x", visits=1) for n in range(STORED) for kind in kinds), *rest],
        [*(Source(f"s{n}", 1) for n in range(STORED)), Source(OTHER, 1)],
    )
    return Figures(1, dict.fromkeys(sites, of_site))


@pytest.mark.parametrize("groups", [1, 1 + MOST_PAGE_GROUPS])
@pytest.mark.parametrize("sites", [1, 2, 20])
def test_full_lists_of_all_sites_are_within_the_budget(sites: int, groups: int) -> None:
    shown = groups_shown(sites, groups, MOST_TARGETS)
    values = values_shown(sites, WANTED, MOST_TARGETS, shown)
    of_sites = {f"site-{number}": full(number, groups) for number in range(sites)}
    found = series(Numbers(of_sites, full_figures(of_sites)), values, shown)
    assert found == sites * series_of_site(values, MOST_TARGETS, shown)
    assert found <= OF_ALL_SITES
    assert found / sites <= OF_ONE_SITE


def test_one_site_shows_what_was_wanted_and_twenty_a_third_of_it() -> None:
    assert values_shown(1, WANTED) == WANTED
    assert values_shown(1, WANTED, MOST_TARGETS) >= 3 / 4 * WANTED
    assert values_shown(20, WANTED) >= WANTED / 3


def test_eight_groups_of_pages_are_six_buckets_of_seven_histograms_each() -> None:
    """One site shows all of them, and twenty show fewer, once their lists are as short as may be."""
    more = series_of_site(WANTED, groups=1 + MOST_PAGE_GROUPS) - series_of_site(WANTED, groups=1)
    assert more == MOST_PAGE_GROUPS * 7 * (6 + 2)
    assert groups_shown(1, 8, MOST_TARGETS) == 8
    assert values_shown(1, WANTED, groups=8) >= WANTED / 2
    assert 4 <= groups_shown(20, 8, MOST_TARGETS) < 8
    assert groups_shown(900, 8) == 1


def test_groups_beyond_those_that_fit_are_shown_together() -> None:
    site = SiteNumbers(groups=("a", "b", "c", OTHER))
    for count, group in enumerate(site.groups, 1):
        site.totals |= {LCP.field(0, group): count, LCP.field("sum", group): 1_000 * count}
    for most, counts in {
        8: {"a": 1, "b": 2, "c": 3, OTHER: 4},
        4: {"a": 1, "b": 2, "c": 3, OTHER: 4},
        3: {"a": 1, "b": 2, OTHER: 7},
        1: {OTHER: 10},
    }.items():
        name = f"wakeline_{LCP.metric}"
        (lcp,) = [each for each in families(Numbers({"shop": site}), 3, most) if each.name == name]
        for part in ("count", "sum"):
            found = {one.labels["page_group"]: one.value for one in lcp.samples if one.name == f"{name}_{part}"}
            assert found == counts


def test_lists_shrink_as_sites_are_added_and_no_further_than_so() -> None:
    shown = [values_shown(sites, 100) for sites in range(1, 1_000)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] >= 20
    assert shown[-1] == LEAST_VALUES
    assert values_shown(1, 2) == 2


def test_what_is_not_shown_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert _values_shown(1, 20) == 20
    assert not caplog.records
    assert LEAST_VALUES < _values_shown(22, 20) < 20
    assert "lists in /metrics show" in caplog.text
    assert _values_shown(900, 20) == LEAST_VALUES
    assert caplog.records[-1].levelno == logging.WARNING


def test_the_main_currency_is_shown_and_those_that_servers_told() -> None:
    """However much pages make up in others."""
    site = SiteNumbers(currency="EUR")
    for currency in CURRENCIES - {"EUR", "CHF", "JPY"}:
        site.totals[REVENUE.field(currency)] = site.totals[PAGE_REVENUE.field(currency)] = 10**12
    site.totals[REVENUE.field("CHF")] = 100
    site.day[REVENUE.field("EUR")] = 1
    site.totals[REVENUE.field("JPY")] = 3
    assert {"EUR", "CHF", "JPY"} <= set(shown_currencies(site))
    assert len(shown_currencies(site)) == MOST_CURRENCIES
    (left_out,) = [each for each in families(Numbers({"shop": site}), 3) if each.name == "wakeline_currencies_left_out"]
    assert [one.value for one in left_out.samples] == [len(CURRENCIES) - MOST_CURRENCIES]


def test_values_that_come_and_go_change_no_sum() -> None:
    """And no list is a counter, of which a rate would show a spike."""
    rng = random.Random(1)
    site = SiteNumbers()
    for _ in range(50):
        counts = {b"/%d" % rng.randrange(200): float(rng.randrange(1, 50)) for _ in range(120)}
        site.tops[TOP_PAGES.name, "5m"] = counts
        (pages,) = [one for one in families(Numbers({"shop": site}), 5) if one.name == metrics.TOPS["pages"].name]
        assert pages.type == "gauge"
        assert len(pages.samples) <= 6
        assert sum(one.value for one in pages.samples) == pytest.approx(sum(counts.values()))
