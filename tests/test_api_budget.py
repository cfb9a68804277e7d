"""The series of /metrics are bounded, whatever is counted and however many sites there are."""

from __future__ import annotations

import logging
import random

import pytest

from api import metrics
from api.app import _values_shown
from api.budget import LEAST_VALUES, MOST_CURRENCIES, OF_ALL_SITES, OF_ONE_SITE, series_of_site, values_shown
from api.exposition import families, shown_currencies
from api.numbers import LISTS, Numbers, SiteNumbers
from wakeline.keys import OTHER, TOP_MEMBERS
from wakeline.numbers import MONEYS, PAGE_REVENUE, REVENUE, TOP_PAGES
from wakeline.settings import MOST_PAGE_GROUPS, Settings
from wakeline.vocabulary.money import CURRENCIES

WANTED = Settings().top_values


def full(seed: int = 0, groups: int = 1) -> SiteNumbers:
    """Everything that there may be: full lists of all lanes, and amounts in all currencies."""
    rng = random.Random(seed)
    site = SiteNumbers(currency="EUR", groups=tuple(f"group-{number}" for number in range(groups)))
    for money in MONEYS:
        for currency in CURRENCIES:
            site.totals[money.field(currency)] = site.day[money.field(currency)] = rng.randrange(1, 10_000)
    for each in LISTS:
        site.tops[each] = {b"%d" % number: float(rng.randrange(1, 100)) for number in range(TOP_MEMBERS * 16)}
        site.tops[each][OTHER.encode()] = 7.0
    return site


def series(numbers: Numbers, values: int) -> int:
    """Those of the sites."""
    found = [family for family in families(numbers, values) if any("site" in one.labels for one in family.samples)]
    return sum(len(family.samples) for family in found)


@pytest.mark.parametrize("groups", [1, 1 + MOST_PAGE_GROUPS])
@pytest.mark.parametrize("sites", [1, 2, 20, 40])
def test_full_lists_of_all_sites_are_within_the_budget(sites: int, groups: int) -> None:
    if sites * series_of_site(LEAST_VALUES, groups) > OF_ALL_SITES:
        pytest.skip("which the service says when it starts")
    values = values_shown(sites, WANTED, groups)
    found = series(Numbers({f"site-{number}": full(number, groups) for number in range(sites)}), values)
    assert found == sites * series_of_site(values, groups)
    assert found <= OF_ALL_SITES
    assert found / sites <= OF_ONE_SITE


def test_one_site_and_twenty_show_what_was_wanted() -> None:
    assert (values_shown(1, WANTED), values_shown(20, WANTED)) == (20, 20)


def test_eight_groups_of_pages_are_six_buckets_of_seven_histograms_each() -> None:
    """One site shows what was wanted with them; twenty such sites show shorter lists."""
    more = series_of_site(WANTED, 1 + MOST_PAGE_GROUPS) - series_of_site(WANTED, 1)
    assert more == MOST_PAGE_GROUPS * 7 * (6 + 2)
    assert values_shown(1, WANTED, 8) == WANTED
    assert LEAST_VALUES < values_shown(20, WANTED, 8) < WANTED


def test_lists_shrink_as_sites_are_added_and_no_further_than_so() -> None:
    shown = [values_shown(sites, 100) for sites in range(1, 1_000)]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 20
    assert shown[-1] == LEAST_VALUES
    assert values_shown(1, 2) == 2


def test_what_is_not_shown_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert _values_shown(1, 20) == 20
    assert not caplog.records
    assert LEAST_VALUES < _values_shown(40, 20) < 20
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
    assert {"EUR", "CHF", "JPY"} < set(shown_currencies(site))
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
