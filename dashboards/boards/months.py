"""Two years, by day, week and month: what lasts longer than Prometheus."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.declare import days, few, months, span, weeks
from wakeline import numbers

MONTHS = (
    months("visits_months", numbers.VISITS),
    months("revenue_months", numbers.NET_REVENUE),
    months("orders_months", numbers.ORDERS),
    months("margin_months", numbers.NET_MARGIN),
    months("page_views_months", numbers.PAGE_VIEWS),
    months("new_visitors_months", numbers.NEW_VISITORS),
)
WEEKS = (
    weeks("visits_weeks", numbers.VISITS),
    weeks("revenue_weeks", numbers.NET_REVENUE),
    weeks("orders_weeks", numbers.ORDERS),
)
DAYS = (
    days("visits_days", numbers.VISITS),
    days("revenue_days", numbers.NET_REVENUE),
    days("orders_days", numbers.ORDERS),
)
LISTS = {
    "pages": numbers.TOP_PAGES,
    "sources": numbers.TOP_SOURCES,
    "campaigns": numbers.TOP_CAMPAIGNS,
    "products": numbers.TOP_PRODUCTS,
}
SPANS = tuple(
    Row(f"span_{days}", tuple(few(span(f"{name}_{days}", list, days)) for name, list in LISTS.items()))
    for days in numbers.SPANS
)

BOARD = Board("months", (Row("months", MONTHS), Row("weeks", WEEKS), Row("days", DAYS), *SPANS), hours=24, refresh="1m")
