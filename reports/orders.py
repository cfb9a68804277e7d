"""The views `orders`, `order_items` and `refunds`: pages, servers and imports meet at the order's hashed number.

Each field has the latest word, by event time; a server's or an import's stands above a page's. A page's event of
before these hashes is found by the number itself.
"""

from __future__ import annotations

from reports.amounts import CURRENCY, MONEY, UNIT, half_up, major, money, named, says
from reports.facts import (
    TIE,
    in_currency,
    last,
    last_amount,
    listed,
    moment,
    structure,
)
from reports.items import OF_PAGE, TEXTS, TOLD, of_fact, of_page
from wakeline.commerce import PURCHASE, REFUND
from wakeline.durations import DAY_MS
from wakeline.told import RANK_OF_OTHERS, RANK_OF_PAGES
from wakeline.vocabulary.fields import ORDER_STATES
from wakeline.vocabulary.things import ORDER
from wakeline.vocabulary.types import ORDER_STATE

NUMBER = f"coalesce({', '.join(named(name) for name in ('transaction_id', 'order', 'order_id'))})"
"""An order's number on the page: the name of today, and the former ones."""

EXTRAS = ("tax", "shipping", "discount")  # amounts of a purchase beside its value

# Every purchase and refund that a page told. `key` names the order: its hashed number, else the number, else the event.
OF_PAGES = f"""
CREATE VIEW history.page_order AS
WITH named AS (
    SELECT
        *, {NUMBER} AS number, {CURRENCY} AS currency,
        CASE WHEN order_key IS NULL AND (
            json_type(props, '$.price') <> 'VARCHAR' AND json_type(props, '$.price') <> 'NULL' OR {says("price")}
        ) THEN props->'price' ELSE props->'value' END AS total,
        order_key IS NULL AND json_exists(props, '$.price') OR json_exists(props, '$.value') AS has_total
    FROM history.event WHERE type IN ('{PURCHASE}', '{REFUND}') AND bot IS NULL
), hashed AS (
    SELECT site, number, min(order_key) AS key FROM named
    WHERE order_key IS NOT NULL AND number IS NOT NULL GROUP BY ALL
), read AS (
    SELECT
        named.*, coalesce(order_key, hashed.key, 'number:' || named.number, 'event:' || lane || '/' || "offset") AS key,
        CASE json_type(total) WHEN 'VARCHAR' THEN amount.amount WHEN 'BOOLEAN' THEN NULL
            ELSE try_cast(total->>'$' AS DOUBLE) END AS amount_told
    FROM named
    LEFT JOIN hashed ON named.site = hashed.site AND named.number = hashed.number
    LEFT JOIN history.amount AS amount
        ON json_type(total) = 'VARCHAR' AND amount.text = total->>'$' AND amount.currency = coalesce(named.currency, '')
)
SELECT
    *, {money("amount_told")} AS amount, page || '.' || n AS id, {TIE.format(id="sha256(page || '.' || n)")} AS tie
FROM read
"""

BODY = {
    **dict.fromkeys(("value", *EXTRAS), "BIGINT"),
    **dict.fromkeys(("currency", "coupon", "channel", "refund_id", "state", "at"), "VARCHAR"),
    "items": TOLD,
}

OF_FACTS = f"""
CREATE VIEW history.told_order AS
SELECT site, home AS key, type, id, tie, time, local_time, customer, visitor, "by", batch, line, appended, said FROM (
    SELECT *, from_json(body, '{structure(BODY)}') AS said FROM history.fact
    WHERE type IN ({listed((PURCHASE, REFUND, ORDER_STATE))}) AND starts_with(home, '{ORDER.prefix}')
)
"""

LATEST = "row_number() OVER (PARTITION BY site, key{} ORDER BY rank, time, tie, batch, line) AS nth"


def _of_page(name: str) -> str:
    number = f"try_cast(props->>'{name}' AS DOUBLE)"
    return f"{money(number)} AS {name}"


def _of_fact(name: str) -> str:
    return major(f"said.{name}", "said.currency")


def _merged(name: str) -> str:
    return f"{last_amount(name, 'currency')} AS {name}"


SOLD_IN = "coalesce(value.currency, merged.currency)"
"""The order's currency: that of its value."""


