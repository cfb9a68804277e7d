"""The figures of campaigns in /metrics: what was stored last, and nothing where nothing was."""

from __future__ import annotations

from typing import Any

import pytest

from api.exposition import families
from api.figures import FiguresReader, shown
from api.metrics import OF_CAMPAIGNS
from api.numbers import Numbers, SiteNumbers
from wakeline import keys
from wakeline.campaign_figures import Campaign, Element, Figures, SiteFigures, Source, encode, store
from wakeline.keys import OTHER

SPRING = Campaign("spring", 1_000, 9, 8, 7, 6, orders=2.5, revenue=90.0, margin=40.0, cost=20.0, unknown=5.0)
SHOP = SiteFigures(
    "EUR",
    [SPRING, Campaign("free", visits=1)],
    [
        Element("spring", "content", "top", visits=4, orders=2, revenue=80.0),
        Element("spring", "subject", "Hi", 0, 5, 3),
    ],
    [Source("mail", 9, 2.5, 90.0, 40.0)],
)
NAMES = {family.name for family in OF_CAMPAIGNS} | {"wakeline_campaign_figures_timestamp_seconds"}


def rendered(figures: Figures | None, *, top: int = 10, sites: tuple[str, ...] = ("shop",)) -> dict[Any, float]:
    """(name without its prefix, label values but the site) -> value."""
    numbers = Numbers({site: SiteNumbers() for site in sites}, figures)
    return {
        (sample.name.removeprefix("wakeline_"), *(text for name, text in sample.labels.items() if name != "site")): (
            sample.value
        )
        for family in families(numbers, top)
        if family.name in NAMES
        for sample in family.samples
    }


def test_each_figure_is_a_gauge_of_its_own() -> None:
    assert rendered(Figures(1_700_000_000_500, {"shop": SHOP})) == {
        ("campaign_visits", "spring"): 9,
        ("campaign_visits", "free"): 1,
        ("campaign_sent", "spring"): 8,
        ("campaign_sent", "free"): 0,
        ("campaign_opened", "spring"): 7,
        ("campaign_opened", "free"): 0,
        ("campaign_clicked", "spring"): 6,
        ("campaign_clicked", "free"): 0,
        ("campaign_orders", "spring"): 2.5,
        ("campaign_orders", "free"): 0,
        ("campaign_revenue", "EUR", "spring"): 90,
        ("campaign_revenue", "EUR", "free"): 0,
        ("campaign_revenue_of_unknown_margin", "EUR", "spring"): 5,
        ("campaign_revenue_of_unknown_margin", "EUR", "free"): 0,
        ("campaign_cost", "EUR", "spring"): 20,
        ("campaign_cost", "EUR", "free"): 0,
        ("campaign_profit", "EUR", "spring"): 20,
        ("campaign_profit", "EUR", "free"): 0,
        ("campaign_return", "spring"): 1,  # and none of what cost nothing
        ("campaign_started_timestamp_seconds", "spring"): 1_000,
        ("campaign_element_visits", "spring", "content", "top"): 4,
        ("campaign_element_orders", "spring", "content", "top"): 2,
        ("campaign_element_revenue", "EUR", "spring", "content", "top"): 80,
        ("campaign_element_sent", "spring", "subject", "Hi"): 5,
        ("campaign_element_clicked", "spring", "subject", "Hi"): 3,
        ("source_visits", "mail"): 9,
        ("source_orders", "mail"): 2.5,
        ("source_revenue", "EUR", "mail"): 90,
        ("source_margin", "EUR", "mail"): 40,
        ("campaign_figures_timestamp_seconds",): 1_700_000_000.5,
    }


def test_what_is_not_shown_is_summed_and_its_return_is_of_the_sum() -> None:
    many = [Campaign(f"c{n}", visits=1, margin=30.0, cost=10.0) for n in range(20)]
    assert (shown(100), shown(20), shown(18), shown(3)) == ((50, 44, 44), (6, 4, 4), (4, 3, 3), (3, 1, 1))
    found = rendered(Figures(1, {"shop": SiteFigures("EUR", many)}), top=18)
    assert [key[1] for key in found if key[0] == "campaign_visits"] == ["c0", "c1", "c2", "c3", OTHER]
    assert found["campaign_visits", OTHER] == 16
    assert found["campaign_profit", "EUR", OTHER] == 16 * 20
    assert found["campaign_return", OTHER] == 2


def test_a_site_without_a_currency_has_no_amounts() -> None:
    found = rendered(Figures(1, {"shop": SiteFigures("", SHOP.campaigns, SHOP.elements, SHOP.sources)}))
    assert found["campaign_visits", "spring"] == 9
    assert not {key[0] for key in found if key[0].endswith(("revenue", "cost", "profit", "margin"))}


def test_a_site_that_is_configured_no_more_is_not_shown() -> None:
    assert set(rendered(Figures(1, {"gone": SHOP}))) == {("campaign_figures_timestamp_seconds",)}


def test_without_figures_there_is_nothing() -> None:
    assert rendered(None) == {}


async def test_what_was_stored_last_is_read(redis: Any) -> None:
    reader = FiguresReader()
    assert await reader.read(redis) is None
    made = Figures(5, {"shop": SHOP})
    await store(redis, made)
    found = await reader.read(redis)
    assert found == made
    assert await reader.read(redis) is found, "and decoded once"
    assert 0 < await redis.pttl(keys.CAMPAIGN_FIGURES) <= keys.CAMPAIGN_FIGURES_TTL_MS
    await store(redis, Figures(6, {}))
    assert await reader.read(redis) == Figures(6, {})
    await redis.delete(keys.CAMPAIGN_FIGURES)
    assert await reader.read(redis) is None


@pytest.mark.parametrize("stored", [b"", b"{}", b"[1]", b"\xff", encode(["x", {}])])
async def test_another_form_is_nothing(redis: Any, stored: bytes) -> None:
    await redis.set(keys.CAMPAIGN_FIGURES, stored)
    assert await FiguresReader().read(redis) is None
