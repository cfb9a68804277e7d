"""The views that a query may use, and what they are made from. docs/history.md describes every column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from crm.visits.sources import PARAMETERS
from reports import campaigns, credit, customer_value, deliveries, orders, product_sales, responses, things, worth
from reports.items import OF_EVENT
from wakeline.commerce import PURCHASE, REFUND
from wakeline.definitions import IS_BOUNCE, RETURN_MS
from wakeline.event import CONSENT, PAGE_VIEW
from wakeline.vocabulary.types import NO_ACTIVITY, ORDER_STATE

EVENTS = f"CREATE VIEW events AS SELECT *, {OF_EVENT} AS items FROM history.event WHERE {{days}}"

RETURNED = f"coalesce(source.passes AND started_after <= to_milliseconds({RETURN_MS}), false)"
GOES_ON = f"(entered.continued OR {RETURNED})"
CAME_BY = ("referrer", "click", *PARAMETERS)

OWN = "{'source': source, 'campaign': campaign, 'content': content, 'term': term, 'entry': landing, 'hour': hour}"

# `began`: how the visit began that a row belongs to: of who is back from paying, the visit before.
SESSION = f"""
CREATE VIEW history.session AS
SELECT
    *, coalesce(
        CASE WHEN returned THEN last_value(CASE WHEN NOT returned THEN {OWN} END IGNORE NULLS)
            OVER (PARTITION BY site, visitor ORDER BY session ROWS UNBOUNDED PRECEDING) END,
        {OWN}
    ) AS began