def _shown(name: str) -> str:
    return f"{in_currency(name, SOLD_IN)} AS {name}"


# One row per order, as it was sold: `lines` are its items.
SALES = f"""
CREATE VIEW history.sale AS
WITH claim AS (
    SELECT
        site, key, if(signed, {RANK_OF_OTHERS}, {RANK_OF_PAGES}) AS rank, time, local_time, tie, '' AS batch, 0 AS line,
        'page' AS "by", number, currency, amount AS value, {", ".join(map(_of_page, EXTRAS))},
        {named("coupon")} AS coupon, {named("channel")} AS channel, {of_page(OF_PAGE)} AS lines
    FROM history.page_order WHERE type = '{PURCHASE}'
    UNION ALL
    SELECT
        site, key, {RANK_OF_OTHERS}, time, local_time, tie, batch, line, "by", NULL, said.currency,
        {", ".join(map(_of_fact, ("value", *EXTRAS)))},
        said.coupon, said.channel, {of_fact("said.items", "said.currency")}
    FROM history.told_order WHERE type = '{PURCHASE}'
), ranked AS (
    SELECT *, {LATEST.format("")} FROM claim
), merged AS (
    SELECT
        site, key, min(time) AS time, arg_min(local_time, time) AS local_time, {last("number")} AS number,
        {last("currency")} AS currency, {", ".join(map(_merged, ("value", *EXTRAS, "lines")))},
        {last("coupon")} AS coupon, coalesce({last("channel")}, if(bool_or("by" = 'page'), 'web', NULL)) AS channel,
        list_sort(list(DISTINCT "by")) AS told_by
    FROM ranked GROUP BY site, key
)
SELECT
    * REPLACE (
        {SOLD_IN} AS currency, value.amount AS value, {", ".join(map(_shown, (*EXTRAS, "lines")))}
    ),
    CASE WHEN starts_with(key, '{ORDER.prefix}') THEN key END AS order_key,
    coalesce(number, CASE WHEN starts_with(key, '{ORDER.prefix}') THEN key END) AS order_id
FROM merged
"""

PRICE = """coalesce(
    item.price, list_filter(sold, lambda one: one.item_id = item.item_id AND one.price IS NOT NULL)[1].price
)"""
PIECES = "greatest(coalesce(item.quantity, 1), 0)"

# One row per refund that stands: a page's do as long as only pages speak of the order, and none with a signature. The
# latest word on a refund says all of it: an amount, else items, else the whole order.
REFUNDS = f"""
CREATE VIEW history.refund AS
WITH claim AS (
    SELECT
        site, key, coalesce({named("refund_id")}, 'event:' || id) AS refund_id, {RANK_OF_PAGES} AS rank, time,
        local_time, tie, '' AS batch, 0 AS line, 'page' AS "by", visitor, customer, currency, abs(amount) AS value,
        coalesce(has_total, false) AS has_value, {of_page(OF_PAGE)} AS lines
    FROM history.page_order
    WHERE type = '{REFUND}' AND NOT starts_with(key, 'event:') AND NOT EXISTS (
        FROM history.told_order AS told WHERE told.site = page_order.site AND told.key = page_order.key
    ) AND NOT EXISTS (
        FROM history.page_order AS own WHERE own.signed AND own.site = page_order.site AND own.key = page_order.key
    )
    UNION ALL
    SELECT
        site, key, coalesce(said.refund_id, 'event:' || id), {RANK_OF_OTHERS}, time, local_time, tie, batch, line, "by",
        visitor, customer, said.currency, abs({major("said.value", "said.currency")}), said.value IS NOT NULL,
        {of_fact("said.items", "said.currency")}
    FROM history.told_order WHERE type = '{REFUND}'
), ranked AS (
    SELECT *, {LATEST.format(", refund_id")} FROM claim
), merged AS (
    SELECT
        site, key, refund_id, min(time) AS time, arg_min(local_time, time) AS local_time, {last("visitor")} AS visitor,
        {last("customer")} AS customer, arg_max("by", nth) AS told_by,
        arg_max({{'currency': currency, 'value': value, 'has_value': has_value, 'lines': lines}}, nth) AS word
    FROM ranked GROUP BY site, key, refund_id
), joined AS (
    SELECT
        merged.* EXCLUDE word, word.currency AS currency, word.value AS told, word.has_value AS has_value,
        word.lines AS lines, len(word.lines) > 0 AS has_lines, sale.currency AS sold_in, sale.value AS sold_for,
        sale.lines AS sold, {UNIT.format(currency="coalesce(word.currency, sale.currency)")} AS unit
    FROM merged LEFT JOIN history.sale AS sale USING (site, key)
), summed AS (
    SELECT *, list_transform(lines, lambda item: round({PRICE}::DOUBLE / unit) * {PIECES}) AS parts FROM joined
)
SELECT
    * EXCLUDE (sold, unit, parts) REPLACE (coalesce(currency, sold_in) AS currency),
    NOT has_value AND NOT coalesce(has_lines, false) AS is_whole,
    coalesce(currency = sold_in, true) AS is_in_currency,
    CASE
        WHEN has_value THEN told
        WHEN coalesce(has_lines, false) THEN CASE WHEN len(list_filter(parts, lambda part: part IS NULL)) = 0
            THEN {money(f"{half_up('list_sum(parts)')} * unit")} END
        ELSE greatest(sold_for, 0)
    END AS value
FROM summed
"""

