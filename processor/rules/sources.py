"""Where a visit came from, as `wakeline.sources` names it, and the visit counted there."""

from __future__ import annotations

from processor.changes import Changes
from processor.rules.sessions import count_visit, touch
from processor.state import Visitor
from wakeline import sources
from wakeline.record import Event


def attribute(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Sets source and campaign of a visit whose first page view this is, and counts the visit there."""
    if visitor.entered is None:
        return
    session, before = visitor.entered
    session.source, session.campaign = source_of(event)
    if before is not None:
        count_visit(before, changes, -1)
    count_visit(session, changes)
    if not visitor.remembered:
        return
    if before is None:
        visitor.count("visits", 1)
    state = visitor.state
    now = touch(session)
    if not state.first.time or now.time <= state.first.time or (before and touch(before) == state.first):
        state.first = now
        visitor.traits_changed = True
    if now.time >= state.latest.time or (before and touch(before) == state.latest):
        state.latest = now
        visitor.traits_changed = True


def source_of(event: Event) -> tuple[str, str]:
    """(source, campaign) of a page view; the campaign is "" without one."""
    return sources.source_of(event.query, event.referrer)
