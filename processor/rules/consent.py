"""A change of the consent level: who withdraws is forgotten; the visit goes on elsewhere without a second start."""

from __future__ import annotations

from processor.changes import Changes
from processor.rules.duplicates import UNPROFILED_MS
from processor.rules.forgetting import forget_visitor
from processor.state import Visitor
from wakeline.event import CONSENT
from wakeline.record import Event

FOR_GOOD = (1 << 53) - 1
"""Tombstone of a withdrawal: whatever still comes under that id, from another tab or a retry, makes no profile."""

WITHHELD_MS = UNPROFILED_MS  # what it may have overtaken is too late by then


def apply_level(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Forgets a visitor that withdrew, a bot too: a person may be taken for one.

    That a session is handed over is noted by the session rule.
    """
    if event.level != "full" and not visitor.is_anonymous:
        if not visitor.state.has_withdrawn:
            visitor.state.has_withdrawn = True
            changes.count("withdrawals")
        if visitor.state.first_seen or visitor.state.customer:
            forget_visitor(visitor, changes, upto=FOR_GOOD, at=event.time)
        else:  # anybody can send withdrawals: of who has nothing only an event that was overtaken is kept out
            visitor.state.withheld = changes.now + WITHHELD_MS
            changes.forget_letters(visitor.site, visitor.id, upto=FOR_GOOD)
        visitor.remembered = False


def goes_on(event: Event, visitor: Visitor) -> bool:
    """Whether the visit goes on under another level, and so another id: not after "off"."""
    return event.type == CONSENT and event.level != "off" and visitor.is_anonymous == (event.level == "full")
