"""Page instances of one visitor, by which its events are counted once; of an id that many share there are thousands.

They lie in three places: at hand in its state, as text in its state, and outside of it in keys of their own (see
`keys.Keys.pages`), where what is too much for a state goes. What they mean depends on none of this, so that it may be
settled for each write anew: an instance is known for REMEMBERED_MS after its latest event, wherever it lies.

Before a batch is folded, the worker loads those of its instances that lie outside: `asked_for` says which.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from crm.intake.state import Outside, Page
from crm.state import Visitor, VisitorState, encode_state
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS
from wakeline.keys import PAGES_TTL_MS

JITTER_MS = 3_600_000  # a retry's corrected time differs by what the network took
REMEMBERED_MS = LATE_MS + JITTER_MS
WITHHELD_MS = REMEMBERED_MS  # what a withdrawal may have overtaken is too late by then
UNPROFILED_MS = REMEMBERED_MS  # that a state without a profile lives, from when it was last heard of
DAYS_NOTED = (PAGES_TTL_MS + LATE_MS) // DAY_MS  # a key may be there so long, where the fold is behind the log
SILENT_MS = 300_000  # a page instance that gave no sign for so long is set aside; it can be recalled
READY_PAGES = 6  # at hand; above it all but KEPT_PAGES become one text, which costs nothing until it is asked
KEPT_PAGES = 2
MANY_OPEN = 32  # open tabs of which one is set aside all the same
PAST_LENGTH = 8_192  # characters of that text: some 110 pages in eight days; above it the older half goes outside
STATE_BYTES = 12_288  # of a state; above it pages go outside until it is half of that, or has no more
MOST_PRESENT = 256  # open page instances of one visitor that presence looks at

_read = msgspec.json.Decoder(Page).decode


def known(id: str, visitor: Visitor, now: int) -> Page | None:
    """The page instance, taken from where it lies: `put` it back. None: it was never there, or too long ago."""
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
        if _latest(page) <= state.erased:  # former code left what forgotten ones were about where they lay
            page.interests, page.pending = None, 0.0
    return page if now - _latest(page) <= REMEMBERED_MS else None


def put(id: str, page: Page, visitor: Visitor, now: int) -> None:
    """At hand; makes room for it there."""
    pages = visitor.state.pages
    if len(pages) >= READY_PAGES and id not in pages:
        _set_aside(visitor, now)
        if len(visitor.open_pages) > MOST_PRESENT:
            latest = sorted(visitor.open_pages.items(), key=lambda one: one[1])[MOST_PRESENT // 2 :]
            visitor.open_pages = dict(latest)
    pages[id] = page


def lighten(visitor: Visitor, size: int) -> None:
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
        line = f"{id} {encode_state(state.pages.pop(id)).decode()}"
        over -= len(line.encode())
        _move(line, visitor)


def note_day(state: VisitorState, now: int) -> int:
    """That pages go outside at append time `now`; returns the day whose key they go to."""
    day = now // DAY_MS
    state.days = [*(one for one in state.days if now // DAY_MS - one <= DAYS_NOTED and one != day), day]
    return day


def asked_for(visitor: Visitor, ids: Iterable[str], now: int) -> tuple[list[int], list[str]]:
    """Days, latest first, in whose keys those of the page instances may lie that do not lie in the state."""
    state = visitor.state
    days = _remembered(state.days, now)
    if not days:
        return [], []
    return days[::-1], [id for id in ids if id not in state.pages and f"\n{id} " not in state.set_aside_pages]


def _remembered(days: list[int], now: int) -> list[int]:
    oldest = (now - REMEMBERED_MS) // DAY_MS
    return [day for day in days if day >= oldest]


def _from_past(id: str, state: VisitorState) -> str | None:
    """The text of a page instance that was set aside: its event was late, or sent again."""
    start = state.set_aside_pages.find(f"\n{id} ")
    if start < 0:
        return None
    end = state.set_aside_pages.find("\n", start + 1)
    line = state.set_aside_pages[start : end if end > 0 else None]
    state.set_aside_pages = state.set_aside_pages.replace(line, "", 1)
    return line[len(id) + 2 :]


def _set_aside(visitor: Visitor, now: int) -> None:
    """Keep the oldest page instances as text: those that were left, or gave no sign for long."""
    state = visitor.state
    pages = state.pages
    done = [
        id for id, page in pages.items() if page.left >= page.last_heartbeat or now - page.last_heartbeat > SILENT_MS
    ]
    for id in done[: len(pages) - KEPT_PAGES] or list(pages)[: len(pages) // MANY_OPEN]:
        state.set_aside_pages += f"\n{id} {encode_state(pages.pop(id)).decode()}"
    if len(state.set_aside_pages) > PAST_LENGTH:
        _shorten(visitor, now)


def _shorten(visitor: Visitor, now: int) -> None:
    """Of the text, drop what is too old to be known, and move the older half outside if it is still too long."""
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
