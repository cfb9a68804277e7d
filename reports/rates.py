"""What views take from the settings of the sites: what their work costs, what they earn, which orders count.

A site that is configured no more has no costs and no rates, and its orders count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date

import duckdb

from crm.sites import SiteFacts, interest_name
from reports.facts import structure
from reports.items import OF_PAGE, TOLD
from wakeline.commerce import PURCHASE
from wakeline.settings import DayCostRule, Site

TABLES = """
CREATE TABLE history.shop (
    site VARCHAR, currency VARCHAR, minute_cost DOUBLE, return_cost BIGINT, page_orders BOOLEAN
);
CREATE TABLE history.rate (site VARCHAR, category VARCHAR, rate DOUBLE);
CREATE TABLE history.campaign (
    site VARCHAR, campaign VARCHAR, type VARCHAR, starts DATE, ends DATE, audience VARCHAR, goal VARCHAR,
    send_cost DOUBLE, send_minor BIGINT
);
CREATE TABLE history.campaign_cost (site VARCHAR, campaign VARCHAR, day DATE, cost DOUBLE);
CREATE TABLE history.campaign_element (site VARCHAR, campaign VARCHAR, element VARCHAR);
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


# `send_minor`: what a person bears of it, in whole minor units
ADD_CAMPAIGN = """
INSERT INTO history.campaign VALUES (
    $site, $id, $type, $starts, $ends, nullif($audience, ''), nullif($goal, ''), nullif($send_cost, 0), $send_minor
)
"""
PLANNED = ("id", "type", "starts", "ends", "audience", "goal", "send_cost")
ADD_COST = """
INSERT INTO history.campaign_cost
SELECT site, campaign, unnest(generate_series(first, least(last, $newest), INTERVAL 1 DAY))::DATE, cost
FROM (
    SELECT unnest($site) AS site, unnest($campaign) AS campaign, unnest($first) AS first, unnest($last) AS last,
        unnest($cost) AS cost
)
WHERE first <= $newest
"""
"""Of days up to that of the newest record: what is planned for later costs nothing yet."""
ADD_ELEMENTS = "INSERT INTO history.campaign_element SELECT $site, $campaign, unnest($elements)"


def fill(connection: duckdb.DuckDBPyConnection, sites: Iterable[Site]) -> None:
    """Call it once all events and facts are there: categories are compared as the processor does, however spelt."""
    facts = []
    for one in sites:
        facts.append(SiteFacts(one))
        _plan(connection, one, facts[-1].send_costs)
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


def _plan(connection: duckdb.DuckDBPyConnection, site: Site, send_costs: Mapping[str, int]) -> None:
    """Campaigns, and what they cost on which days: what is paid once, on the first."""
    costs: list[tuple[str, str, date, date, float]] = []
    for rule in site.campaigns:
        planned = {name: getattr(rule, name) for name in PLANNED} | {"send_minor": send_costs.get(rule.id, 0)}
        connection.execute(ADD_CAMPAIGN, {"site": site.key} | planned)
        once = [DayCostRule(first=rule.starts, last=rule.starts, cost=rule.cost)] * (rule.cost > 0)
        costs += [(site.key, rule.id, days.first, days.last, days.cost) for days in (*once, *rule.costs)]
        if rule.elements:
            connection.execute(ADD_ELEMENTS, {"site": site.key, "campaign": rule.id, "elements": list(rule.elements)})
    newest = _newest(connection, site)
    if costs and newest:
        names: Sequence[str] = ("site", "campaign", "first", "last", "cost")
        told = dict(zip(names, map(list, zip(*costs, strict=True)), strict=True))
        connection.execute(ADD_COST, {"newest": newest, **told})


def _newest(connection: duckdb.DuckDBPyConnection, site: Site) -> date | None:
    """The site's day on which the history's newest record was appended; None: there is no record."""
    (found,) = connection.execute('SELECT max("at") FROM history.newest').fetchone() or (None,)
    return None if found is None else found.replace(tzinfo=UTC).astimezone(site.time_zone).date()
