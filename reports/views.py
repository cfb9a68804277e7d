"""The views: `events`, `sessions` and `orders`. docs/history.md describes every column."""

from __future__ import annotations

from datetime import date

from reports.amounts import CURRENCY, named, says
from wakeline.amounts import MAX_AMOUNT, MAX_QUANTITY
from wakeline.definitions import IS_BOUNCE
from wakeline.event import CONSENT, PAGE_VIEW
from wakeline.vocabulary.types import NO_ACTIVITY

NAMES = ("events", "sessions", "orders")

EVENTS = "CREATE VIEW events AS SELECT * FROM history.event WHERE {days}"

SESSIONS = f"""
CREATE VIEW history.session AS
SELECT
    site, visitor, session, session AS started, ended, entered.day AS day, customer, page_views, engaged_ms, events,
    CASE WHEN NOT entered.continued THEN entered.path END AS entry,
    CASE WHEN NOT handed_over THEN left_from END AS exit,
    coalesce(source.source, 'direct') AS source, coalesce(source.class, 'direct') AS source_class,
    nullif(source.campaign, '') AS campaign,
    {IS_BOUNCE} AND NOT handed_over AND NOT entered.continued AS bounce,
    entered.continued AS continued, entered.device AS device, entered.browser AS browser, entered.os AS os,
    entered.country AS country
FROM (
    SELECT
        site, visitor, session, max(time) AS ended, any_value(customer) AS customer,
        count(*) FILTER (type = '{PAGE_VIEW}') AS views,
        count(*) FILTER (type = '{PAGE_VIEW}' AND NOT continued) AS page_views,
        coalesce(sum(engaged_ms), 0)::BIGINT AS engaged_ms,
        count(*) FILTER (type NOT IN {tuple(sorted(NO_ACTIVITY))}) AS events,
        coalesce(bool_or(
            type = '{CONSENT}' AND level <> 'off' AND starts_with(visitor, '~') = (level = 'full')
        ), false) AS handed_over,
        arg_min(
            {{'path': path, 'day': day, 'continued': continued, 'device': device, 'browser': browser, 'os': os,
              'country': country, 'utm_source': query['utm_source'], 'utm_campaign': query['utm_campaign'],
              'referrer': referrer}},
            (time, page, "offset")
        ) FILTER (type = '{PAGE_VIEW}') AS entered,
        arg_max(path, (time, page, -"offset")) FILTER (type = '{PAGE_VIEW}') AS left_from
    FROM history.event WHERE session IS NOT NULL
    GROUP BY site, visitor, session
)
LEFT JOIN history.source AS source ON coalesce(entered.utm_source, '') = source.utm_source
    AND coalesce(entered.utm_campaign, '') = source.utm_campaign AND coalesce(entered.referrer, '') = source.referrer
WHERE views > 0;
CREATE VIEW sessions AS SELECT * FROM history.session WHERE {{days}}
"""

MONEY = "DECIMAL(18, 4)"
ITEMS = '[{"product": "VARCHAR", "category": "VARCHAR", "price": "DOUBLE", "quantity": "DOUBLE"}]'

ORDERS = f"""
CREATE VIEW orders AS
WITH named AS (
    SELECT
        *, {named("order")} AS order_id, {CURRENCY} AS currency,
        CASE WHEN json_type(props, '$.price') <> 'VARCHAR' AND json_type(props, '$.price') <> 'NULL' OR {says("price")}
            THEN props->'price' ELSE props->'value' END AS total,
        json_exists(props, '$.price') OR json_exists(props, '$.value') AS has_total
    FROM history.event WHERE type IN ('purchase', 'refund') AND bot IS NULL
), read AS (
    SELECT
        named.*,
        CASE json_type(total) WHEN 'VARCHAR' THEN amount.amount WHEN 'BOOLEAN' THEN NULL
            ELSE try_cast(total->>'$' AS DOUBLE) END AS number
    FROM named LEFT JOIN history.amount AS amount
        ON json_type(total) = 'VARCHAR' AND amount.text = total->>'$' AND amount.currency = coalesce(named.currency, '')
), told AS (
    SELECT *, CASE WHEN abs(number) <= {MAX_AMOUNT} THEN try_cast(number AS {MONEY}) END AS amount FROM read
), purchase AS (
    SELECT * FROM told WHERE type = 'purchase'
    QUALIFY order_id IS NULL OR row_number() OVER (PARTITION BY site, order_id ORDER BY time, lane, "offset") = 1
), refund AS (
    SELECT
        site, order_id, currency, bool_or(NOT coalesce(has_total, false)) AS is_whole, sum(abs(amount)) AS amount,
        count_if(has_total AND amount IS NULL) AS unread
    FROM told WHERE type = 'refund' AND order_id IS NOT NULL
    GROUP BY ALL
), refunded AS (
    SELECT
        purchase.lane, purchase."offset", sum(refund.unread)::BIGINT AS unread,
        try_cast(greatest(CASE WHEN bool_or(refund.is_whole) THEN any_value(purchase.amount)
            ELSE least(coalesce(sum(refund.amount), 0), any_value(purchase.amount)) END, 0) AS {MONEY}) AS refunded
    FROM purchase JOIN refund ON purchase.site = refund.site AND purchase.order_id = refund.order_id
        AND coalesce(purchase.currency = refund.currency, true)
    GROUP BY ALL
)
SELECT
    purchase.site, order_id, time, local_time, day, visitor, customer, session, currency, amount AS value,
    coalesce(refunded, 0)::{MONEY} AS refunded, (amount - coalesce(refunded, 0))::{MONEY} AS revenue,
    coalesce(unread, 0) AS unread_refunds,
    list_transform(from_json(props->'items', '{ITEMS}'), lambda item: {{
        'product': item.product, 'category': item.category,
        'price': CASE WHEN abs(item.price) <= {MAX_AMOUNT} THEN try_cast(item.price AS {MONEY}) END,
        'quantity': CASE WHEN abs(item.quantity) <= {MAX_QUANTITY} THEN item.quantity END
    }}) AS items,
    visit.source, visit.campaign, device, browser, os, country
FROM purchase
LEFT JOIN refunded USING (lane, "offset")
LEFT JOIN (SELECT site, visitor, session, source, campaign FROM history.session) AS visit
    USING (site, visitor, session)
WHERE {{days}}
"""


def views(first: date | None, last: date | None) -> str:
    """SQL for the views, limited to the days of each site from `first` to `last`."""
    bounds = [f"day >= DATE '{first}'"] * (first is not None) + [f"day <= DATE '{last}'"] * (last is not None)
    days = " AND ".join(bounds) or "true"
    return ";".join(view.replace("{days}", days) for view in (EVENTS, SESSIONS, ORDERS))
