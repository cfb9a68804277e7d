"""How fast pages were, and the errors that servers answered: what `web_vitals` tells, which anybody can make up.

The props are as hostile as all that a page says. What is no number within reason is not counted, a path only chooses
one of the site's groups, and a page instance counts once: each value of its load, and MOST_ROUTES of its routes, whose
values come all together from the last one. More counts only who makes up page instances, as with page views.
"""

from __future__ import annotations

from typing import Any

from crm.out import Out
from crm.state import Visitor
from wakeline.numbers import CLS, FCP, INP, LCP, SERVER, SERVER_ERRORS, SERVER_TOTAL, TIMEOUTS, TTFB, Histogram
from wakeline.record import Event

VITALS = "web_vitals"
PATH, NAVIGATION, STATUS = "path", "navigation", "status"
ROUTED = "soft-navigation"
TIMINGS, NAME, MS, TOTAL = "server_timing", "name", "ms", "total"

MEASURED: tuple[tuple[str, Histogram, int], ...] = (
    ("lcp_ms", LCP, 1), ("inp_ms", INP, 1), ("fcp_ms", FCP, 1), ("ttfb_ms", TTFB, 1), ("server_ms", SERVER, 1),
    ("cls", CLS, 10_000), (TIMINGS, SERVER_TOTAL, 1),
)  # fmt: skip
"""The props with their histograms; and by how much the value in Redis is larger. `Page.measured` has a bit for each."""
HAS_STATUS = 1 << len(MEASURED)
ROUTE = HAS_STATUS << 1  # above this bit `Page.measured` counts routes
MOST_ROUTES = 31  # of a page instance

MOST_TIMINGS = 8  # that the script tells
SERVER_ERROR = range(500, 600)
TIMED_OUT = frozenset((408, 504, 522, 524))


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts what was measured of a page, in the group of the page that was loaded; and the error, if it was one."""
    if event.type != VITALS:
        return
    page, props = visitor.page, event.props
    if props.get(NAVIGATION) != ROUTED:
        page.measured |= _count(event, page.measured, out)
    elif page.measured < MOST_ROUTES * ROUTE:
        page.measured += ROUTE
        _count(event, HAS_STATUS, out)


def _count(event: Event, known: int, out: Out) -> int:
    """Counts what is not `known`; returns the bits of what was counted."""
    props, found = event.props, 0
    path = props.get(PATH)
    group = out.site.group_of_path(path if isinstance(path, str) else event.path)
    for place, (name, histogram, factor) in enumerate(MEASURED):
        value: Any = props.get(name) if name != TIMINGS else _total(props.get(name))
        if not known >> place & 1 and _is_number(value) and 0 <= value * factor <= histogram.most:
            out.measure(histogram, round(value * factor), group=group)
            found |= 1 << place
    status = props.get(STATUS)
    if known & HAS_STATUS or not isinstance(status, int):
        return found
    if status in SERVER_ERROR:
        out.count(SERVER_ERRORS)
        found |= HAS_STATUS
    if status in TIMED_OUT:
        out.count(TIMEOUTS)
        found |= HAS_STATUS
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _total(timings: Any) -> Any:
    """What a server says that the whole page took, ms."""
    told = timings[:MOST_TIMINGS] if isinstance(timings, list) else ()
    return next((one.get(MS) for one in told if isinstance(one, dict) and one.get(NAME) == TOTAL), None)
