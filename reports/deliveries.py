"""The view `deliveries`: how many days the orders of a month take from the purchase to the delivery."""

from __future__ import annotations

SLOWEST = 0.9
"""A tenth of the deliveries takes longer than `days_of_slowest_tenth`."""

DELIVERIES = f"""
CREATE VIEW deliveries AS
SELECT
    site, date_trunc('month', day)::DATE AS month, count(*) AS orders, count(delivery_days) AS delivered,
    median(delivery_days) AS median_days, quantile_disc(delivery_days, {SLOWEST}) AS days_of_slowest_tenth
FROM orders WHERE cancelled IS NULL GROUP BY ALL
"""
