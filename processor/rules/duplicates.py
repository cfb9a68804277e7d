"""Each event counts once: retries, redelivery and replays are recognised by page instance and number.

No set of ids is needed: of each page instance the visitor's state keeps "all seen up to n" and a bitmap
above it. What is older than page instances are kept is refused, since it could have been counted.
"""

from __future__ import annotations

import msgspec

from processor.changes import Changes, Verdict
from processor.state import KEPT_PAGES, MAX_PAGES, READY_PAGES, Page, Visitor, VisitorState, encode_state
from wakeline.keys import DAY_MS
from wakeline.record import Event

KEPT_MS = 8 * DAY_MS  # a day longer than a browser's queue
JITTER_MS = 3_600_000  # a retry's corrected time differs by what the network took
UNPROFILED_MS = KEPT_MS + JITTER_MS  # since it was last heard of
SILENT_MS = 300_000  # a page instance that gave no sign for so long is set aside; it can be recalled
MANY_OPEN = 32  # open tabs of which one is set aside all the same

_read = msgspec.json.Decoder(Page).decode


def drop_seen(event: Event, visitor: Visitor, changes: Changes) -> Verdict | None:
    """Refuses what was seen before and what is too old to tell; finds the event's page instance."""
    state = visitor.state
    if not state.first_seen and not visitor.is_anonymous and not visitor.tombstone:
        state = hear(visitor, changes.now)
    if changes.now - event.time > KEPT_MS:
        return Verdict.TOO_LATE
    page = state.pages.get(event.page) or _recalled(event.page, state)
    if page is None:
        if event.time <= state.floor:
            return Verdict.TOO_LATE
        if len(state.pages) >= READY_PAGES:
            _set_aside(state, changes.now)
        page = state.pages[event.page] = Page()
    visitor.page = page
    n = event.n
    if n == page.upto and not page.above:
        page.upto = n + 1
    elif n < page.upto:
        return Verdict.DUPLICATE
    else:
        seen = int(page.above or "0", 16)
        bit = 1 << (n - page.upto)
        if seen & bit:
            return Verdict.DUPLICATE
        seen |= bit
        while seen & 1:
            seen >>= 1
            page.upto += 1
        page.above = f"{seen:x}" if seen else ""
    visitor.remembered = (
        not visitor.is_anonymous and event.time > visitor.tombstone and changes.now > state.withheld
        and (not event.counted_only or state.first_seen > 0)
    )  # fmt: skip
    return None


def hear(visitor: Visitor, now: int) -> VisitorState:
    """Its state, if that is to live: without a profile it does as long as its events could come again.

    By log time, so that a replay forgets as the live version did; the key's own lifetime only follows. Not of who was
    erased, whose tombstone a replay meets first.
    """
    state = visitor.state
    if state.heard and now - state.heard > UNPROFILED_MS:
        state = visitor.state = VisitorState()
        visitor.open_pages.clear()
    state.heard = now
    return state


def _recalled(id: str, state: VisitorState) -> Page | None:
    """A page instance that was set aside: its event was late, or sent again."""
    start = state.past.find(f"\n{id} ")
    if start < 0:
        return None
    end = state.past.find("\n", start + 1)
    line = state.past[start : end if end > 0 else None]
    state.past = state.past.replace(line, "", 1)
    page = state.pages[id] = _read(line[len(id) + 2 :])
    return page


def _set_aside(state: VisitorState, now: int) -> None:
    """Keep the oldest page instances as text: those that were left, or gave no sign for long."""
    pages = state.pages
    done = [id for id, page in pages.items() if page.left >= page.sign or now - page.sign > SILENT_MS]
    for id in done[: len(pages) - KEPT_PAGES] or list(pages)[: len(pages) // MANY_OPEN]:
        state.past += f"\n{id} {encode_state(pages.pop(id)).decode()}"
    if state.past.count("\n") > MAX_PAGES:
        _forget(state, now)


def _forget(state: VisitorState, now: int) -> None:
    """Drop the expired page instances, else the oldest quarter; nothing up to their times is taken any more."""
    lines = state.past[1:].split("\n")
    aged = sorted((_latest(_read(line.partition(" ")[2])), line) for line in lines)
    kept = [line for age, line in aged if now - age <= KEPT_MS + JITTER_MS]
    if len(kept) == len(aged):
        state.floor = max(state.floor, aged[MAX_PAGES // 4 - 1][0])
        kept = kept[MAX_PAGES // 4 :]
    state.past = "".join(f"\n{line}" for line in kept)


def _latest(page: Page) -> int:
    return max(page.sign, page.left)
