"""A browser hears of each end of its customer once, also of several in one moment and of what is told again."""

from __future__ import annotations

import pytest

from crm.identity.forgetting import forget_customer
from crm.identity.noting import note
from crm.out import Out
from crm.records import erase, unlink
from crm.state import Customer, CustomerState, Visitor, VisitorState, decode_visitor, encode_visitor
from tests.timeline import DAY, MINUTE, START
from wakeline.record import Erase, Unlink

A = "@customer0"
LATER = START + MINUTE


def linked(out: Out) -> Visitor:
    """Noted at START, and linked later, so that an end of up to START leaves the link."""
    out.now, out.offset = START, 1
    state = VisitorState(customer=A, linked=LATER, first_seen=START - MINUTE, page_views=3)
    visitor = Visitor("shop", "visitor-1", state, {}, 0)
    note(visitor, out, A)
    return visitor


def end(number: int, *, upto: int, noted: int, withdrawn: bool = False) -> Unlink:
    return Unlink("shop", A, upto, noted=noted, withdrawn=withdrawn, place=(7, 0, number))


def hear(visitor: Visitor, out: Out, record: Unlink) -> bytes:
    unlink(record, visitor, out)
    return encode_visitor(visitor.state)


def test_an_end_that_is_told_again_reaches_nobody_who_was_noted_in_its_moment() -> None:
    out = Out(decay_zero=START, half_life=DAY)
    visitor = linked(out)
    before = encode_visitor(visitor.state)
    assert hear(visitor, out, end(1, upto=START - MINUTE, noted=START)) == before
    assert not visitor.tombstone


def test_each_end_of_one_moment_is_heard_once() -> None:
    out = Out(decay_zero=START, half_life=DAY)
    visitor = linked(out)
    first = end(1, upto=START, noted=START + 1, withdrawn=True)
    second = end(2, upto=START, noted=START + 1)
    hear(visitor, out, first)
    assert (visitor.state.page_views, visitor.tombstone) == (3, 0)
    heard = hear(visitor, out, second)
    assert (visitor.state.page_views, visitor.tombstone, visitor.state.customer) == (0, START, A)
    visitor.state = decode_visitor(heard)
    assert [hear(visitor, out, again) for again in (first, second)] == [heard] * 2


def erased_by(number: int, *, upto: int, withdrawn: bool = False) -> Erase:
    return Erase("shop", "visitor-1", upto, A, withdrawn, place=(7, 0, number))


def test_an_erasure_that_a_customer_tells_again_reaches_nobody_who_was_linked_since() -> None:
    out = Out(decay_zero=START, half_life=DAY)
    visitor = linked(out)
    erase(erased_by(1, upto=START), visitor, out)
    assert (visitor.state.page_views, visitor.tombstone, visitor.state.customer) == (0, START, A)
    visitor.state.erasures.clear()  # of many customers, only the latest are kept
    visitor.state.page_views = 2
    heard = encode_visitor(visitor.state)
    visitor.state = decode_visitor(heard)
    erase(erased_by(1, upto=START), visitor, out)
    assert encode_visitor(visitor.state) == heard
    erase(erased_by(2, upto=LATER), visitor, out)
    assert (visitor.state.customer, visitor.state.ends) == ("", {}), "it is another, of after the link"


def test_what_a_customer_sends_in_one_step_has_places_in_order() -> None:
    out = Out(decay_zero=START, half_life=DAY)
    out.now, out.offset = START, 7
    customer = Customer("shop", A, CustomerState(["visitor-1", "visitor-2"], first_seen=1, last_seen=1), {}, 0)
    forget_customer(customer, out, upto=START)
    sent = [record for _, _, record in out.outbox]
    assert [(type(record), record.place) for record in sent] == [
        (Unlink, (7, 0, 1)), (Erase, (7, 0, 2)), (Erase, (7, 0, 3)),
    ]  # fmt: skip


@pytest.mark.parametrize(("erased", "left"), [(0, 0), (START - MINUTE, 3)])
def test_a_replay_without_a_link_wipes_what_the_live_version_wiped(erased: int, left: int) -> None:
    """One that begins after the identify lacks the link; one that came to an erasure of the visitor knows better."""
    out = Out(decay_zero=START, half_life=DAY)
    state = VisitorState(first_seen=START, last_seen=START, page_views=3, erased=erased)
    visitor = Visitor("shop", "visitor-1", state, {}, LATER)
    visitor.erased = erased  # in a replay
    erase(erased_by(1, upto=START + 1), visitor, out)
    assert (visitor.state.page_views, visitor.erased) == (left, erased)
