"""Custom events: whatever a page names itself."""

from __future__ import annotations

from processor.changes import Changes
from processor.state import Visitor
from wakeline.definitions import NO_ACTIVITY
from wakeline.numbers import EVENTS, TOP_EVENTS
from wakeline.record import Event


def count(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Counts a custom event by its type. What a page says of itself is only in that list: nobody did it."""
    changes.top(TOP_EVENTS, event.type)
    if event.type in NO_ACTIVITY:
        return
    changes.count(EVENTS)
    if visitor.remembered:
        visitor.count("events", 1)
