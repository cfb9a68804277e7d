"""When a customer was contacted: contacts that are told again, in any order, and what is kept of them."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from msgspec import msgpack

from crm.identity.account import merge
from crm.identity.contacts import book
from wakeline.account import CONTACTS_KEPT_MS, CONTACTS_MS, MOST_CONTACTS, Account, Contact, Contacted, moment_of
from wakeline.durations import DAY_MS

NOW = 1_700_000_000_000


def told(id: str, days_ago: float | None, *, minute: int = 0, was: float | None = None) -> Contacted:
    """`days_ago`: None: it is none. `minute`: when it was told."""
    time, before = (0 if days is None else NOW - int(days * DAY_MS) for days in (days_ago, was))
    return Contacted(id, Contact(moment_of(NOW + minute * 60_000, minute), time, NOW), before)


def heard(*contacts: Contacted, now: int = NOW) -> Account:
    account = Account()
    for one in contacts:
        book(account, [one], now)
    return account


def test_those_of_the_last_seven_days_count() -> None:
    account = heard(told("a", 0), told("b", 6.99), told("c", 7), told("d", 30))
    assert account.contacts_7d(NOW) == 2
    assert account.contacts_7d(NOW + CONTACTS_MS - 1) == 1
    assert account.contacts_7d(NOW + CONTACTS_MS) == 0


def test_one_that_is_told_again_counts_once_and_moves() -> None:
    account = heard(told("a", 1), told("a", 1, minute=1, was=1))
    assert account.contacts_7d(NOW) == 1
    book(account, [told("a", 7.5, minute=2, was=1)], NOW)
    assert account.contacts_7d(NOW) == 0


WORDS = (told("a", 1, minute=1), told("a", 2, minute=2, was=1), told("a", None, minute=3, was=2), told("b", 3))


@pytest.mark.parametrize("words", list(permutations(WORDS)))
def test_by_whichever_way_and_whenever_it_is_heard_the_latest_word_holds(words: tuple[Contacted, ...]) -> None:
    assert heard(*words).contacts_7d(NOW) == 1


def test_what_was_taken_out_stays_out_while_a_former_word_may_come() -> None:
    account = heard(told("a", 9, minute=2, was=1), told("a", 1, minute=1))
    assert account.contacts_7d(NOW) == 0
    book(account, [told("b", 0, minute=9)], NOW + CONTACTS_KEPT_MS + DAY_MS // 2)
    assert list(account.contacts) == []


def test_of_old_ones_nothing_is_kept() -> None:
    account = heard(*(told(str(number), 8 + number) for number in range(500)))
    assert account == Account()


def test_the_latest_ones_are_kept_in_whichever_order_they_come() -> None:
    many = [told(f"{number:03}", 6 * number / 100) for number in range(100)]
    random.Random(1).shuffle(many)
    account = heard(*many)
    assert sorted(account.contacts) == [f"{number:03}" for number in range(MOST_CONTACTS)]
    assert account.contacts_7d(NOW) == MOST_CONTACTS


def test_contacts_of_another_id_are_added_once() -> None:
    account, other = heard(told("a", 1)), heard(told("a@x", 2), told("b@x", 3))
    for _ in range(2):
        merge(account, other, NOW)
    assert account.contacts_7d(NOW) == 3


def test_an_account_that_knows_no_contacts_is_read() -> None:
    """As an earlier version stored it."""
    former = msgpack.encode([{}, {}, {}, {}, 0, 0, 3, 4, 5])
    assert msgpack.decode(former, type=Account) == Account(first=3, last=4, leaves=5)


def test_a_contact_takes_little_room() -> None:
    empty, one = msgpack.encode(Account()), msgpack.encode(heard(told("8letters", 1)))
    assert len(one) - len(empty) <= 38
