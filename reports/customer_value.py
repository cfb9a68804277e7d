"""The view `customer_value`: what each customer brought and cost, ever and within the last 365 days.

Every order, every thing that cost something and what lies before the orders that are kept is a row with amounts; they
are added up by customer and currency. Amounts of work are in the site's own currency, others in that of the fact.
"""

from __future__ import annotations

from crm.identity.record import PROMOTIONS
from reports.amounts import MONEY, half_up, major
from reports.facts import last, last_amount, listed, structure, told
from reports.things import CONTACT, SENT, SERVICE_ORDER
from wakeline.account import YEAR_MS
from wakeline.vocabulary import things
from wakeline.vocabulary.fields import CONTACT_STATES
from wakeline.vocabulary.money import CURRENCIES
from wakeline.vocabulary.types import CUSTOMER_TOLD

FACTS = (*CONTACT, *SERVICE_ORDER, *SENT, *PROMOTIONS, CUSTOMER_TOLD)

COSTS = ("cost_of_contacts", "cost_of_service", "cost_of_returns", "cost_of_sends", "cost_of_promotions")
BROUGHT = ("revenue", "margin", "revenue_of_unknown_margin", "discount")
ADDED = ("orders", *BROUGHT, *COSTS)
"""Columns of a row that are added up, ever and within the year."""
BEFORE = "orders_before"

OF_THINGS = {
    things.CONTACT: "cost_of_contacts",
    things.SERVICE_ORDER: "cost_of_service",
    things.SENT: "cost_of_sends",
}
"""Those of COSTS that a kind of thing has, see `crm.commerce.accounts.COSTING`."""

SERVED_BODY = {
    "currency": "VARCHAR",
    "cost": "BIGINT",
    "minutes": "DOUBLE",
    "state": "VARCHAR",
    "campaign": "VARCHAR",
}

IS_BEGUN = f"starts_with(home, '{things.CONTACT.prefix}') AND said.state IN ({listed(CONTACT_STATES)})"

# One row per contact, service order and mail or letter of a customer. A contact is of the time when it was first in a
# state, if it was in any.
SERVED = f"""
CREATE VIEW history.served AS
SELECT
    site, home, coalesce(min(time) FILTER ({IS_BEGUN}), min(time)) AS time,
    coalesce(arg_min(local_time, time) FILTER ({IS_BEGUN}), arg_min(local_time, time))::DATE AS day,
    {last("customer")} AS customer, {last_amount(major("said.cost", "said.currency"), "said.currency")} AS cost,
    {last("said.minutes")} AS minutes, {last("said.campaign")} AS campaign
FROM {told((*CONTACT, *SERVICE_ORDER, *SENT), SERVED_BODY)} WHERE home IS NOT NULL GROUP BY site, home
"""

PROMOTION_BODY = {"currency": "VARCHAR", "cost": "BIGINT"}
BEFORE_BODY = {"currency": "VARCHAR", "orders_before": "BIGINT", "value_before": "BIGINT"}


def _of_thing(kind: things.Thing, amount: str) -> str:
    return f"CASE WHEN starts_with(home, '{kind.prefix}') THEN {amount} END AS {OF_THINGS[kind]}"


def _of_things(amount: str) -> str:
    return ", ".join(_of_thing(kind, amount) for kind in OF_THINGS)


OF_MINUTES = major(half_up("minutes * minute_cost"), "currency")
KNOWN = f"IN ({listed(sorted(CURRENCIES))})"

