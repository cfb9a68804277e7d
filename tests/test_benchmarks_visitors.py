"""Benchmarks: the visitors whose records are measured."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from benchmarks.visitors import PER_SECOND, QUIET_MS, events
from wakeline.event import MAX_EVENTS_PER_PAGE
from wakeline.record import Event, decode_record, encode_record

COUNT, VISITORS, END = 4_000, 400, 1_800_000_000_000


@pytest.fixture(scope="module")
def made() -> list[Event]:
    return events(COUNT, visitors=VISITORS, end=END)


def test_the_same_every_time(made: list[Event]) -> None:
    assert events(COUNT, visitors=VISITORS, end=END) == made


def test_records_as_the_log_holds_them(made: list[Event]) -> None:
    """As many as asked for, in order of receipt, up to the end, and none from its own future."""
    assert len(made) == COUNT
    assert [decode_record(encode_record(event)) for event in made] == made
    assert all(before.received <= after.received for before, after in pairwise(made))
    assert made[-1].received == END
    assert all(event.time <= event.received for event in made)


def test_pages_are_numbered_from_their_view_on(made: list[Event]) -> None:
    """A page begins with its view; nothing of it comes twice. Those cut off by the end may lack their rest."""
    pages: defaultdict[str, list[Event]] = defaultdict(list)
    for event in made:
        pages[event.page].append(event)
    for page in pages.values():
        assert [event.n for event in page] == list(range(len(page)))
        assert len(page) <= MAX_EVENTS_PER_PAGE
        assert page[0].type == "page_view"
        assert len({event.visitor for event in page}) == 1


def test_visitors_come_back_and_do_what_people_do(made: list[Event]) -> None:
    people = Counter(event.visitor for event in made)
    assert 0.8 * VISITORS < len(people) <= VISITORS
    assert max(people.values()) < 20 * COUNT / VISITORS
    kinds = Counter(event.type for event in made)
    assert kinds.keys() == {"page_view", "engagement", "ping", "add_to_cart"}
    assert kinds["page_view"] > kinds["engagement"] > kinds["ping"] > kinds["add_to_cart"]
    assert 0 < sum(bool(event.bot) for event in made) < COUNT / 20


def test_known_ones_say_who_they_are_at_every_visit() -> None:
    """About as many as asked for, each as itself; no event comes twice."""
    some = events(COUNT, visitors=VISITORS, end=END, known=20)
    people = {event.visitor for event in some}
    known = {event.visitor: event.customer for event in some if event.type == "identify"}
    assert all(customer == f"@{visitor}" for visitor, customer in known.items())
    assert 0.1 * len(people) < len(known) < 0.3 * len(people)
    assert len({(event.visitor, event.page, event.n) for event in some}) == len(some)


def test_two_busy_times_with_silence_between(made: list[Event]) -> None:
    """So that the visits of the first end while the second is folded."""
    silence = max(after.received - before.received for before, after in pairwise(made))
    assert silence > 30 * 60_000
    busy = made[-1].received - made[0].received - silence
    assert COUNT / PER_SECOND * 1000 < busy < QUIET_MS
