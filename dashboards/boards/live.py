"""Who is here now, what they read, and whether it is a usual day."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import against_week, bars, beside_week, by_minute, lines, number, ranking, ratio, rising, today
from wakeline import numbers
from wakeline.definitions import LIVE_WINDOWS_MS

NOW = (
    number("on_site", queries.live("now")),
    number("seen_lately", queries.live("5m"), queries.live("30m")),
    number("revenue_now", *(queries.live_money(numbers.REVENUE_LIVE, each) for each in LIVE_WINDOWS_MS), decimals=2),
    lines("visitors", *map(queries.live, numbers.LIVE_WINDOWS)),
    by_minute("by_minute", numbers.PAGE_VIEWS, numbers.EVENTS),
    bars("pages_open", *queries.open_pages()),
    ranking("pages_now", numbers.TOP_PAGES, window="5m"),
)
RISING = (
    rising("rising_pages", numbers.TOP_PAGES),
    rising("rising_sources", numbers.TOP_SOURCES),
    rising("rising_interests", numbers.TOP_INTERESTS),
)
WINDOW = (
    ranking("pages", numbers.TOP_PAGES, window="$window"),
    ranking("sources", numbers.TOP_SOURCES, window="$window"),
    ranking("interests", numbers.TOP_INTERESTS, window="$window"),
)
TODAY = (
    today("visits", numbers.VISITS),
    today("new_visitors", numbers.NEW_VISITORS),
    today("page_views", numbers.PAGE_VIEWS),
    ratio("bounces", numbers.BOUNCES, numbers.SESSIONS),
    ratio("engaged_time", numbers.ENGAGED, numbers.VISITS, Unit.SECONDS),
    today("custom_events", numbers.EVENTS),
)
WEEK = (
    against_week("visits_change", numbers.VISITS),
    against_week("page_views_change", numbers.PAGE_VIEWS),
    against_week("orders_change", numbers.ORDERS),
    beside_week("visits_week", numbers.VISITS),
    beside_week("page_views_week", numbers.PAGE_VIEWS),
)

BOARD = Board(
    "live",
    (Row("now", NOW), Row("rising", RISING), Row("window", WINDOW), Row("today", TODAY), Row("week", WEEK)),
    annotations=queries.ANNOTATIONS,
)
