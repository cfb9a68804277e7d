"""Page views, engaged time and scroll depth, by page and in total.

Entries and exits are counted when a session closes. Where a page goes on under another consent level, the two parts may
not be linked: the deepest point of the second one counts, as that of the first is nearly always passed again.
"""

from __future__ import annotations

from crm.identity.consent import goes_on
from crm.out import Out
from crm.state import Visitor
from wakeline import profile_fields
from wakeline.event import ENGAGEMENT, PAGE_VIEW
from wakeline.numbers import ENGAGED, GPC_VIEWS, PAGE_VIEWS, SCROLLED, TOP_ENGAGED, TOP_PAGES, TOP_SCROLLED
from wakeline.record import Event

ELSEWHERE = -1  # in `Page.scroll`


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts a page view or engagement; of scrolling what is deeper than before.

    A view continued under another consent level counts only in the profile.
    """
    if event.type == PAGE_VIEW:
        if not event.continued:
            out.count(PAGE_VIEWS)
            out.top(TOP_PAGES, event.path)
            if event.gpc:
                out.count(GPC_VIEWS)
        if visitor.may_profile:
            visitor.count(profile_fields.PAGE_VIEWS)
    elif event.type == ENGAGEMENT:
        if event.engaged_ms:
            out.count(ENGAGED, event.engaged_ms)
            out.top(TOP_ENGAGED, event.path, event.engaged_ms)
            if visitor.may_profile:
                visitor.count(profile_fields.ENGAGED, event.engaged_ms)
        page = visitor.page
        if event.scroll > page.scroll >= 0:
            out.count(SCROLLED, event.scroll - page.scroll)
            out.top(TOP_SCROLLED, event.path, event.scroll - page.scroll)
            page.scroll = event.scroll
    elif goes_on(event, visitor):
        page = visitor.page
        if page.scroll > 0:
            out.count(SCROLLED, -page.scroll)
            out.top_at(event.time, TOP_SCROLLED, event.path, -page.scroll)
        page.scroll = ELSEWHERE
