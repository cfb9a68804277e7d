"""The views `credits` and `campaign_credit`: which visits an order is owed to, by each model.

An order is touched by the visits of its customer's browsers, and of the browser that bought, that began no longer than
TOUCHED_MS before it, its own visit among them: see `reports.touches`. Its revenue and margin are divided among them to
the last minor unit, so that the credits of a model sum up to the order, whatever is refunded.
"""

from __future__ import annotations

from reports.amounts import MONEY, UNIT
from wakeline.definitions import CREDIT_MODELS, TOUCHED_MS
from wakeline.durations import DAY_MS
from wakeline.vocabulary.sources import DIRECT, INTERNAL

LOOKBACK_DAYS = TOUCHED_MS // DAY_MS

NAMES = f"(SELECT unnest([{', '.join(map(repr, CREDIT_MODELS))}]) AS model)"
WEIGHT = f"CASE model {' '.join(f'WHEN {name!r} THEN ({sql})::DOUBLE' for name, sql in CREDIT_MODELS.items())} END"

TOUCH = ("started", "source", "source_class", "campaign", "content", "term", "landing", "hour")

TOUCHES = f"""
CREATE VIEW history.touched AS
WITH sold AS MATERIALIZED (FROM history.worth), numbered AS (
    SELECT
        touch.site, touch.key, {", ".join(f"visit.{name}" for name in TOUCH)},
        row_number() OVER (PARTITION BY touch.site, touch.key ORDER BY nth) AS position
    FROM history.touch AS touch JOIN history.session AS visit USING (site, visitor, session)
    WHERE NOT visit.returned AND visit.source_class <> '{INTERNAL}'
)
SELECT
    sold.site, sold.key, sold.customer, sold.currency, sold.time, sold.day, sold.is_back, sold.revenue, sold.margin,
    {", ".join(f"numbered.{name}" for name in TOUCH)}, coalesce(position, 1) AS position,
    count(*) OVER per_order AS touches, max(position) FILTER (source_class <> '{DIRECT}') OVER per_order AS last_known,
    {UNIT.format(currency="sold.currency")} AS unit
FROM sold LEFT JOIN numbered ON numbered.site = sold.site AND numbered.key = sold.key
WINDOW per_order AS (PARTITION BY sold.site, sold.key)
"""


def _whole(amount: str) -> str:
    """SQL: an amount in minor units, and a touch's part of them, rounded down."""
    part = f"floor({amount}_minor * weight + 1e-9)::BIGINT AS {amount}_whole"
    return f"round(abs({amount}) / unit)::BIGINT AS {amount}_minor, {part}"


def _left(amount: str) -> str:
    """SQL: how many minor units are left over, and a touch's place among those that get one: the largest remainders."""
    rest = f"round({amount}_minor * weight - {amount}_whole, 6)"  # equal ones differ by the noise of floats
    order = f"PARTITION BY site, key, model ORDER BY {rest} DESC, position"
    place = f"row_number() OVER ({order})"
    return f"{amount}_minor - sum({amount}_whole) OVER per_model AS {amount}_left, {place} AS {amount}_place"


def _part(amount: str) -> str:
    """SQL: a touch's part of an amount."""
    minor = f"{amount}_whole + ({amount}_place <= {amount}_left)::INTEGER"
    return f"try_cast(sign({amount}) * ({minor}) * unit AS {MONEY}) AS {amount}"


CREDIT = f"""
CREATE VIEW history.credit AS
SELECT
    site, key, customer, currency, time, day, is_back, model, weight, position, touches, {", ".join(TOUCH)},
    {_part("revenue")}, {_part("margin")}
FROM (
    SELECT *, {_left("revenue")}, {_left("margin")}
    FROM (
        SELECT *, {_whole("revenue")}, {_whole("margin")}
        FROM (SELECT *, {WEIGHT} AS weight FROM history.touched, {NAMES}) WHERE weight > 0
    ) WINDOW per_model AS (PARTITION BY site, key, model)
)
"""

CREDITS = """
CREATE VIEW credits AS
SELECT
    site, key AS order_key, time, day, customer, model, position, touches, weight, started AS touched, source,
    source_class, campaign, content, term, landing AS landing_page, hour, revenue, margin, currency
FROM history.credit WHERE {days}
"""

CAMPAIGN_CREDIT = f"""
CREATE VIEW campaign_credit AS
SELECT
    *, try_cast(margin - cost AS {MONEY}) AS profit, round((margin - cost) / nullif(cost, 0), 2) AS return_on_cost
FROM (
    SELECT
        model.site, model.model, model.campaign, plan.type, coalesce(credit.orders, 0) AS orders,
        coalesce(credit.revenue, 0)::{MONEY} AS revenue, coalesce(credit.margin, 0)::{MONEY} AS margin,
        coalesce(credit.unknown, 0)::{MONEY} AS revenue_of_unknown_margin, coalesce(cost.cost, 0)::{MONEY} AS cost,
        shop.currency
    FROM (
        SELECT site, campaign, model FROM (
            SELECT site, campaign FROM history.campaign
            UNION SELECT site, campaign FROM history.campaign_part WHERE {{days}}
            UNION SELECT site, campaign FROM history.credit WHERE campaign IS NOT NULL AND {{days}}
        ), {NAMES}
    ) AS model
    LEFT JOIN history.shop AS shop USING (site)
    LEFT JOIN history.campaign AS plan USING (site, campaign)
    LEFT JOIN (
        SELECT
            site, campaign, model, currency, round(sum(weight) FILTER (NOT is_back), 2) AS orders,
            sum(revenue) AS revenue, sum(margin) AS margin, sum(revenue) FILTER (margin IS NULL) AS unknown
        FROM history.credit WHERE campaign IS NOT NULL AND {{days}} GROUP BY ALL
    ) AS credit ON credit.site = model.site AND credit.campaign = model.campaign AND credit.model = model.model
        AND credit.currency IS NOT DISTINCT FROM shop.currency
    LEFT JOIN (
        SELECT site, campaign, sum(cost) AS cost FROM history.campaign_part WHERE {{days}} GROUP BY ALL
    ) AS cost ON cost.site = model.site AND cost.campaign = model.campaign
)
"""

PARTS = (TOUCHES, CREDIT)