PRECEDENCE = "NOT coalesce(signed, false), time"
"""Between visitors, for whose an order is: as `wakeline.told.customer_of`."""


def persons(of_pages: str, of_others: str, columns: str) -> str:
    """SQL: the parts `of_page`, `claim` and `person` of a query, of whom an order is.

    `of_pages` and `of_others` are what pages and others told; `columns` are those of the page's visit.
    """
    return f"""of_page AS (
    SELECT site, key, visitor, {columns} FROM {of_pages}
    WHERE type = '{PURCHASE}'
    QUALIFY row_number() OVER (PARTITION BY site, key ORDER BY {PRECEDENCE}, visitor, page, n) = 1
), claim AS (
    SELECT site, key, arg_min(customer, ({PRECEDENCE}, customer)) AS customer FROM {of_pages}
    WHERE type = '{PURCHASE}' AND customer IS NOT NULL GROUP BY ALL
), person AS (
    SELECT
        site, key, arg_max(customer, (time, tie)) FILTER (customer IS NOT NULL) AS customer,
        arg_max(visitor, (time, tie)) FILTER (visitor IS NOT NULL) AS visitor
    FROM {of_others} WHERE customer IS NOT NULL OR visitor IS NOT NULL GROUP BY ALL
)"""


# One row per order with all that became of it.
SETTLED = f"""
CREATE VIEW history.settled AS
WITH {persons("history.page_order", "history.told_order", "session, device, browser, os, country")}, stage AS (
    SELECT
        site, key, arg_max(state, (since, list_position([{listed(ORDER_STATES)}], state))) AS state,
        {", ".join(f"min(since) FILTER (state = '{state}') AS {state}" for state in ORDER_STATES)}
    FROM (
        SELECT site, key, said.state AS state, min(coalesce({moment("said.at")}, time)) AS since
        FROM history.told_order WHERE type = '{ORDER_STATE}' AND said.state IN ({listed(ORDER_STATES)}) GROUP BY ALL
    ) GROUP BY ALL
), refunded AS (
    SELECT
        site, key, bool_or(is_whole) AS is_whole, sum(value) AS amount,
        count_if(value IS NULL AND NOT is_whole) AS unread
    FROM history.refund WHERE is_in_currency GROUP BY ALL
)
SELECT
    sale.*, stage.* EXCLUDE (site, key), coalesce(person.customer, claim.customer) AS customer,
    coalesce(of_page.visitor, person.visitor) AS visitor, of_page.session, of_page.device, of_page.browser,
    of_page.os, of_page.country, coalesce(refunded.unread, 0)::BIGINT AS unread_refunds,
    cancelled IS NOT NULL OR coalesce(refunded.is_whole, false) AS is_taken_back,
    try_cast(greatest(CASE WHEN is_taken_back THEN sale.value
        ELSE least(coalesce(refunded.amount, 0), sale.value) END, 0) AS {MONEY}) AS refunded
FROM history.sale AS sale
LEFT JOIN of_page USING (site, key)
LEFT JOIN claim USING (site, key)
LEFT JOIN person USING (site, key)
LEFT JOIN stage USING (site, key)
LEFT JOIN refunded USING (site, key)
"""

