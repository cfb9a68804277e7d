"""The visits that browsers made, by the rules of docs/history.md and docs/sources.md, put down here once more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from tests.shop_years.pages import INSIDE, Visit
from tests.shop_years.plans import ZONE, day_of
from tests.shop_years.ways import Way
from wakeline.durations import DAY_MS, MINUTE_MS

GAP_MS = 30 * MINUTE_MS  # more between two events, and they are of two visits
BACK_MS = DAY_MS  # who comes back from paying within so long goes on with the visit before
ACTIVITY = ("purchase", "refund")


@dataclass(frozen=True)
class Visited:
    """Times are ms. `began`: how the visit began that it goes on with, its own beginning if `is_continued` is false."""

    visitor: str
    started: int
    ended: int
    known: int  # when the first of its page views had arrived
    way: Way
    day: date
    hour: int
    is_bounce: bool
    is_continued: bool
    began: Beginning


@dataclass(frozen=True)
class Beginning:
    way: Way
    hour: int


class Turn(NamedTuple):
    """Somebody signed in on a browser, ms; `known`: when that had arrived."""

    since: int
    known: int
    customer: str


@dataclass
class Visits:
    """By visitor, in order of time."""

    of: dict[str, list[Visited]] = field(default_factory=dict)
    turns: dict[str, list[Turn]] = field(default_factory=dict)


class _Seen(NamedTuple):
    """An event of a browser; `way`: how a message's first page was come by."""

    time: int
    page: str
    event: dict[str, Any]
    way: Way | None
    known: int


def visitor_key(visitor: str, address: str, time: int) -> str:
    """Who has no id is known for a day by the address."""
    return visitor or f"~{address} {time // DAY_MS}"


def visited(told: Iterable[Visit], arrived: Callable[[Visit], int]) -> Visits:
    """Each message of a browser must be named once; `arrived`: when it had arrived first, ms."""
    seen: defaultdict[str, list[_Seen]] = defaultdict(list)
    for message in told:
        known, views = arrived(message), 0
        for event in message.events:
            key = visitor_key(message.visitor, message.address, event["time"])
            is_view = event["type"] == "page_view"
            way = (INSIDE if views else message.way) if is_view else None  # a later page is the first of a new day's id
            views += is_view
            seen[key].append(_Seen(event["time"], event["page"], event, way, known))
    found = Visits()
    for key, rows in seen.items():
        rows.sort(key=lambda row: row[:2])
        found.of[key] = _of_visitor(key, rows)
        found.turns[key] = [
            Turn(row.time, row.known, row.event["id"]) for row in rows if row.event["type"] == "identify"
        ]
    return found


def _of_visitor(key: str, rows: Sequence[_Seen]) -> list[Visited]:
    groups: list[list[_Seen]] = []
    for row in rows:
        if not groups or row.time - groups[-1][-1].time > GAP_MS:
            groups.append([])
        groups[-1].append(row)
    found: list[Visited] = []
    ended = None  # of the group before
    for group in groups:
        views = [row for row in group if row.event["type"] == "page_view"]
        if views:
            found.append(_visit(key, group, views, ended, found))
        ended = group[-1].time
    return found


def _visit(
    key: str, group: Sequence[_Seen], views: Sequence[_Seen], ended: int | None, before: Sequence[Visited]
) -> Visited:
    at, started, way = views[0].time, group[0].time, views[0].way
    assert way is not None
    is_back = way.pays and ended is not None and started - ended <= BACK_MS
    own = Beginning(way, datetime.fromtimestamp(at / 1000, ZONE).hour)
    is_idle = not any(row.event["type"] in ACTIVITY for row in group)
    return Visited(
        visitor=key,
        started=started,
        ended=group[-1].time,
        known=min(row.known for row in views),
        way=way,
        day=day_of(at),
        hour=own.hour,
        is_bounce=len(views) == 1 and is_idle and not is_back,
        is_continued=is_back,
        began=before[-1].began if is_back and before else own,
    )
