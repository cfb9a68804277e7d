"""What is read, where visits begin and end, and what visitors do on the pages."""

from __future__ import annotations

from dashboards.board import Board, Row, Unit
from dashboards.declare import beside_week, ranking, ratio, shares, today
from wakeline import numbers
from wakeline.vocabulary.types import OF_ITSELF

TODAY = (
    today("page_views", numbers.PAGE_VIEWS),
    ratio("pages_per_visit", numbers.PAGE_VIEWS, numbers.VISITS, Unit.COUNT),
    ratio("engaged_time", numbers.ENGAGED, numbers.VISITS, Unit.SECONDS),
    ratio("bounces", numbers.BOUNCES, numbers.SESSIONS),
    ratio("scrolled", numbers.SCROLLED, numbers.PAGE_VIEWS),
)
PAGES = (
    ranking("pages_today", numbers.TOP_PAGES),
    ranking("engaged_by_page", numbers.TOP_ENGAGED),
    shares("scrolled_by_page", numbers.TOP_SCROLLED, numbers.TOP_PAGES),
    ranking("entry_pages", numbers.TOP_ENTRIES),
    ranking("exit_pages", numbers.TOP_EXITS),
)
STEPS = (
    ranking("steps", numbers.TOP_STEPS),
    ranking("steps_back", numbers.TOP_BACK),
    shares("dead_ends", numbers.TOP_EXITS, numbers.TOP_PAGES),
)
SEARCHES = (
    today("searches", numbers.SEARCHES, numbers.SEARCHES_EMPTY),
    ratio("searches_in_vain", numbers.SEARCHES_EMPTY, numbers.SEARCHES),
    today("not_found", numbers.NOT_FOUND),
    ranking("search_terms", numbers.TOP_SEARCHES),
    ranking("terms_in_vain", numbers.TOP_SEARCHES_EMPTY),
    ranking("pages_not_found", numbers.TOP_NOT_FOUND),
)
ACTIONS = (
    today("custom_events", numbers.EVENTS),
    ranking("events_by_name", numbers.TOP_EVENTS, without=OF_ITSELF),
)
ANNOYING = (
    today("annoyed", numbers.RAGE_CLICKS, numbers.DEAD_CLICKS, numbers.FORMS_ABANDONED, numbers.JS_ERRORS),
    ranking("rage_clicks", numbers.TOP_RAGE_CLICKS),
    ranking("dead_clicks", numbers.TOP_DEAD_CLICKS),
    ranking("forms_abandoned", numbers.TOP_FORMS_ABANDONED),
    ranking("js_errors", numbers.TOP_JS_ERRORS),
)
WEEK = (beside_week("page_views_week", numbers.PAGE_VIEWS),)

BOARD = Board(
    "content",
    (
        Row("today", TODAY),
        Row("pages_of_today", PAGES),
        Row("steps", STEPS),
        Row("searches", SEARCHES),
        Row("actions", ACTIONS),
        Row("annoying", ANNOYING),
        Row("week", WEEK),
    ),
    hours=24,
)
