"""Who is on the site now: a page instance counts until it is left, or for PRESENT_MS after its last heartbeat."""

from __future__ import annotations

from crm.identity.consent import goes_on
from crm.intake.state import Page
from crm.out import LIVE_MS, Out
from crm.pages import MOST_PRESENT, latest
from crm.state import Visitor
from wakeline.definitions import PRESENT_MS, SEEN_MS
from wakeline.event import CONSENT
from wakeline.record import Event
from wakeline.vocabulary.types import OF_ITSELF


def mark(event: Event, visitor: Visitor, out: Out) -> None:
    """Notes a heartbeat or leave; the one with the later event time decides, whatever the order of arrival.

    What a page says of itself is neither: measurements are told just after it is left. It only keeps the page known.
    """
    page, time, received = visitor.page, event.time, event.received
    leaves = event.leave or event.type == CONSENT  # a change of level closes the page under its old id
    if leaves:
        page.leave(time)
    elif event.type in OF_ITSELF:
        page.leave(time - PRESENT_MS)  # a heartbeat before that shows nobody any more
    elif time > page.last_heartbeat and time > page.left:
        page.last_heartbeat, page.left = time, 0
    if received - time >= LIVE_MS:
        close(event.page, page, visitor, time)
        return
    marks = out.presence[visitor.site]
    open_pages = visitor.open_pages
    if page.last_heartbeat > page.left:
        open_pages[event.page] = until = page.last_heartbeat + PRESENT_MS
        marks.pages[event.path, event.page] = until
        if len(open_pages) > MOST_PRESENT:
            visitor.open_pages = latest(open_pages, out.now)
        if until > visitor.present:
            visitor.present = marks.present[visitor.id] = until
            if until < marks.oldest:
                marks.oldest = until
    elif open_pages.pop(event.page, None) or leaves:
        marks.pages[event.path, event.page] = 0
        visitor.present = marks.present[visitor.id] = until = max(open_pages.values(), default=0)
        if 0 < until < marks.oldest:
            marks.oldest = until
    seen = marks.seen
    if goes_on(event, visitor):
        marks.unsee(visitor.id)  # it is seen under its other id
    elif time > seen.get(visitor.id, 0):
        seen[visitor.id] = time
        if time < marks.oldest:
            marks.oldest = time
    # A collector's clock that is ahead must not remove visitors whom the log's clock would not remove.
    over = (received if received < out.now else out.now) - SEEN_MS
    if over > marks.over:
        marks.over = over
    if over >= marks.oldest:
        marks.expire(over)


def close(id: str, page: Page, visitor: Visitor, at: int) -> None:
    """What came of a page instance at `at`, ms, shows nobody: it is as if it had been left then, but unmarked."""
    page.leave(at)
    if page.last_heartbeat <= page.left and id in visitor.open_pages:
        del visitor.open_pages[id]
        visitor.present = max(visitor.open_pages.values(), default=0)
