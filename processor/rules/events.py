"""Custom events: whatever a page names itself."""

from __future__ import annotations

from processor.changes import Changes
from processor.state import Visitor
from wakeline.record import Event


def count(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Counts a custom event by its type."""
    changes.count("events")
    changes.top("events", event.type)
    if visitor.remembered:
        visitor.count("events", 1)
