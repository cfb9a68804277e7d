"""Who is new, who is recognized, and what they are interested in."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.declare import against_week, beside_week, ranking, today
from wakeline import numbers

TODAY = (
    today("new_visitors", numbers.NEW_VISITORS),
    against_week("new_visitors_change", numbers.NEW_VISITORS),
    today("identified", numbers.IDENTIFIED),
    today("withdrawals", numbers.WITHDRAWALS),
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

BOARD = Board("customers", (Row("today", TODAY), Row("interests", INTERESTS), Row("week", WEEK)), hours=24)
