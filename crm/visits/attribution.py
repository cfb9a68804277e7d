"""Attributes a visit to its source (see `crm.visits.sources`), and counts it there."""

from __future__ import annotations

from crm.identity.turns import move_visit
from crm.out import Out
from crm.state import Visitor
from crm.visits.sessions import count_visit, touch
from crm.visits.sources import source_of
from wakeline import profile_fields
from wakeline.record import Event


def attribute(event: Event, visitor: Visitor, out: Out) -> None:
    """Sets source and campaign of a visit at its first page view, and counts the visit there."""
    if visitor.new_entry is None:
        return
    session, before = visitor.new_entry
    session.source, session.campaign = source_of(event.query, event.referrer)
    if before is not None:
        count_visit(before, out, -1)
    count_visit(session, out)
    if not visitor.may_profile:
        return
    if before is None:
        visitor.count(profile_fields.VISITS)
    else:
        move_visit(visitor, out, was=before.entry_at[0])
    state = visitor.state
    now = touch(session)
    if not state.first.time or now.time <= state.first.time or (before and touch(before) == state.first):
        state.first = now
        visitor.traits_changed = True
    if now.time >= state.latest.time or (before and touch(before) == state.latest):
        state.latest = now
        visitor.traits_changed = True
