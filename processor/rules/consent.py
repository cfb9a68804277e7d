"""A change of the consent level: who withdraws is forgotten; the visit goes on elsewhere without a second start."""

from __future__ import annotations

from processor.changes import Changes
from processor.state import Visitor
from wakeline.event import CONSENT
from wakeline.record import CustomerShare, Event

FOR_GOOD = (1 << 53) - 1
"""Tombstone of a withdrawal: whatever still comes under that id, from another tab or a retry, makes no profile."""


def apply_level(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Forgets a visitor that withdrew, a bot too: a person may be taken for one.

    That a session is handed over is noted by the session rule.
    """
    if event.level != "full" and not visitor.is_anonymous:
        if not visitor.state.has_withdrawn:
            visitor.state.has_withdrawn = True
            changes.count("withdrawals")
        forget(visitor, changes, upto=FOR_GOOD, at=event.time)
        visitor.remembered = False


def goes_on(event: Event, visitor: Visitor) -> bool:
    """Whether the visit goes on under another level, and so another id: not after "off"."""
    return event.type == CONSENT and event.level != "off" and visitor.is_anonymous == (event.level == "full")


def forget(visitor: Visitor, changes: Changes, *, upto: int, at: int) -> None:
    """Forget a visitor's profile and keep it forgotten; tell its customer, who tells the other visitors."""
    if visitor.erased >= upto:
        return
    if visitor.state.customer:
        changes.shares.append(
            CustomerShare(
                site=visitor.site,
                customer=visitor.state.customer,
                visitor=visitor.id,
                at=changes.offset,
                erased_at=at,
            )
        )
    visitor.forget(upto)
    changes.tombstones[visitor.site, visitor.id] = upto
