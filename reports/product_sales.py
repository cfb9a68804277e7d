"""The view `product_sales`: every product that pages showed, that was bought or that the catalogue has.

What pages did with it counts events of the days; what was sold counts orders of the days, as they are now.
"""

from __future__ import annotations

from reports.amounts import MONEY

A_UNTIL, B_UNTIL = 0.80, 0.95
"""Products in the order of their revenue are of class A up to this share of all, then B, and C."""

SHOWN = {
    "listed": "view_item_list", "chosen": "select_item", "seen": "view_item", "carted": "add_to_cart",
    "removed": "remove_from_cart",
}  # fmt: skip
"""Column -> type of event; the last two count pieces."""
PIECES = ("carted", "removed")


def _shown(column: str, type: str) -> str:
    if column in PIECES:
        return f"coalesce(sum(greatest(coalesce(item.quantity, 1), 0)) FILTER (type = '{type}'), 0) AS {column}"
    return f"count(*) FILTER (type = '{type}') AS {column}"


KEPT = "greatest(quantity - refunded_quantity, 0) / nullif(quantity, 0)"
"""Share of a line of an order that did not come back."""

PRODUCT_SALES = f"""
CREATE VIEW product_sales AS
WITH shown AS (
    SELECT
        site, item.item_id AS item_id, arg_max(item.item_name, time) AS item_name,
        arg_max(item.item_category, time) AS item_category,
        {", ".join(_shown(column, type) for column, type in SHOWN.items())},
        count(DISTINCT visitor) FILTER (type = 'view_item') AS viewers
    FROM (
        SELECT site, type, time, visitor, unnest(items) AS item FROM events
        WHERE bot IS NULL AND type IN {tuple(SHOWN.values())}
    ) WHERE item.item_id IS NOT NULL GROUP BY ALL
), line AS (
    SELECT *, try_cast(value * {KEPT} AS {MONEY}) AS kept, try_cast(margin * {KEPT} AS {MONEY}) AS earned
    FROM order_items WHERE item_id IS NOT NULL
), in_currency AS (
    SELECT
        site, item_id, currency, arg_max(item_name, time) AS item_name, arg_max(item_category, time) AS item_category,
        count(DISTINCT order_id) AS orders, sum(quantity) AS sold, sum(refunded_quantity) AS returned,
        sum(kept) AS revenue, CASE WHEN count(*) = count(earned) THEN sum(earned) END AS margin
    FROM line GROUP BY ALL
), bought AS (
    SELECT
        site, item_id, arg_max(item_name, orders) AS item_name, arg_max(item_category, orders) AS item_category,
        sum(orders)::BIGINT AS orders, sum(sold) AS sold, sum(returned) AS returned,
        arg_max(
            {{'currency': currency, 'revenue': revenue, 'margin': margin}}, (coalesce(revenue, 0), currency)
        ) AS main
    FROM in_currency GROUP BY ALL
), joined AS (
    SELECT
        site, item_id, coalesce(products.name, bought.item_name, shown.item_name) AS item_name,
        coalesce(products.categories[1], bought.item_category, shown.item_category) AS item_category,
        {", ".join(f"coalesce(shown.{column}, 0) AS {column}" for column in (*SHOWN, "viewers"))},
        coalesce(bought.orders, 0) AS orders, coalesce(bought.sold, 0) AS sold,
        coalesce(bought.returned, 0) AS returned, main.currency AS currency,
        main.revenue::{MONEY} AS revenue, main.margin::{MONEY} AS margin, products.item_id IS NOT NULL AS in_catalogue
    FROM shown FULL JOIN bought USING (site, item_id) FULL JOIN products USING (site, item_id)
)
SELECT
    site, item_id, item_name, item_category, {", ".join(SHOWN)}, viewers, orders, sold, returned, currency, revenue,
    margin, coalesce(seen > 0 AND orders = 0, false) AS seen_not_bought,
    CASE
        WHEN coalesce(revenue, 0) <= 0 THEN NULL
        WHEN before < {A_UNTIL} THEN 'A'
        WHEN before < {B_UNTIL} THEN 'B'
        ELSE 'C'
    END AS class, in_catalogue
FROM (
    SELECT *, coalesce(
        sum(greatest(coalesce(revenue, 0), 0)) OVER (
            PARTITION BY site, currency ORDER BY revenue DESC NULLS LAST, item_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) / nullif(sum(greatest(coalesce(revenue, 0), 0)) OVER (PARTITION BY site, currency), 0), 0
    ) AS before
    FROM joined
)
"""
