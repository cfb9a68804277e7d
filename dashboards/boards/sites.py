"""All sites beside each other."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import bars, lines
from wakeline import numbers

NOW = (
    bars("sites_now", queries.sites_now()),
    lines("sites_by_minute", queries.sites_per_minute(numbers.PAGE_VIEWS)),
)
TODAY = (
    bars("sites_visits", queries.sites_today(numbers.VISITS)),
    bars("sites_page_views", queries.sites_today(numbers.PAGE_VIEWS)),
    bars("sites_bounces", queries.sites_share(numbers.BOUNCES, numbers.SESSIONS), unit=Unit.SHARE, decimals=1),
    bars("sites_orders", queries.sites_today(numbers.ORDERS)),
    bars("sites_revenue", queries.sites_net(numbers.REVENUE, numbers.REVENUE_BACK), decimals=2),
    bars("sites_new_visitors", queries.sites_today(numbers.NEW_VISITORS)),
)

BOARD = Board("sites", (Row("now", NOW), Row("today", TODAY)))
