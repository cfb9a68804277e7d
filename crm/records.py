"""The effects of other records: shares for customers, erasures, and events from before a version begins.

Those of facts are in facts.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crm.identity import forgetting
from crm.identity.consent import look_through
from crm.identity.customers import is_known, receive
from crm.identity.noting import take_out
from crm.identity.turns import has_turn, is_of
from crm.intake.duplicates import hear
from crm.out import Out
from crm.state import Customer, Visitor, encode_state
from wakeline.record import NO_PLACE, Erase, Unlink

__all__ = ["erase", "is_known", "look_through", "receive", "unlink"]


def erase(record: Erase, person: Visitor | Customer, out: Out) -> None:
    """Forget a visitor or a customer, or what a withdrawal ends of them."""
    if isinstance(person, Customer):
        ends = forgetting.withdraw if record.withdrawn else forgetting.forget_customer
        ends(person, out, upto=record.time)
        return
    if record.customer:
        if NO_PLACE < record.place <= person.state.ends.get(record.customer, NO_PLACE):  # it is sent again
            return
        _end_link(person, out, customer=record.customer, upto=record.time, withdrawn=record.withdrawn)
        if record.place > NO_PLACE and record.customer in person.state.noted:
            person.state.ends[record.customer] = record.place
        return
    with _heard(person, out):
        forgetting.forget_visitor(person, out, upto=record.time, at=record.time, withdrawn=record.withdrawn)


def unlink(record: Unlink, visitor: Visitor, out: Out, *, is_again: bool = False) -> None:
    """Have a visitor that is noted with a customer belong to it no more; if the customer ended by age, a former one.

    `is_again`: the lane has heard this before, so that it is for nobody who was noted since.
    """
    customer, state = record.id, visitor.state
    withdrawn = record.withdrawn and not record.everywhere
    noted = state.noted.get(customer, 0)
    if not record.noted:
        return
    heard = state.ends.get(customer, NO_PLACE)
    if NO_PLACE < record.place <= heard:  # it is sent again
        return
    if noted > record.noted or (noted == record.noted and (record.place == NO_PLACE or heard == NO_PLACE)):
        if is_again or record.ended or forgetting.is_heard(state, customer, upto=record.time, withdrawn=withdrawn):
            return
        if not is_of(state, customer, upto=record.time):  # else the lanes' clocks differ
            return
    if not record.ended:
        _end_link(visitor, out, customer=customer, upto=record.time, withdrawn=withdrawn)
    if not has_turn(visitor.state, customer):
        take_out(visitor, out, customer)
    elif not record.ended:
        visitor.state.noted[customer] = max(noted, record.noted)
        if record.place > NO_PLACE:
            visitor.state.ends[customer] = record.place


def _end_link(visitor: Visitor, out: Out, *, customer: str, upto: int, withdrawn: bool) -> None:
    ends = forgetting.end_turns if withdrawn else forgetting.forget_with_customer
    with _heard(visitor, out):
        ends(visitor, out, customer=customer, upto=upto)


@contextmanager
def _heard(visitor: Visitor, out: Out) -> Iterator[None]:
    """Around what may end a visitor's profile: it is remembered from then on, but no longer if that is said again."""
    was, heard = visitor.state, visitor.state.last_append
    before = encode_state(hear(visitor, out.now))  # without what has expired by log time
    yield
    if encode_state(visitor.state) != before:
        hear(visitor, out.now)
    elif visitor.state is was:
        was.last_append = heard