DELIVERY_DAYS = f"""CASE WHEN delivered >= time
    THEN (epoch_ms(delivered) - epoch_ms(time) + {DAY_MS // 20}) // {DAY_MS // 10} / 10
END"""
"""As `wakeline.thing_fields.delivery_days` computes it."""

ORDERS = f"""
CREATE VIEW orders AS
SELECT
    site, order_id, time, local_time, local_time::DATE AS day, visitor, customer, session, currency, value,
    coalesce(refunded, 0)::{MONEY} AS refunded, (value - coalesce(refunded, 0))::{MONEY} AS revenue, unread_refunds,
    list_transform(lines, lambda item: {{
        'product': item.item_id, 'category': item.item_category, 'price': item.price, 'quantity': item.quantity
    }}) AS items,
    visit.began.source AS source, visit.began.campaign AS campaign, device, browser, os, country, order_key, channel,
    tax, shipping, discount, coupon, state, {", ".join(ORDER_STATES)}, {DELIVERY_DAYS} AS delivery_days, told_by
FROM history.settled AS settled
LEFT JOIN (SELECT site, visitor, session, began FROM history.session) AS visit
    USING (site, visitor, session)
WHERE {{days}}
"""


def lines_of(orders: str) -> str:
    """SQL: one row per line of these settled orders, with the pieces of it that refunds take back."""
    return f"""
    SELECT
        *, CASE WHEN is_taken_back THEN pieces ELSE greatest(0, least(pieces, back - (pieces_so_far - pieces))) END
            AS refunded_quantity
    FROM (
        SELECT
            sold.*, coalesce(item.quantity, 1) AS pieces, coalesce(back.pieces, 0) AS back,
            sum(coalesce(item.quantity, 1)) OVER (PARTITION BY sold.site, sold.key, item.item_id ORDER BY line)
                AS pieces_so_far
        FROM (SELECT *, unnest(lines) AS item, generate_subscripts(lines, 1) AS line FROM {orders}) AS sold
        LEFT JOIN (
            SELECT site, key, item.item_id AS item_id, sum(coalesce(item.quantity, 1)) AS pieces
            FROM (SELECT site, key, unnest(lines) AS item FROM history.refund) GROUP BY ALL
        ) AS back ON sold.site = back.site AND sold.key = back.key AND item.item_id = back.item_id
    )"""


ORDER_ITEMS = f"""
CREATE VIEW order_items AS
SELECT
    sold.site, order_id, line::INTEGER AS line, time, local_time, local_time::DATE AS day, visitor, customer, channel,
    item.item_id, {", ".join(f"item.{text}" for text in TEXTS)}, pieces AS quantity,
    currency, item.price, item.discount, item.coupon, item.cost,
    {money("item.price * pieces::DECIMAL(12, 4)")} AS value,
    {money("(item.price - coalesce(item.cost, item.price * (1 - rate.rate))) * pieces")} AS margin,
    refunded_quantity, state, order_key
FROM ({lines_of("history.settled")}) AS sold
LEFT JOIN history.rate AS rate ON rate.site = sold.site AND rate.category = item.item_category
WHERE {{days}}
"""

REFUNDED = f"""
CREATE VIEW refunds AS
SELECT
    site, coalesce(settled.order_id, regexp_replace(key, '^number:', '')) AS order_id,
    CASE WHEN NOT starts_with(refund_id, 'event:') THEN refund_id END AS refund_id,
    refund.time, refund.local_time, refund.local_time::DATE AS day,
    coalesce(refund.visitor, settled.visitor) AS visitor,
    coalesce(refund.customer, settled.customer) AS customer, refund.currency, refund.value::{MONEY} AS value, is_whole,
    refund.lines AS items, refund.told_by, CASE WHEN starts_with(key, '{ORDER.prefix}') THEN key END AS order_key
FROM history.refund AS refund LEFT JOIN history.settled AS settled USING (site, key)
WHERE {{days}}
"""

PARTS = (OF_PAGES, OF_FACTS, SALES, REFUNDS, SETTLED)
"""Views that the three are made of, in this order."""
