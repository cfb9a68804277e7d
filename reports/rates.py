"""What views take from the settings of the sites: what their work costs, what they earn, which orders count.

A site that is configured no more has no costs and no rates, and its orders count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from crm.sites import SiteFacts, interest_name
from reports.facts import structure
from reports.items import OF_PAGE, TOLD
from wakeline.commerce import PURCHASE
from wakeline.settings import Site

TABLES = """
CREATE TABLE history.shop (
    site VARCHAR, currency VARCHAR, minute_cost DOUBLE, return_cost BIGINT, page_orders BOOLEAN
);
CREATE TABLE history.rate (site VARCHAR, category VARCHAR, rate DOUBLE);
"""

ADD_SHOP = "INSERT INTO history.shop VALUES ($key, nullif($currency, ''), $minute_cost, $return_cost, $page_orders)"
"""Costs are minor units of the currency, NULL if the site names none."""
SAID = ("key", "currency", "minute_cost", "return_cost", "page_orders")

CATEGORIES = f"""
SELECT DISTINCT site, coalesce(item.item_category, item.category) FROM (
    SELECT site, unnest({OF_PAGE}) AS item FROM history.event WHERE type = '{PURCHASE}'
) UNION SELECT DISTINCT site, item.item_category FROM (
    SELECT site, unnest(from_json(body, '{structure({"items": TOLD})}').items) AS item FROM history.fact
    WHERE type = '{PURCHASE}'
)
"""

ADD_RATES = "INSERT INTO history.rate SELECT unnest($site), unnest($category), unnest($rate)"


def fill(connection: duckdb.DuckDBPyConnection, sites: Iterable[Site]) -> None:
    """Call it once all events and facts are there: categories are compared as the processor does, however spelt."""
    facts = [SiteFacts(site) for site in sites]
    for site in facts:
        connection.execute(ADD_SHOP, {name: getattr(site, name) for name in SAID})
    margins = {site.key: site.margins for site in facts if site.margins}
    if not margins:
        return
    rows = [
        (site, category, rate)
        for site, category in connection.execute(CATEGORIES).fetchall()
        if site in margins and category and (rate := margins[site].get(interest_name(category))) is not None
    ]
    if rows:
        names: Sequence[str] = ("site", "category", "rate")
        connection.execute(ADD_RATES, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
