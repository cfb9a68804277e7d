"""A visitor's page instances, which detect duplicate events; an id that many people share has thousands of them.

Each is stored in one of three places: decoded in the state, as text in the state or, if the state grows too large, in
separate keys outside it (see `keys.Keys.pages`). An instance is remembered for REMEMBERED_MS after its latest event,
wherever it is stored, so every write may move instances between the places.

Before folding a batch, the worker loads the instances outside the state that the batch names (`asked_for`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from crm.intake.state import Outside, Page
from crm.page_text import written
from crm.state import Visitor, VisitorState, encode_state
from wakeline.definitions import LATE_MS, PRESENT_MS
from wakeline.durations import DAY_MS
from wakeline.keys import PAGES_TTL_MS

JITTER_MS = 3_600_000  # a retry's corrected time differs by network delays
REMEMBERED_MS = LATE_MS + JITTER_MS
WITHHELD_MS = REMEMBERED_MS  # after this, an event that a withdrawal overtook is too late anyway
UNPROFILED_MS = REMEMBERED_MS  # lifetime of a state without a profile after its latest event
DAYS_NOTED = (PAGES_TTL_MS + LATE_MS) // DAY_MS  # longest possible age of such a key, if the fold lags behind the log
SILENT_MS = 300_000  # a page instance without a ping for this long is moved to the text; it can be recalled
READY_PAGES = 6  # decoded; beyond that, all but KEPT_PAGES become text, which costs nothing until it is used
KEPT_PAGES = 2
MANY_OPEN = 32  # open tabs of which one is set aside all the same
PAST_LENGTH = 8_192  # characters of that text: some 110 pages in eight days; above it the older half goes outside
STATE_BYTES = 12_288  # of a state; above it pages go outside until it is about half of that, or has no more
MOST_PRESENT = 16  # open page instances of one visitor that presence looks at: above it the latest half

_read = msgspec.json.Decoder(Page).decode


def known(id: str, visitor: Visitor, now: int) -> Page | None:
    """Takes the page instance out of its place; `put` it back. None: unknown, or known too long ago."""
    state = visitor.state
    page = state.pages.get(id)
    if page is None:
        text = _from_past(id, state)
        if text is None and visitor.outside is not None:
            text = visitor.outside.known.pop(id, None)
            visitor.outside.unwritten.discard(id)
        if text is None:
            return None
        page = _read(text)
        if _latest(page) <= state.erased:  # earlier versions left interests of erased instances outside
            page.interests, page.pending = None, 0
    return page if now - _latest(page) <= REMEMBERED_MS else None


def put(id: str, page: Page, visitor: Visitor, now: int) -> None:
    """At hand; makes room for it there."""
    state = visitor.state
    pages = state.pages
    if len(pages) >= READY_PAGES and id not in pages:
        _set_aside(visitor, now)
    if state.open_outside:
        state.open_outside.pop(id, None)
    pages[id] = page


def latest(open_pages: dict[str, int], now: int) -> dict[str, int]:
    """Of open page instances, with ms until which each is, as many as presence needs."""
    found = {id: until for id, until in open_pages.items() if until > now}
    if len(found) <= MOST_PRESENT:
        return found
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0]))[-MOST_PRESENT // 2 :])


def lighten(visitor: Visitor, size: int, now: int) -> None:
    """Move pages of a state of `size` bytes outside, until it is small enough to be written often."""
    state = visitor.state
    over = size - STATE_BYTES // 2
    for line in _lines(state.set_aside_pages):
        over -= len(line.encode())
        _move(line, visitor)
    state.set_aside_pages = ""
    for id in list(state.pages):
        if over <= 0:
            break
        line = _taken(id, state, now)
        over -= len(line.encode())
        _move(line, visitor)


def note_day(state: VisitorState, now: int) -> int:
    """Note that pages move outside at append time `now`; returns the day whose key receives them."""
    day = now // DAY_MS
    state.days = [*(one for one in state.days if now // DAY_MS - one <= DAYS_NOTED and one != day), day]
    return day


def asked_for(visitor: Visitor, ids: Iterable[str], now: int) -> tuple[list[int], list[str]]:
    """The ids that are not in the state, and the days, latest first, whose keys may hold their page instances."""
    state = visitor.state
    days = _remembered(state.days, now)
    if not days:
        return [], []
    return days[::-1], [id for id in ids if id not in state.pages and f"\n{id} " not in state.set_aside_pages]


def _remembered(days: list[int], now: int) -> list[int]:
    oldest = (now - REMEMBERED_MS) // DAY_MS - 1  # a collector's clock may be ahead
    return [day for day in days if day >= oldest]


def _from_past(id: str, state: VisitorState) -> str | None:
    """Takes a page instance's text out of the state, for a late or repeated event."""
    start = state.set_aside_pages.find(f"\n{id} ")
    if start < 0:
        return None
    end = state.set_aside_pages.find("\n", start + 1)
    line = state.set_aside_pages[start : end if end > 0 else None]
    state.set_aside_pages = state.set_aside_pages.replace(line, "", 1)
    return line[len(id) + 2 :]


def _set_aside(visitor: Visitor, now: int) -> None:
    """Turn the oldest page instances that were left, or sent no ping for long, into text."""
    state = visitor.state
    pages = state.pages
    done = [
        id for id, page in pages.items() if page.left >= page.last_heartbeat or now - page.last_heartbeat > SILENT_MS
    ]
    for id in done[: len(pages) - KEPT_PAGES] or list(pages)[: len(pages) // MANY_OPEN]:
        state.set_aside_pages += f"\n{_taken(id, state, now)}"
    if len(state.set_aside_pages) > PAST_LENGTH:
        _shorten(visitor, now)


def _taken(id: str, state: VisitorState, now: int) -> str:
    """A page instance that was at hand, as a line. That it is open is kept at hand."""
    page = state.pages.pop(id)
    until = page.last_heartbeat + PRESENT_MS
    if page.last_heartbeat > page.left and until > now:
        state.open_outside[id] = until
        if len(state.open_outside) > MOST_PRESENT:
            state.open_outside = latest(state.open_outside, now)
    return f"{id} {written(encode_state(page).decode())}"


def _shorten(visitor: Visitor, now: int) -> None:
    """Drop expired page instances from the text, and move its older half outside if it is still too long."""
    state = visitor.state
    lines = [
        line for line in _lines(state.set_aside_pages) if now - _latest(_read(line.partition(" ")[2])) <= REMEMBERED_MS
    ]
    length = sum(map(len, lines))
    moved = 0
    if length > PAST_LENGTH // 2:
        for line in lines:
            if length <= PAST_LENGTH // 2:
                break
            length -= len(line)
            _move(line, visitor)
            moved += 1
    state.set_aside_pages = "".join(f"\n{line}" for line in lines[moved:])


def _lines(past: str) -> list[str]:
    return past[1:].split("\n") if past else []


def _move(line: str, visitor: Visitor) -> None:
    if visitor.outside is None:
        visitor.outside = Outside()
    id, _, text = line.partition(" ")
    visitor.outside.known[id] = text
    visitor.outside.unwritten.add(id)


def _latest(page: Page) -> int:
    return max(page.last_heartbeat, page.left)
