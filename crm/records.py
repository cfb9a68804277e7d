"""What records other than events do to people: shares of customers, erasures, and events of before a version begins."""

from __future__ import annotations

from crm.changes import Changes
from crm.identity import forgetting
from crm.identity.consent import look_through
from crm.identity.customers import receive
from crm.intake.duplicates import hear
from crm.state import Customer, Visitor
from crm.visits.sessions import close_due
from wakeline.record import Erase

__all__ = ["erase", "look_through", "receive"]


def erase(record: Erase, person: Visitor | Customer, changes: Changes, *, has_site: bool) -> None:
    """Somebody is to be forgotten. `has_site`: the person's site is configured, and `changes` stand at it."""
    if isinstance(person, Customer):
        forgetting.forget_customer(person, changes, upto=record.time)
        return
    if has_site:
        close_due(person, changes)  # what has ended is closed as ever, however the log is cut
    hear(person, changes.now)  # what of it would have expired has
    if record.customer:
        forgetting.forget_with_customer(person, changes, customer=record.customer, upto=record.time)
    else:
        forgetting.forget_visitor(person, changes, upto=record.time, at=record.time)
    hear(person, changes.now)  # from here on it has no profile
