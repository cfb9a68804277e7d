"""Page views and engaged time, by page and in total. Entries and exits are counted when a session closes."""

from __future__ import annotations

from crm.out import Out
from crm.state import Visitor
from wakeline import profile_fields
from wakeline.event import ENGAGEMENT, PAGE_VIEW
from wakeline.numbers import ENGAGED, GPC_VIEWS, PAGE_VIEWS, TOP_ENGAGED, TOP_PAGES
from wakeline.record import Event


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts a page view or engagement. A view continued under another consent level counts only in the profile."""
    if event.type == PAGE_VIEW:
        if not event.continued:
            out.count(PAGE_VIEWS)
            out.top(TOP_PAGES, event.path)
            if event.gpc:
                out.count(GPC_VIEWS)
        if visitor.may_profile:
            visitor.count(profile_fields.PAGE_VIEWS)
    elif event.type == ENGAGEMENT and event.engaged_ms:
        out.count(ENGAGED, event.engaged_ms)
        out.top(TOP_ENGAGED, event.path, event.engaged_ms)
        if visitor.may_profile:
            visitor.count(profile_fields.ENGAGED, event.engaged_ms)
