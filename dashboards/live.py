"""The dashboard "Live": current visitors, pages, sources, and the health of the system.

`python -m dashboards.live` writes grafana/live.json; a test fails if it is out of date.
"""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    Dashboard,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TimeZoneBrowser
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import queries
from dashboards.orders import orders
from dashboards.panels import SOURCE, Size, lamp, lines, number, row, top
from dashboards.queries import live, per_minute, share, today
from wakeline import numbers
from wakeline.memory import COUNT_ONLY, REFUSE

FILE = Path(__file__).parent / "grafana" / "live.json"

STAT = Size(4, 4)
THIRD = Size(8, 10)
HALF = Size(12, 8)
LAST = Size(8, 8)


def dashboard() -> Dashboard:
    board = (
        Dashboard("Wakeline: Live")
        .uid("wakeline-live")
        .description("Current visitors, the pages they read and their sources.")
        .tags(["wakeline"])
        .refresh("5s")
        .time("now-1h", "now")
        .timezone(TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    variables(board)
    now(board)
    today_so_far(board)
    content(board)
    today_in_detail(board)
    orders(board)
    operations(board)
    return board


def variables(board: Dashboard) -> None:
    board.with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    board.with_variable(
        QueryVariable("site")
        .label("Site")
        .datasource(SOURCE)
        .query("label_values(wakeline_live_visitors, site)")
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
    board.with_variable(
        CustomVariable("window")
        .label("Window")
        .values(",".join(numbers.WINDOWS))
        .current(VariableOption(selected=True, text="30m", value="30m"))
    )


def now(board: Dashboard) -> None:
    board.with_row(row(101, "Now"))
    board.with_panel(number(1, "On the site now", "Visitors with a visible page.", live("now"), size=Size(4, 8)))
    board.with_panel(
        number(
            2,
            "Seen lately",
            "Visitors seen in the last 5 and 30 minutes.",
            live("5m"),
            live("30m"),
            size=Size(4, 8),
        )
    )
    board.with_panel(
        lines(
            3,
            "Visitors",
            "On the site now, and seen in the last 5 and 30 minutes.",
            *map(live, numbers.LIVE_WINDOWS),
            size=Size(8, 8),
        )
    )
    board.with_panel(
        lines(
            4,
            "Per minute, people and bots",
            "Page views and custom events of people; events of bots, which are counted only here.",
            *map(per_minute, (numbers.PAGE_VIEWS, numbers.EVENTS, numbers.BOT_EVENTS)),
            size=Size(8, 8),
        )
    )


def today_so_far(board: Dashboard) -> None:
    board.with_row(row(102, "Today, in the site's time zone"))
    board.with_panel(number(5, "Visits", "Sessions that began today.", today(numbers.VISITS), size=STAT))
    board.with_panel(number(6, "New visitors", f"{numbers.NEW_VISITORS.help}.", today(numbers.NEW_VISITORS), size=STAT))
    board.with_panel(number(7, "Page views", "Page views of people today.", today(numbers.PAGE_VIEWS), size=STAT))
    board.with_panel(
        number(
            8,
            "Bounces",
            f"Share of today's sessions. {numbers.BOUNCES.help}.",
            share(numbers.BOUNCES, numbers.SESSIONS),
            size=STAT,
            unit="percentunit",
            decimals=1,
        )
    )
    board.with_panel(
        number(
            9,
            "Engaged time a visit",
            "Time with a page visible and focused, per visit that began today.",
            share(numbers.ENGAGED, numbers.VISITS),
            size=STAT,
            unit="s",
        )
    )
    board.with_panel(
        number(10, "Custom events", "Custom events that are activity, today.", today(numbers.EVENTS), size=STAT)
    )


def content(board: Dashboard) -> None:
    board.with_row(row(103, "Top of $window"))
    for id, title, each in (
        (11, "Pages", numbers.TOP_PAGES),
        (12, "Sources", numbers.TOP_SOURCES),
        (13, "Interests", numbers.TOP_INTERESTS),
    ):
        board.with_panel(top(id, title, f"{each.help}.", *queries.top(each), size=THIRD))


def today_in_detail(board: Dashboard) -> None:
    board.with_row(row(104, "Top of today"))
    of = numbers.TOP_SOURCE_CLASSES
    wide = Size(24, 9)  # there are no more than nine of them
    board.with_panel(top(60, "Classes of sources", f"{of.help}.", *queries.top(of, window=numbers.TODAY), size=wide))
    for id, title, each in (
        (14, "Campaigns", numbers.TOP_CAMPAIGNS),
        (15, "Custom events by name", numbers.TOP_EVENTS),
        (16, "Bots", numbers.TOP_BOTS),
        (17, "Entry pages", numbers.TOP_ENTRIES),
        (18, "Exit pages", numbers.TOP_EXITS),
        (19, "Engaged time by page", numbers.TOP_ENGAGED),
        (61, "Searches", numbers.TOP_SEARCHES),
        (62, "Searches without result", numbers.TOP_SEARCHES_EMPTY),
        (63, "Pages that do not exist", numbers.TOP_NOT_FOUND),
    ):
        unit = "s" if each.unit == numbers.MS else "short"
        board.with_panel(
            top(id, title, f"{each.help}.", *queries.top(each, window=numbers.TODAY), size=THIRD, unit=unit)
        )
    for id, title, each in ((64, "Countries", numbers.TOP_COUNTRIES), (65, "Products seen", numbers.TOP_VIEWED)):
        board.with_panel(top(id, title, f"{each.help}.", *queries.top(each, window=numbers.TODAY), size=HALF))


def operations(board: Dashboard) -> None:
    board.with_row(row(105, "For operators: all sites"))
    board.with_panel(lamp(20, "Processes", "1: Prometheus reaches it.", queries.UP, size=Size(8, 4), bad_below=1))
    board.with_panel(
        lamp(
            21,
            "Books",
            "Events and records that the ledgers do not account for, and dead letters: all should be 0.",
            *queries.BOOKS,
            size=Size(8, 4),
        )
    )
    board.with_panel(
        number(
            22,
            "Lag",
            "Age of the oldest record that is not in the profiles yet.",
            queries.LAG[0],
            size=Size(8, 4),
            unit="s",
            decimals=1,
        )
    )
    board.with_panel(
        lines(
            23, "Intake, events a second", "Unavailable: answered 503, the browser retries.", *queries.INTAKE, size=HALF
        )
    )
    board.with_panel(
        lines(
            24,
            "Rejections by reason, events per second",
            "Rejected events. timeout and rate_limited are retried, all others are permanent.",
            queries.REFUSALS,
            size=HALF,
        )
    )
    board.with_panel(lines(25, "How far behind", "Seconds.", *queries.LAG, size=HALF, unit="s"))
    board.with_panel(
        lines(
            28,
            "Waiting records",
            "Safe on disk. They are archived every ten minutes; the spool is normally empty.",
            *queries.WAITING,
            size=HALF,
        )
    )
    board.with_panel(top(26, "Records of the log", "Records by outcome.", queries.RECORDS, size=LAST))
    board.with_panel(lines(27, "Memory", "Resident memory.", queries.MEMORY, size=LAST, unit="bytes"))
    board.with_panel(
        lines(
            29,
            "Memory of the server",
            "Share of maxmemory in use now, and once the log's backlog is folded. Above "
            f"{COUNT_ONLY * 100:g} % new visitors are only counted, above {REFUSE * 100:g} % events are answered "
            "503.",
            *queries.SERVER_MEMORY,
            size=LAST,
            unit="percentunit",
        )
    )


def as_json() -> str:
    return json.dumps(dashboard().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_json())
    print(FILE)
