"""Panels of numbers, each in one line: the id of its text, and the number. Their queries are in queries.py."""

from __future__ import annotations

from collections.abc import Collection

from dashboards import queries
from dashboards.board import Grade, Kind, Panel, Query, Step, Unit
from wakeline.numbers import GOOD_SHARE, MS, TODAY, Count, Histogram, Money, Net, Top


def number(text: str, *asked: Query, unit: Unit = Unit.COUNT, decimals: int = 0) -> Panel:
    """One or a few current numbers."""
    return Panel(text, Kind.NUMBER, asked, unit, decimals)


def lamp(text: str, *asked: Query, bad_below: float | None = None) -> Panel:
    """Numbers on green or red: red from 1 on, or below `bad_below`."""
    return Panel(text, Kind.LAMP, asked, bad_below=bad_below)


def lines(text: str, *asked: Query, unit: Unit = Unit.RATE) -> Panel:
    return Panel(text, Kind.LINES, asked, unit)


def bars(text: str, *asked: Query, unit: Unit = Unit.COUNT, decimals: int = 0) -> Panel:
    """One bar per value."""
    return Panel(text, Kind.TOP, asked, unit, decimals)


def few(panel: Panel) -> Panel:
    """The same panel, lower if it has bars: there are few of them."""
    return panel._replace(kind=Kind.FEW) if panel.kind is Kind.TOP else panel


def today(text: str, *counts: Count) -> Panel:
    """Today's counts."""
    return number(text, *map(queries.today, counts))


def ratio(text: str, part: Count, whole: Count, unit: Unit = Unit.SHARE) -> Panel:
    """Today's `part` per `whole`."""
    return number(text, queries.share(part, whole), unit=unit, decimals=0 if unit is Unit.SECONDS else 1)


def money(text: str, gained: Money, back: Money | None = None) -> Panel:
    """Today's amount by currency, less what was taken back."""
    return number(text, queries.net(gained, back) if back else queries.amount(gained), decimals=2)


def ranking(text: str, list: Top, *, window: str = TODAY, without: Collection[str] = ()) -> Panel:
    """The most frequent values of today, or of the board's window: "$window"."""
    return bars(
        text, *queries.top(list, window=window, without=without), unit=Unit.SECONDS if list.unit == MS else Unit.COUNT
    )


def days(text: str, number: Count | Net) -> Panel:
    """A bar for each day, today included."""
    return _periods(text, number, "day")


def shares(text: str, part: Top, whole: Top) -> Panel:
    """Of each value today's share, the largest first."""
    return bars(text, queries.share_by_value(part, whole), unit=Unit.SHARE)


def weeks(text: str, number: Count | Net) -> Panel:
    """A bar for each week, the present one included."""
    return _periods(text, number, "week")


def months(text: str, number: Count | Net) -> Panel:
    """A bar for each month, the present one included."""
    return _periods(text, number, "month")


def _periods(text: str, number: Count | Net, by: str) -> Panel:
    return Panel(text, Kind.PERIODS, (queries.period(number, by=by),))


def span(text: str, list: Top, days: str) -> Panel:
    """The most frequent values of a span of days that are over, one of SPANS."""
    return bars(text, *queries.span(list, days=days))


def rising(text: str, list: Top) -> Panel:
    """Values of a live list that are more frequent than they were just before."""
    return bars(text, queries.rising(list), decimals=1)


def by_minute(text: str, *counts: Count) -> Panel:
    """A bar for each of the last thirty minutes."""
    return Panel(text, Kind.MINUTES, tuple(queries.grown(each, over="1m") for each in counts))


def against_week(text: str, count: Count) -> Panel:
    """Today's number against that of a week ago at this time, as a share."""
    return number(text, queries.against_week(count), unit=Unit.SHARE)


def beside_week(text: str, count: Count) -> Panel:
    """The curves of today and of a week ago."""
    return lines(text, *queries.beside_week(count))


def graded(text: str, measured: Histogram, *, over: str, unit: Unit = Unit.SECONDS) -> Panel:
    """What three of four page views of a group kept to, in the colour of its grade. A limit is still the better one."""
    steps = (
        Step(None, Grade.GOOD),
        Step(measured.shown(measured.good + 1), Grade.FAIR),
        Step(measured.shown(measured.poor + 1), Grade.POOR),
    )
    asked = (queries.slowest(measured, GOOD_SHARE, over=over),)
    return Panel(text, Kind.GRADED, asked, unit, 2 if unit is Unit.RATE else 1, steps=steps)


def good_views(text: str, *measured: Histogram, over: str) -> Panel:
    """Which share of page views was good, by measure; it is when the panels above are."""
    steps = (Step(None, Grade.FAIR), Step(GOOD_SHARE, Grade.GOOD))
    asked = tuple(queries.good(each, over=over) for each in measured)
    return Panel(text, Kind.GRADED, asked, Unit.SHARE, 0, steps=steps, most=1)
