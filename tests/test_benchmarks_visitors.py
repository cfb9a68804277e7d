"""Benchmarks: the generated visitors."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from benchmarks.mix import MIX, Mix
from benchmarks.visitors import PER_SECOND, QUIET_MS, customer_of, events, visits
from crm.interests.scoring import categories
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
    assert 0.75 * VISITORS < len(people) <= VISITORS
    assert max(people.values()) < 20 * COUNT / VISITORS
    kinds = Counter(event.type for event in made)
    assert kinds.keys() == {"page_view", "engagement", "ping", "add_to_cart", "identify", "purchase"}
    assert kinds["page_view"] > kinds["engagement"] > kinds["ping"] > kinds["add_to_cart"]
    assert 0 < sum(bool(event.bot) for event in made) < COUNT / 20


def test_the_mix(made: list[Event]) -> None:
    """A fifth are customers, each as itself, who say so at each visit; two of a hundred events are orders."""
    people = {event.visitor for event in made}
    known = {event.visitor: event.customer for event in made if event.type == "identify"}
    assert all(customer == customer_of(visitor) for visitor, customer in known.items())
    assert len(known) == pytest.approx(MIX.customers / 100 * len(people), rel=0.25)
    some = {event.page for event in made if event.visitor in known and event.referrer}
    assert some <= {event.page for event in made if event.type == "identify"}
    orders = [event.props for event in made if event.type == "purchase"]
    assert len(orders) == pytest.approx(MIX.orders / 100 * len(made), rel=0.05)
    assert all(order["value"] > 0 and order["currency"] == "EUR" and categories(order) for order in orders)


@pytest.mark.parametrize(("customers", "orders"), [(0, 0), (50, 5)])
def test_another_mix(customers: int, orders: int) -> None:
    some = events(COUNT, visitors=VISITORS, end=END, mix=Mix(customers=customers, orders=orders))
    kinds = Counter(event.type for event in some)
    assert kinds["purchase"] == pytest.approx(orders / 100 * COUNT, rel=0.05)
    known = {event.visitor for event in some if event.customer}
    assert len(known) == pytest.approx(customers / 100 * len({event.visitor for event in some}), rel=0.25)


def test_servers_events_cannot_be_asked_for_before_the_log_has_them() -> None:
    assert not MIX.servers
    with pytest.raises(NotImplementedError):
        Mix(servers=1)


def test_visitors_who_come_once() -> None:
    """Visitor by visitor, with the same shares."""
    some = visits(1_000, end=END)
    order = list(dict.fromkeys(event.visitor for event in some))
    assert len(order) == 1_000
    assert [event.visitor for event in some] == sorted((event.visitor for event in some), key=order.index)
    assert max(event.received for event in some) == END
    kinds = Counter(event.type for event in some)
    assert kinds["purchase"] == pytest.approx(MIX.orders / 100 * len(some), rel=0.05)


def test_two_busy_times_with_silence_between(made: list[Event]) -> None:
    """So that the visits of the first end while the second is folded."""
    silence = max(after.received - before.received for before, after in pairwise(made))
    assert silence > 30 * 60_000
    busy = made[-1].received - made[0].received - silence
    assert COUNT / PER_SECOND * 1000 < busy < QUIET_MS