ROWS = f"""
CREATE VIEW history.brought AS
WITH worth AS MATERIALIZED (FROM history.worth)
SELECT
    site, customer, currency, time, day, CASE WHEN NOT is_back THEN time END AS bought, (NOT is_back)::BIGINT AS orders,
    revenue, margin, CASE WHEN margin IS NULL THEN revenue END AS revenue_of_unknown_margin,
    CASE WHEN NOT is_back THEN discount END AS discount
FROM worth
UNION ALL BY NAME
SELECT
    site, customer, shop.currency AS currency, time, day, {major("return_cost", "shop.currency")} AS cost_of_returns
FROM worth JOIN history.shop AS shop USING (site) WHERE is_return AND return_cost > 0
UNION ALL BY NAME
SELECT site, customer, cost.currency AS currency, time, day, {_of_things("cost.amount")}
FROM history.served WHERE cost.amount <> 0 AND cost.currency {KNOWN}
UNION ALL BY NAME
SELECT site, customer, currency, time, day, {_of_things(OF_MINUTES)}
FROM history.served JOIN history.shop AS shop USING (site) WHERE minutes > 0 AND minute_cost > 0
UNION ALL BY NAME
SELECT site, customer, shop.currency AS currency, time, day, {major("send_minor", "shop.currency")} AS cost_of_sends
FROM history.served JOIN history.shop AS shop USING (site) JOIN history.campaign AS plan USING (site, campaign)
WHERE starts_with(home, '{things.SENT.prefix}') AND cost IS NULL AND send_minor > 0
UNION ALL BY NAME
SELECT
    site, customer, said.currency AS currency, time, local_time::DATE AS day,
    {major("said.cost", "said.currency")} AS cost_of_promotions
FROM (
    SELECT *, from_json(body, '{structure(PROMOTION_BODY)}') AS said FROM history.fact
    WHERE type IN ({listed(PROMOTIONS)})
) WHERE said.cost <> 0 AND said.currency {KNOWN}
UNION ALL BY NAME
SELECT
    site, customer, coalesce(value.currency, shop.currency) AS currency, NULL::TIMESTAMP AS time,
    DATE '1970-01-01' AS day, orders_before, value.amount AS revenue, value.amount AS revenue_of_unknown_margin
FROM (
    SELECT
        site, home AS customer, {last("said.orders_before")} AS orders_before,
        {last_amount(major("said.value_before", "said.currency"), "said.currency")} AS value
    FROM {told((CUSTOMER_TOLD,), BEFORE_BODY)} WHERE home IS NOT NULL GROUP BY site, home
) LEFT JOIN history.shop AS shop USING (site)
"""
"""What lies before the orders has a day before them all."""


SUFFIXES = ("", "_year")
RECENT = f" FILTER (time > until - to_milliseconds({YEAR_MS}))"


def _sum(column: str, suffix: str) -> str:
    kind = "BIGINT" if column.startswith("orders") else MONEY
    return f"try_cast(coalesce(sum({column}){RECENT if suffix else ''}, 0) AS {kind}) AS {column}{suffix}"


def _shown(suffix: str) -> str:
    cost = f"try_cast({' + '.join(f'{column}{suffix}' for column in COSTS)} AS {MONEY})"
    brought = (f"{column}{suffix}" for column in BROUGHT)
    parts = (f"{column}{suffix}" for column in COSTS)
    profit = f"try_cast(margin{suffix} - cost_to_serve{suffix} AS {MONEY}) AS profit{suffix}"
    return ", ".join((*brought, f"{cost} AS cost_to_serve{suffix}", *parts, profit))


CUSTOMER_VALUE = f"""
CREATE VIEW customer_value AS
SELECT
    site, customer, currency, first_purchase, last_purchase, orders, orders_before, {_shown("")},
    orders_year, {_shown("_year")}
FROM (
    SELECT
        site, customer, currency, min(bought) AS first_purchase, max(bought) AS last_purchase, {_sum(BEFORE, "")},
        {", ".join(_sum(column, suffix) for suffix in SUFFIXES for column in ADDED)}
    FROM history.brought, (SELECT {{until}} AS until)
    WHERE customer IS NOT NULL AND currency IS NOT NULL AND {{days}} GROUP BY ALL
) WHERE {" OR ".join(f"{column} IS DISTINCT FROM 0" for column in (BEFORE, *ADDED))}
"""

PARTS = (SERVED, ROWS)
