"""A change of the consent level: who withdraws is forgotten; the visit goes on elsewhere without a second start.

No withdrawal is too late to forget, only to be counted: it may have waited in a spool, or in what a restore says again.
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
    """Forgets a visitor whose withdrawal `crm.intake.duplicates` is about to refuse for its age.

    Of who has no profile nothing has to be kept out: what a withdrawal may have overtaken is as late by now.
    """
    is_late = out.now - event.time > LATE_MS or event.time <= visitor.state.forgotten_until
    if is_late and withdraws(event, visitor):
        out.forget_letters(visitor.site, visitor.id, upto=FOR_GOOD)
        if visitor.state.is_known():
            forget_visitor(visitor, out, upto=FOR_GOOD, at=event.time)


def look_through(event: Event, visitor: Visitor, out: Out) -> None:
    """What a replay that begins behind an event has to know of it: what a withdrawal withholds is in the state alone,
    and of who had a profile there is a tombstone.
    """
    if event.type == CONSENT and withdraws(event, visitor) and drop_seen(event, visitor, out) is None:
        visitor.state.has_withdrawn = True
        visitor.state.withheld = out.now + WITHHELD_MS


def withdraws(event: Event, visitor: Visitor) -> bool:
    return event.level != "full" and not visitor.is_anonymous


def apply_level(event: Event, visitor: Visitor, out: Out) -> None:
    """Forgets a visitor that withdrew, a bot too: a person may be taken for one.

    That a session is handed over is noted by `crm.visits.sessions`.
    """
    if withdraws(event, visitor):
        if not visitor.state.has_withdrawn:
            visitor.state.has_withdrawn = True
            out.count(WITHDRAWALS)
        if visitor.state.is_known():
            forget_visitor(visitor, out, upto=FOR_GOOD, at=event.time)
            hear(visitor, out.now)
        else:  # anybody can send withdrawals: of who has nothing only an event that was overtaken is kept out
            visitor.state.withheld = out.now + WITHHELD_MS
            for session in visitor.state.sessions:
                session.unshown = True
            out.forget_letters(visitor.site, visitor.id, upto=FOR_GOOD)
        visitor.may_profile = visitor.has_profile = False


def goes_on(event: Event, visitor: Visitor) -> bool:
    """Whether the visit goes on under another level, and so another id: not after "off"."""
    return event.type == CONSENT and event.level != "off" and visitor.is_anonymous == (event.level == "full")
