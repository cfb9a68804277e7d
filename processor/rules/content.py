"""Page views and engaged time by page, and in all. Entries and exits are counted when a session closes."""

from __future__ import annotations

from processor.changes import Changes
from processor.state import Visitor
from wakeline.event import ENGAGEMENT, PAGE_VIEW
from wakeline.record import Event


def count(event: Event, visitor: Visitor, changes: Changes) -> None:
    """A view that only continued under another consent level counts in the profile, not again on the site."""
    if event.type == PAGE_VIEW:
        if not event.continued:
            time = event.time
            day = changes.site.day(time)
            changes.count("page_views", day)
            changes.top_live("pages", event.path, time, day)
        if visitor.remembered:
            visitor.count("page_views", 1)
    elif event.type == ENGAGEMENT and event.engaged_ms:
        day = changes.site.day(event.time)
        changes.count("engaged_ms", day, event.engaged_ms)
        changes.top("engaged_ms", event.path, day, event.engaged_ms)
        if visitor.remembered:
            visitor.count("engaged_ms", event.engaged_ms)
