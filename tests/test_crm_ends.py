"""A browser hears of each end of its customer once, also of several in one moment and of what is told again."""

from __future__ import annotations

from crm.identity.noting import note
from crm.out import Out
from crm.records import unlink
from crm.state import Visitor, VisitorState, decode_visitor, encode_visitor
from tests.timeline import DAY, MINUTE, START
from wakeline.record import Unlink

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
