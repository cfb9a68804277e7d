"""Who is on the site now: a page instance counts until it is left or for 60 s after its last sign."""

from __future__ import annotations

from processor.changes import LIVE_MS, Changes
from processor.state import Visitor
from wakeline.record import Event

SIGN_MS = 60_000  # two signs of life (25 s each) may get lost


def mark(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Notes the sign, or the leave; the latest of the two by their own times decides, in whichever order they come."""
    page = visitor.page
    time = event.time
    if event.leave:
        if time > page.left:
            page.left = time
    elif time > page.sign:
        page.sign = time
    if changes.now - time >= LIVE_MS:
        return
    if event.leave:
        until = max([page.sign for page in visitor.state.pages.values() if page.sign > page.left], default=0)
        until = until + SIGN_MS if until else 0
    else:
        until = time + SIGN_MS if page.sign > page.left else 0
    if event.leave or until > visitor.present:
        visitor.present = until
        changes.present[visitor.site][visitor.id] = until
    seen = changes.seen[visitor.site]
    if time > seen.get(visitor.id, 0):
        seen[visitor.id] = time
