"""Custom events, whose types the page chooses."""

from __future__ import annotations

from crm.out import Out
from crm.state import Visitor
from wakeline import profile_fields
from wakeline.numbers import EVENTS, TOP_EVENTS
from wakeline.record import Event
from wakeline.vocabulary.types import NO_ACTIVITY


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts a custom event by its type. Events that a page reports about itself count only in the top list."""
    out.top(TOP_EVENTS, event.type)
    if event.type in NO_ACTIVITY:
        return
    out.count(EVENTS)
    if visitor.may_profile:
        visitor.count(profile_fields.EVENTS)
