"""The visits that browsers made, by the rules of docs/history.md and docs/sources.md, put down here once more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.shop_years.decided import Years
from tests.shop_years.pages import Visit
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
    customer: str  # whose turn it was; "": nobody's
    started: int
    ended: int
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


def visitor_key(visitor: str, address: str, time: int) -> str:
    """Who has no id is known for a day by the address."""
    return visitor or f"~{address} {time // DAY_MS}"


def visited(made: Years, told: Iterable[Visit]) -> dict[str, list[Visited]]:
    """By visitor, in order of time. Each message of a browser must be named once."""
    events: defaultdict[str, list[tuple[int, str, dict[str, Any], Way | None]]] = defaultdict(list)
    for message in told:
        views = 0
        for event in message.events:
            key = visitor_key(message.visitor, message.address, event["time"])
            is_view = event["type"] == "page_view"
            way = message.way if is_view and not views else None
            views += is_view
            events[key].append((event["time"], event["page"], event, way))
    return {key: _of_visitor(key, sorted(rows, key=lambda row: row[:2]), made) for key, rows in events.items()}


def _of_visitor(key: str, rows: Sequence[tuple[int, str, dict[str, Any], Way | None]], made: Years) -> list[Visited]:
    turns = [(time, event["id"]) for time, _, event, _ in rows if event["type"] == "identify"]
    groups: list[list[tuple[int, str, dict[str, Any], Way | None]]] = []
    for row in rows:
        if not groups or row[0] - groups[-1][-1][0] > GAP_MS:
            groups.append([])
        groups[-1].append(row)
    found: list[Visited] = []
    ended = None  # of the group before
    for group in groups:
        views = [row for row in group if row[2]["type"] == "page_view"]
        started = group[0][0]
        if views:
            at, _, _, way = views[0]
            assert way is not None
            is_back = way.pays and ended is not None and started - ended <= BACK_MS
            hour = datetime.fromtimestamp(at / 1000, ZONE).hour
            own = Beginning(way, hour)
            is_idle = not any(row[2]["type"] in ACTIVITY for row in group)
            found.append(
                Visited(
                    visitor=key,
                    customer=_turn(turns, started, made),
                    started=started,
                    ended=group[-1][0],
                    way=way,
                    day=day_of(at),
                    hour=hour,
                    is_bounce=len(views) == 1 and is_idle and not is_back,
                    is_continued=is_back,
                    began=found[-1].began if is_back and found else own,
                )
            )
        ended = group[-1][0]
    return found


def _turn(turns: Sequence[tuple[int, str]], time: int, made: Years) -> str:
    """Who used the browser then; who left is nobody."""
    if not turns:
        return ""
    customer = next((one for since, one in reversed(turns) if since <= time), turns[0][1])
    return "" if customer in made.gone else customer
