"""How fast pages were, and the errors that servers answered: what `web_vitals` tells, which anybody can make up.

The props are as hostile as all that a page says: what is no number within reason is not counted, and a path chooses one
of the site's groups, and is shown nowhere.
"""

from __future__ import annotations

from typing import Any

from crm.out import Out
from wakeline.numbers import (
    CLS,
    FCP,
    GONE,
    INP,
    LCP,
    SERVER,
    SERVER_ERRORS,
    SERVER_TOTAL,
    TIMEOUTS,
    TTFB,
    Histogram,
)
from wakeline.record import Event

MEASURED: tuple[tuple[str, Histogram, int], ...] = (
    ("lcp_ms", LCP, 1), ("inp_ms", INP, 1), ("fcp_ms", FCP, 1), ("ttfb_ms", TTFB, 1), ("server_ms", SERVER, 1),
    ("cls", CLS, 10_000),
)  # fmt: skip
"""The props with their histograms; and by how much the value in Redis is larger."""

TIMINGS, TOTAL = "server_timing", "total"
MOST_TIMINGS = 8  # that the script tells
STATUS = "status"
TIMED_OUT = frozenset((408, 504, 522, 524))


def count(event: Event, out: Out) -> None:
    """Counts what was measured of a page, in the group of the page that was loaded; and the error, if it was one."""
    props = event.props
    path = props.get("path")
    group = out.site.group_of_path(path if isinstance(path, str) else event.path)
    for name, histogram, factor in MEASURED:
        _measure(out, histogram, props.get(name), factor, group)
    _measure(out, SERVER_TOTAL, _total(props.get(TIMINGS)), 1, group)
    status = props.get(STATUS)
    if not isinstance(status, (int, float)):
        return
    if 500 <= status < 600:
        out.count(SERVER_ERRORS)
    if status in TIMED_OUT:
        out.count(TIMEOUTS)
    elif status == 404:
        out.count(GONE)


def _measure(out: Out, histogram: Histogram, value: Any, factor: int, group: str) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value * factor <= histogram.most:
        out.measure(histogram, round(value * factor), group=group)


def _total(timings: Any) -> Any:
    """What a server says that the whole page took, ms."""
    told = timings[:MOST_TIMINGS] if isinstance(timings, list) else ()
    return next((one.get("ms") for one in told if isinstance(one, dict) and one.get("name") == TOTAL), None)
