"""What the numbers are to be, and what they are."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import bars, few, lamp, lines, number

NOW = (
    bars("target_pace", queries.target_share("actual", "expected"), unit=Unit.SHARE),
    bars("target_share", queries.target_share("actual", "goal"), unit=Unit.SHARE),
    bars("target_last_share", queries.target_share("last", "goal"), unit=Unit.SHARE),
    lamp("target_missed", queries.target_of_whom("missed")),
)
VALUES = (
    number("target_actual", queries.target("actual"), decimals=2),
    number("target_goal", *queries.goals(), decimals=2),
    number("target_last", queries.target("last"), decimals=2),
)
TREND = (lines("target_trend", queries.target_share("actual", "expected"), unit=Unit.SHARE),)

BOARD = Board(
    "targets",
    (Row("now", tuple(map(few, NOW))), Row("values", VALUES), Row("trend", TREND)),
    hours=720,
    refresh="1m",
)
