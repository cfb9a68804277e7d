"""The effects of other records: shares for customers, erasures, and events from before a version begins.

Those of facts are in facts.py.
"""

from __future__ import annotations

from crm.identity import forgetting
from crm.identity.consent import look_through
from crm.identity.customers import is_known, receive
from crm.intake.duplicates import hear
from crm.out import Out
from crm.state import Customer, Visitor, encode_state
from wakeline.record import Erase

__all__ = ["erase", "is_known", "look_through", "receive"]


def erase(record: Erase, person: Visitor | Customer, out: Out) -> None:
    """Forget a visitor or a customer, or what a withdrawal ends of them."""
    if isinstance(person, Customer):
        ends = forgetting.withdraw if record.withdrawn else forgetting.forget_customer
        ends(person, out, upto=record.time)
        return
    was, heard = person.state, person.state.last_append
    before = encode_state(hear(person, out.now))  # without what has expired by log time
    if not record.customer:
        forgetting.forget_visitor(person, out, upto=record.time, at=record.time, withdrawn=record.withdrawn)
    elif record.withdrawn:
        forgetting.unlink(person, out, customer=record.customer, upto=record.time)
    else:
        forgetting.forget_with_customer(person, out, customer=record.customer, upto=record.time)
    if encode_state(person.state) != before:
        hear(person, out.now)  # from here on it has no profile
    elif person.state is was:
        was.last_append = heard  # said again, as after a crash: it is remembered for no longer
