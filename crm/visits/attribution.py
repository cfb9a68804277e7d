"""Attributes a visit to its source (see `crm.visits.sources`), and counts it there."""

from __future__ import annotations

from crm.identity.turns import count_at, move_visit
from crm.out import Out
from crm.state import Visitor
from crm.visits import touches
from crm.visits.sessions import count_visit, touch
from crm.visits.sources import origin_of
from crm.visits.state import Detail
from wakeline import profile_fields
from wakeline.record import Event


def attribute(event: Event, visitor: Visitor, out: Out) -> None:
    """Sets source and campaign of a visit at its first page view, and counts the visit there."""
    if visitor.new_entry is None:
        return
    session, before = visitor.new_entry
    origin = origin_of(event.query, event.referrer, event.click, is_passing=out.site.is_passing)
    session.source, session.campaign, *detail = origin
    session.detail = Detail(*detail)
    if before is not None:
        count_visit(before, visitor, out, -1)
    count_visit(session, visitor, out)
    if not visitor.may_profile:
        return
    was_counted = before is not None and not before.returned
    if not session.returned and not was_counted:
        visitor.count(profile_fields.VISITS)
    elif before is not None and was_counted:
        if session.returned:
            count_at(profile_fields.VISITS, -1, before.entry_at[0], visitor, out)
        else:
            move_visit(visitor, out, was=before.entry_at[0])
    was = () if before is None else (touch(before),)
    touches.note(visitor, None if session.returned else touch(session), *was)
    if session.returned:
        return
    state = visitor.state
    now = touch(session)
    if not state.first.time or now.time <= state.first.time or (before and touch(before) == state.first):
        state.first = now
        visitor.traits_changed = True
    if now.time >= state.latest.time or (before and touch(before) == state.latest):
        state.latest = now
        visitor.traits_changed = True
