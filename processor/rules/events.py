"""Custom events: whatever a page names itself."""

from __future__ import annotations

from processor.changes import Changes
from processor.state import Visitor
from wakeline.record import Event


def count(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Counts a custom event by its type."""
    day = changes.site.day(event.time)
    changes.count("events", day)
    changes.top("events", event.type, day)
    if visitor.remembered:
        visitor.count("events", 1)
