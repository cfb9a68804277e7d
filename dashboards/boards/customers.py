"""Who is new, who is recognized, who consents, and what they are interested in."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row
from dashboards.declare import against_week, beside_week, few, number, ranking, ratio, today
from wakeline import numbers

TODAY = (
    today("new_visitors", numbers.NEW_VISITORS),
    against_week("new_visitors_change", numbers.NEW_VISITORS),
    number(
        "new_and_returning",
        queries.today(numbers.VISITS_NEW),
        queries.today(numbers.VISITS_RETURNING),
        queries.rest(numbers.VISITS, numbers.VISITS_NEW, numbers.VISITS_RETURNING),
    ),
    today("identified", numbers.IDENTIFIED),
    today("withdrawals", numbers.WITHDRAWALS),
)
CONSENT = (
    today("consent", numbers.AGREED, numbers.DECLINED, numbers.WITHDRAWALS),
    ratio("gpc", numbers.GPC_VIEWS, numbers.PAGE_VIEWS),
    few(ranking("purposes", numbers.TOP_PURPOSES)),
)
INTERESTS = (
    ranking("interests_today", numbers.TOP_INTERESTS),
    ranking("interests", numbers.TOP_INTERESTS, window="$window"),
    ranking("categories", numbers.TOP_CATEGORIES),
    ranking("countries", numbers.TOP_COUNTRIES),
)
WEEK = (
    beside_week("new_visitors_week", numbers.NEW_VISITORS),
    beside_week("identified_week", numbers.IDENTIFIED),
)

BOARD = Board(
    "customers",
    (Row("today", TODAY), Row("consent", CONSENT), Row("interests", INTERESTS), Row("week", WEEK)),
    hours=24,
)
