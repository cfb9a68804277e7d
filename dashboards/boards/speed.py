"""How fast pages are for visitors, against what is good and poor on web.dev, and the errors that they meet."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board, Fresh, Row, Unit
from dashboards.declare import bars, few, good_views, graded, lines, ranking, ratio, today
from wakeline import numbers

LATELY = "1h"
EACH = "30m"  # of a curve's points

NOW = (
    graded("speed_lcp", numbers.LCP, over=LATELY),
    graded("speed_inp", numbers.INP, over=LATELY),
    graded("speed_cls", numbers.CLS, over=LATELY, unit=Unit.RATE),
    graded("speed_fcp", numbers.FCP, over=LATELY),
    graded("speed_ttfb", numbers.TTFB, over=LATELY),
    good_views("good_views", *numbers.VITALS, over=LATELY),
)
SERVER = (
    lines("server_usual", queries.quantile(numbers.SERVER, 0.75, over=EACH), unit=Unit.SECONDS),
    lines("server_slow", queries.quantile(numbers.SERVER, 0.95, over=EACH), unit=Unit.SECONDS),
    lines("server_itself", queries.quantile(numbers.SERVER_TOTAL, 0.75, over=EACH), unit=Unit.SECONDS),
    lines(
        "good_over_time", *(queries.good(each, over=EACH, fresh=Fresh.LAST) for each in numbers.VITALS), unit=Unit.SHARE
    ),
)
MET = (numbers.SERVER_ERRORS, numbers.TIMEOUTS, numbers.NOT_FOUND)
ERRORS = (
    today("errors_met", *MET),
    ratio("errors_per_view", numbers.SERVER_ERRORS, numbers.PAGE_VIEWS),
    lines("errors_hour", *(queries.grown(each, over="1h") for each in MET)),
    few(ranking("pages_not_found", numbers.TOP_NOT_FOUND)),
    few(bars("measured_views", queries.measured(numbers.TTFB, over=LATELY))),
)

BOARD = Board("speed", (Row("speed_now", NOW), Row("server", SERVER), Row("errors", ERRORS)), hours=24)
