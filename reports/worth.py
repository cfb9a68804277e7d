"""The view `history.worth`: what each order is worth as it is now, as `crm.commerce.worth` computes it."""

from __future__ import annotations

from crm.commerce.worth import MOST_VALUE
from reports.amounts import MONEY, UNIT, half_up
from reports.orders import lines_of

_BACK = "CASE WHEN is_taken_back OR returned IS NOT NULL THEN greatest(pieces, 0) ELSE refunded_quantity END"


def _units(minor: str) -> str:
    """SQL: whole minor units as an amount."""
    return f"try_cast(try_cast({minor} AS DECIMAL(18, 0)) * unit AS {MONEY})"


# One row per order that counts. An item's cost is its own, else its price less its category's rate;
# floats are added in the order of the lines, as the processor adds them.
WORTH = f"""
CREATE VIEW history.worth AS
WITH settled AS MATERIALIZED (
    SELECT
        site, key, customer, visitor, settled.currency AS currency, time, local_time::DATE AS day, value, refunded,
        discount, is_taken_back, cancelled, returned, unit, page_orders,
        list_transform(lines, lambda item: {{
            'item_id': item.item_id, 'category': item.item_category, 'price': round(item.price / unit),
            'cost': round(item.cost / unit), 'discount': round(item.discount / unit), 'quantity': item.quantity
        }}) AS lines
    FROM (SELECT *, {UNIT.format(currency="currency")} AS unit FROM history.settled) AS settled
    LEFT JOIN history.shop AS shop USING (site)
    WHERE value IS NOT NULL AND settled.currency IS NOT NULL
        AND abs(value) / unit <= {MOST_VALUE}
), line AS (
    SELECT
        site, key, item_id, line, greatest(pieces, 0) - back AS kept, back,
        coalesce(discount, 0) * greatest(pieces, 0) AS discount, coalesce(cost, price * (1 - rate.rate)) AS one
    FROM (
        SELECT site, key, line, unnest(item), pieces, {_BACK} AS back FROM ({lines_of("settled")})
        WHERE item.item_id IS NOT NULL
    ) LEFT JOIN history.rate AS rate USING (site, category)
), made AS (
    SELECT
        site, key, count(*) = count(one) AS is_known, {half_up("sum(one * kept ORDER BY line)")} AS cost,
        {half_up("sum(discount ORDER BY line)")} AS off_items
    FROM line GROUP BY ALL
), came_back AS (
    SELECT DISTINCT site, key, true AS has_goods_back FROM (
        SELECT site, key FROM line GROUP BY site, key, item_id HAVING sum(back) >= 0.5
    )
), confirmed AS (
    SELECT DISTINCT site, key, true AS is_confirmed FROM (
        SELECT site, key FROM history.told_order UNION ALL SELECT site, key FROM history.page_order WHERE signed
    )
)
SELECT
    site, key, customer, visitor, currency, time, day, is_back,
    coalesce(has_goods_back, false) AND (cancelled IS NULL OR returned IS NOT NULL) AS is_return,
    {_units("(sold - gone)")} AS revenue,
    CASE WHEN is_known AND abs(sold - gone - cost) <= {MOST_VALUE} THEN {_units("(sold - gone - cost)")} END AS margin,
    CASE WHEN discount IS NOT NULL THEN {_units("round(greatest(discount, 0) / unit)")}
        WHEN off_items < {MOST_VALUE} THEN {_units("off_items")} ELSE 0 END AS discount
FROM (
    SELECT
        * EXCLUDE lines, round(greatest(value, 0) / unit) AS sold, round(refunded / unit) AS gone,
        is_taken_back OR sold > 0 AND gone = sold AS is_back
    FROM settled
)
LEFT JOIN made USING (site, key)
LEFT JOIN came_back USING (site, key)
LEFT JOIN confirmed USING (site, key)
WHERE is_confirmed OR coalesce(page_orders, true)
"""
