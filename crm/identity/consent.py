"""Changes of the consent level: a withdrawal erases the visitor and the page part of its customer.

The visit continues under another id.

A late withdrawal is not counted, but still erases: it may have waited in a spool, or come from a restored backup.
"""

from __future__ import annotations

from crm.identity.forgetting import forget_visitor
from crm.intake.duplicates import drop_seen, hear
from crm.out import Out
from crm.pages import WITHHELD_MS
from crm.state import Visitor
from wakeline.definitions import LATE_MS
from wakeline.event import CONSENT
from wakeline.numbers import WITHDRAWALS
from wakeline.record import FOR_GOOD, Event


def forget_late(event: Event, visitor: Visitor, out: Out) -> None:
    """Forgets a visitor whose withdrawal `crm.intake.duplicates` will reject as too late.

    Without a profile nothing has to be withheld: events that the withdrawal overtook are too late as well.
    """
    is_late = out.now - event.time > LATE_MS or event.time <= visitor.state.forgotten_until
    if is_late and withdraws(event, visitor):
        out.forget_letters(visitor.site, visitor.id, upto=FOR_GOOD)
        if visitor.state.is_known():
            forget_visitor(visitor, out, upto=FOR_GOOD, at=event.time, withdrawn=True)


def look_through(event: Event, visitor: Visitor, out: Out) -> None:
    """Applies an event from before the beginning of a replay: of these, only withdrawals have an effect.

    `withheld` is stored in the state alone; visitors who had a profile have a tombstone.
    """
    if event.type == CONSENT and withdraws(event, visitor) and drop_seen(event, visitor, out) is None:
        visitor.state.has_withdrawn = True
        visitor.state.withheld = out.now + WITHHELD_MS


def withdraws(event: Event, visitor: Visitor) -> bool:
    return event.level != "full" and not visitor.is_anonymous


def apply_level(event: Event, visitor: Visitor, out: Out) -> None:
    """Forgets a visitor that withdrew, even a bot, as it may be a misclassified person.

    `crm.visits.sessions` marks the session as handed over.
    """
    if withdraws(event, visitor):
        if not visitor.state.has_withdrawn:
            visitor.state.has_withdrawn = True
            out.count(WITHDRAWALS)
        if visitor.state.is_known():
            forget_visitor(visitor, out, upto=FOR_GOOD, at=event.time, withdrawn=True)
            hear(visitor, out.now)
        else:  # anybody can send withdrawals: without a profile, only events that it overtook are withheld
            visitor.state.withheld = out.now + WITHHELD_MS
            for session in visitor.state.sessions:
                session.unshown = True
            out.forget_letters(visitor.site, visitor.id, upto=FOR_GOOD)
        visitor.may_profile = visitor.has_profile = False


def goes_on(event: Event, visitor: Visitor) -> bool:
    """Whether the visit continues under another level, and therefore another id: not after "off"."""
    return event.type == CONSENT and event.level != "off" and visitor.is_anonymous == (event.level == "full")
