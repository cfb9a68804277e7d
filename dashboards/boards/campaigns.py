"""Where visits come from, and what mails and letters bring."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row
from dashboards.declare import against_week, beside_week, number, ranking, today
from wakeline import numbers

TODAY = (
    today("visits", numbers.VISITS),
    against_week("visits_change", numbers.VISITS),
)
SOURCES = (
    ranking("source_classes", numbers.TOP_SOURCE_CLASSES),
    ranking("sources_today", numbers.TOP_SOURCES),
    ranking("campaigns", numbers.TOP_CAMPAIGNS),
)
MAILS = (
    today("mails_opened", numbers.MAILS_OPENED),
    number("mails_clicked", queries.kept(numbers.MAILS_CLICKED, numbers.MAILS_CLICKED_BACK)),
    today("opens_by_machines", numbers.OPENS_BY_MACHINES),
    number("clicks_by_machines", queries.kept(numbers.CLICKS_BY_MACHINES, numbers.CLICKS_BY_MACHINES_BACK)),
)
LATELY = (ranking("sources", numbers.TOP_SOURCES, window="$window"),)
WEEK = (beside_week("visits_week", numbers.VISITS),)

BOARD = Board(
    "campaigns",
    (Row("today", TODAY), Row("sources", SOURCES), Row("mails", MAILS), Row("window", LATELY), Row("week", WEEK)),
    hours=24,
)
