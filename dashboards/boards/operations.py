"""For operators: whether everything runs, keeps up, and accounts for each event. All sites together but for bots."""

from __future__ import annotations

from dashboards import operators, queries
from dashboards.board import Board, Row, Unit
from dashboards.declare import bars, lamp, lines, number, ranking, today
from wakeline import numbers

HEALTH = (
    lamp("processes", operators.UP, bad_below=1),
    lamp("books", *operators.BOOKS),
    number("lag", operators.LAG[0], unit=Unit.SECONDS, decimals=1),
)
FLOW = (
    lines("intake", *operators.INTAKE),
    lines("rejections", operators.REFUSALS),
    lines("behind", *operators.LAG, unit=Unit.SECONDS),
    lines("waiting", *operators.WAITING),
)
MEMORY = (
    lines("memory", operators.MEMORY, unit=Unit.BYTES),
    lines("server_memory", *operators.SERVER_MEMORY, unit=Unit.SHARE),
)
COUNTED = (
    today("people_beside_bots", numbers.PAGE_VIEWS, numbers.BOT_VIEWS),
    bars("records", operators.RECORDS),
    ranking("bots", numbers.TOP_BOTS),
    ranking("bot_reasons", numbers.TOP_BOT_REASONS),
    lines("people_and_bots", *map(queries.per_minute, (numbers.PAGE_VIEWS, numbers.EVENTS, numbers.BOT_EVENTS))),
)

BOARD = Board(
    "operations",
    (Row("health", HEALTH), Row("flow", FLOW), Row("memory", MEMORY), Row("counted", COUNTED)),
)