FROM (SELECT
    visit.site AS site, visitor, session, session AS started, ended, entered.day AS day, customer, page_views,
    engaged_ms, events,
    CASE WHEN NOT {GOES_ON} THEN entered.path END AS entry, entered.path AS landing,
    CASE WHEN NOT handed_over THEN left_from END AS exit,
    source.source AS source, source.class AS source_class, nullif(source.campaign, '') AS campaign,
    nullif(source.content, '') AS content, nullif(source.term, '') AS term,
    nullif(source.campaign_id, '') AS campaign_id,
    {IS_BOUNCE} AND NOT handed_over AND NOT {GOES_ON} AS bounce,
    {GOES_ON} AS continued, entered.device AS device, entered.browser AS browser, entered.os AS os,
    entered.country AS country, entered.hour AS hour,
    {RETURNED} AS returned
FROM (
    SELECT
        site, visitor, session, max(time) AS ended,
        arg_min(customer, (time, page, n)) FILTER (customer IS NOT NULL) AS customer,
        count(*) FILTER (type = '{PAGE_VIEW}') AS views,
        count(*) FILTER (type = '{PAGE_VIEW}' AND NOT continued) AS page_views,
        coalesce(sum(engaged_ms), 0)::BIGINT AS engaged_ms,
        count(*) FILTER (type NOT IN {tuple(sorted(NO_ACTIVITY))}) AS events,
        coalesce(bool_or(
            type = '{CONSENT}' AND level <> 'off' AND starts_with(visitor, '~') = (level = 'full')
        ), false) AS handed_over,
        arg_min(
            {{'path': path, 'day': day, 'continued': continued, 'device': device, 'browser': browser, 'os': os,
              'country': country, 'hour': hour(local_time)::SMALLINT, 'referrer': referrer, 'click': click,
              {", ".join(f"'{name}': query['{name}']" for name in PARAMETERS)}}},
            (time, page, "offset")
        ) FILTER (type = '{PAGE_VIEW}') AS entered,
        arg_max(path, (time, page, -"offset")) FILTER (type = '{PAGE_VIEW}') AS left_from,
        session - lag(max(time)) OVER (PARTITION BY site, visitor ORDER BY session) AS started_after
    FROM history.event WHERE session IS NOT NULL
    GROUP BY site, visitor, session
) AS visit
JOIN history.source AS source ON visit.site = source.site
    AND {" AND ".join(f"coalesce(entered.{name}, '') = source.{name}" for name in CAME_BY)}
WHERE views > 0)
"""

SESSIONS = "CREATE VIEW sessions AS SELECT * EXCLUDE (began, landing, returned) FROM history.session WHERE {days}"


class View(NamedTuple):
    """A view, and what it is made from."""

    name: str
    sql: str  # with {days} where the days of the query limit it
    parts: tuple[str, ...] = ()  # SQL of views that it is made of
    facts: tuple[str, ...] = ()  # types of facts
    events: tuple[str, ...] = ()  # types of events that affect it, however long before or after the days
    reads_days: bool = False  # all events of the days affect it
    rates: bool = False  # so do settings of the sites, see `rates`
    touches: bool = False  # so do visits before the days: those that touched an order


OF_ORDERS = (PURCHASE, REFUND, ORDER_STATE)
OF_PAGES = (PURCHASE, REFUND)


def _sold(name: str, sql: str, *parts: str) -> View:
    return View(name, sql, (SESSION, *orders.PARTS, *parts), OF_ORDERS, OF_PAGES, reads_days=True)


def _campaign(name: str, sql: str) -> View:
    parts = (SESSION, *orders.PARTS, orders.ORDERS, things.SENDS, campaigns.DAYS)
    return View(name, sql, parts, (*OF_ORDERS, *things.SENT), OF_PAGES, reads_days=True, rates=True)


def _credit(name: str, sql: str) -> View:
    parts = (*_campaign(name, sql).parts, worth.WORTH, *credit.PARTS)
    facts = (*OF_ORDERS, *things.SENT)
    return View(name, sql, parts, facts, OF_PAGES, reads_days=True, rates=True, touches=True)


VIEWS = (
    View("events", EVENTS, reads_days=True),
    View("sessions", SESSIONS, (SESSION,), reads_days=True),
    _sold("orders", orders.ORDERS),
    _sold("order_items", orders.ORDER_ITEMS),
    _sold("refunds", orders.REFUNDED),
    View("contacts", things.CONTACTS, facts=things.CONTACT),
    View("service", things.SERVICE, facts=things.SERVICE_ORDER),
    View("agreements", things.AGREEMENTS, facts=things.AGREEMENT),
    View("products", things.PRODUCTS, facts=things.PRODUCT_TOLD),
    View(
        "product_sales",
        product_sales.PRODUCT_SALES,
        (EVENTS, SESSION, *orders.PARTS, orders.ORDER_ITEMS, things.PRODUCTS),
        (*OF_ORDERS, *things.PRODUCT_TOLD),
        OF_PAGES,
        reads_days=True,
    ),
    _sold("deliveries", deliveries.DELIVERIES, orders.ORDERS),
    View(
        "customer_value",
        customer_value.CUSTOMER_VALUE,
        (*orders.PARTS, worth.WORTH, *customer_value.PARTS),
        (*OF_ORDERS, *customer_value.FACTS),
        OF_PAGES,
        reads_days=True,
        rates=True,
    ),
    View("sends", things.SENDS, facts=things.SENT),
    _campaign("campaigns", campaigns.CAMPAIGNS),
    _campaign("campaign_days", campaigns.CAMPAIGN_DAYS),
    _campaign("campaign_elements", campaigns.CAMPAIGN_ELEMENTS),
    _credit("credits", credit.CREDITS),
    _credit("campaign_credit", credit.CAMPAIGN_CREDIT),
    View("offers", responses.OFFERS, facts=responses.OFFER, events=responses.OFFER, reads_days=True),
    View("answers", responses.ANSWERS, facts=responses.ANSWERED, reads_days=True),
)

NEWEST = '(SELECT max("at") FROM history.newest)'
"""When the newest record of the history was appended; NULL: there is none."""

NAMES = tuple(view.name for view in VIEWS)


class Needs(NamedTuple):
    """What a query needs of the history."""

    views: tuple[View, ...]
    facts: tuple[str, ...]
    events: tuple[str, ...]
    days: bool
    rates: bool
    touches: bool


def needs(sql: str) -> Needs:
    """By the names of views in the query. One that names none has all of them, and events alone."""
    asked = tuple(view for view in VIEWS if re.search(rf"\b{view.name}\b", sql, re.IGNORECASE))
    facts = {type for view in asked for type in view.facts}
    events = {type for view in asked for type in view.events}
    reads_days = not asked or any(view.reads_days for view in asked)
    rates = any(view.rates for view in asked)
    touches = any(view.touches for view in asked)
    return Needs(asked or VIEWS, tuple(sorted(facts)), tuple(sorted(events)), reads_days, rates, touches)


def create(views: Sequence[View], first: date | None, last: date | None) -> str:
    """SQL that creates the views, limited to the days of each site from `first` to `last`.

    What counts back does so from the newest record, or from the end of the last day.
    """
    bounds = [f"day >= DATE '{first}'"] * (first is not None) + [f"day <= DATE '{last}'"] * (last is not None)
    days = " AND ".join(bounds) or "true"
    until = NEWEST if last is None else f"least({NEWEST}, TIMESTAMP '{last}' + INTERVAL 1 DAY)"
    parts = (part for view in views for part in view.parts)
    made = dict.fromkeys((*parts, *(view.sql for view in views)))
    return ";".join(sql.replace("{days}", days).replace("{until}", until) for sql in made)
