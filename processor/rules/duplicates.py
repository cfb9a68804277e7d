"""Each event counts once: retries, redelivery and replays are recognised by page instance and number.

No set of ids is needed: of each page instance the visitor's state keeps "all seen up to n" and a bitmap
above it. What is older than page instances are kept is refused, since it could have been counted.
"""

from __future__ import annotations

from processor.changes import Changes, Verdict
from processor.state import MAX_PAGES, Page, Visitor
from wakeline.keys import DAY_MS
from wakeline.record import Event

KEPT_MS = 8 * DAY_MS  # a day longer than a browser's queue
JITTER_MS = 3_600_000  # a retry's corrected time differs by what the network took


def drop_seen(event: Event, visitor: Visitor, changes: Changes) -> Verdict | None:
    """Refuses what was seen before and what is too old to tell; finds the event's page instance."""
    state = visitor.state
    if changes.now - event.time > KEPT_MS:
        return Verdict.TOO_LATE
    page = state.pages.get(event.page)
    if page is None:
        if event.time <= state.floor:
            return Verdict.TOO_LATE
        page = _new_page(event.page, visitor, changes.now)
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
    visitor.remembered = not visitor.is_anonymous and event.time > visitor.tombstone
    return None


def _new_page(id: str, visitor: Visitor, now: int) -> Page:
    pages = visitor.state.pages
    if len(pages) >= MAX_PAGES:
        _forget_pages(visitor, now)
    page = pages[id] = Page()
    return page


def _forget_pages(visitor: Visitor, now: int) -> None:
    """Drop the expired page instances, else the oldest quarter; nothing up to their times is taken any more."""
    state = visitor.state
    by_age = sorted(state.pages.items(), key=lambda item: (max(item[1].sign, item[1].left), item[0]))
    old = [id for id, page in by_age if now - max(page.sign, page.left) > KEPT_MS + JITTER_MS]
    if not old:
        old = [id for id, _ in by_age[: MAX_PAGES // 4]]
        oldest = state.pages[old[-1]]
        state.floor = max(state.floor, oldest.sign, oldest.left)
    for id in old:
        del state.pages[id]
