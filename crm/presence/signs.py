"""Who is on the site now: a page instance counts until it is left, or for PRESENT_MS after its last heartbeat."""

from __future__ import annotations

from crm.identity.consent import goes_on
from crm.out import LIVE_MS, Out
from crm.state import Visitor
from wakeline.definitions import PRESENT_MS, SEEN_MS
from wakeline.event import CONSENT
from wakeline.record import Event

MANY = 8  # open page instances of one visitor above which expired ones are removed


def mark(event: Event, visitor: Visitor, out: Out) -> None:
    """Notes a heartbeat or leave; the one with the later event time decides, whatever the order of arrival."""
    page, time, received = visitor.page, event.time, event.received
    leaves = event.leave or event.type == CONSENT  # a change of level closes the page under its old id
    if leaves:
        if time > page.left:
            page.left = time
    elif time > page.last_heartbeat:
        page.last_heartbeat = time
    if received - time >= LIVE_MS:
        return
    marks = out.presence[visitor.site]
    open_pages = visitor.open_pages
    if page.last_heartbeat > page.left:
        open_pages[event.page] = until = page.last_heartbeat + PRESENT_MS
        if until > visitor.present:
            visitor.present = marks.present[visitor.id] = until
            if until < marks.oldest:
                marks.oldest = until
    elif open_pages.pop(event.page, None) or leaves:
        if open_pages and len(open_pages) > MANY:
            for id in [id for id, until in open_pages.items() if until < received]:
                del open_pages[id]
        visitor.present = marks.present[visitor.id] = until = max(open_pages.values(), default=0)
        if 0 < until < marks.oldest:
            marks.oldest = until
    seen = marks.seen
    if goes_on(event, visitor):
        seen[visitor.id] = 0  # it is counted under its new id
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
