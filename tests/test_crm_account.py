"""A customer's account: bookings that are told again, in any order, and the sums of those that are not kept."""

from __future__ import annotations

import random

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from crm.identity.account import book, merge
from wakeline.account import (
    MOST_COSTS,
    MOST_CURRENCIES,
    MOST_ORDERS,
    MOST_SUM,
    YEAR_MS,
    Account,
    Booked,
    Booking,
    Sums,
    moment_of,
)
from wakeline.durations import DAY_MS
from wakeline.vocabulary.money import FACTORS

NOW = 1_700_000_000_000


def sale(days_ago: float, value: int = 1_000, *, told: int = 1, margin: int | None = 400) -> Booking:
    return Booking(told=told, time=NOW - int(days_ago * DAY_MS), currency="EUR", value=value, margin=margin, orders=1)


def test_a_booking_that_is_told_again_changes_nothing() -> None:
    account = Account()
    assert book(account, [Booked("#a", False, sale(1))], NOW)
    assert not book(account, [Booked("#a", False, sale(1, told=9), sale(1))], NOW)
    assert account.all_time() == {"EUR": Sums(orders=1, value=1_000, margin=400)}


def test_an_older_telling_that_comes_by_another_way_and_late_changes_nothing() -> None:
    account = Account()
    book(account, [Booked("#a", False, sale(1, 700, told=5), sale(1))], NOW)
    book(account, [Booked("#a", False, Booking(told=3), sale(1))], NOW)
    assert account.all_time()["EUR"].value == 700


def test_what_comes_to_nothing_is_gone() -> None:
    account = Account()
    book(account, [Booked("#a", False, sale(1))], NOW)
    assert book(account, [Booked("#a", False, Booking(told=2), sale(1))], NOW)
    assert account.all_time() == {}
    assert account.bought() == []


def test_the_last_365_days() -> None:
    account = Account()
    book(account, [Booked("#a", False, sale(364)), Booked("#b", False, sale(366))], NOW)
    book(account, [Booked("#c", True, Booking(1, NOW - DAY_MS, "EUR", cost=50))], NOW)
    assert account.year(NOW) == {"EUR": Sums(orders=1, value=1_000, margin=400, cost=50)}
    assert account.all_time()["EUR"].profit == 750
    assert account.ranks("EUR", NOW) == (2_000, 750, 1_000, 350)
    leaves = account.leaves
    assert leaves == NOW + DAY_MS
    assert account.year(leaves - 1)["EUR"].orders == 1
    assert account.year(leaves)["EUR"].orders == 0
    assert account.ranks("EUR", leaves) == (2_000, 750, 0, -50)
    assert account.leaves == NOW - DAY_MS + YEAR_MS
    account.ranks("EUR", NOW + YEAR_MS)
    assert account.leaves == 0


def test_older_orders_are_in_sums_which_a_late_refund_changes() -> None:
    account = Account()
    orders = {f"#{number:03d}": sale(200 - number) for number in range(MOST_ORDERS + 3)}
    for id, one in orders.items():
        book(account, [Booked(id, False, one)], NOW)
    assert sorted(account.orders) == sorted(orders)[3:]
    count = len(orders)
    assert account.all_time() == {"EUR": Sums(orders=count, value=1_000 * count, margin=400 * count)}
    assert account.first == NOW - 200 * DAY_MS
    first = orders["#000"]
    refunded = replace(first, value=0, margin=-600, orders=0, told=2)
    assert book(account, [Booked("#000", False, refunded, first)], NOW)
    left = count - 1
    assert account.all_time() == {"EUR": Sums(orders=left, value=1_000 * left, margin=400 * left - 600)}
    assert account.year(NOW) == account.all_time()
    assert not book(account, [Booked("#000", False, refunded, refunded)], NOW)  # told again


def test_the_time_of_an_order_that_leaves_the_sums_is_not_shown() -> None:
    account = Account()
    for number in range(MOST_ORDERS + 2):
        book(account, [Booked(f"#{number:03d}", False, sale(200 - number))], NOW)
    assert (account.first, account.last) == (NOW - 200 * DAY_MS, NOW - 199 * DAY_MS)
    book(account, [Booked("#000", False, Booking(told=2), sale(200))], NOW)
    assert (account.first, account.last) == (0, NOW - 199 * DAY_MS)
    for number in range(MOST_COSTS + 1):
        cost = Booking(1, NOW - (199 - number) * DAY_MS, "EUR", cost=10)
        book(account, [Booked(f"#{number:03d}", True, cost)], NOW)
    assert book(account, [Booked("#000", True, Booking(told=2), replace(sale(199), value=0, orders=0, cost=10))], NOW)
    assert account.last == NOW - 199 * DAY_MS  # a return's cost has the time of its order


def test_what_is_told_in_one_moment_as_the_last_bits_of_offsets_begin_again_is_later() -> None:
    account, last = Account(), 2**21 - 1
    book(account, [Booked("#a", False, sale(1, 5, told=moment_of(NOW, last)))], NOW)
    book(account, [Booked("#a", False, sale(1, 6, told=moment_of(NOW, last + 1)))], NOW)
    assert account.all_time()["EUR"].value == 6
    book(account, [Booked("#a", False, sale(1, 7, told=moment_of(NOW, last - 9)))], NOW)
    assert account.all_time()["EUR"].value == 6


def test_an_order_that_an_erasure_took_out_is_told_again_as_a_whole() -> None:
    """It says what it had told before; but a new account has no sums that it could be in."""
    account = Account()
    book(account, [Booked("#a", False, sale(3, 700, told=4), sale(3, 1_000))], NOW)
    assert account.all_time()["EUR"].value == 700


def test_a_cost_among_the_sums_whose_time_moves_later_counts_once() -> None:
    """As that of a contact without states, whose earliest fact says nothing any more."""
    account = Account()
    first, *others = (Booking(1, NOW + number, "EUR", cost=10) for number in range(MOST_COSTS + 1))
    for number, one in enumerate((first, *others)):
        book(account, [Booked(f"#{number}", True, one)], NOW)
    was = first
    for step in range(1, 4):
        now = replace(first, told=1 + step, time=NOW + 100 * step, cost=10 + step)
        book(account, [Booked("#0", True, now, was)], NOW)
        was = now
    assert account.all_time()["EUR"].cost == 10 * len(others) + was.cost


def test_sums_beyond_64_bits_stay_what_can_be_stored() -> None:
    account = Account()
    for number in range(MOST_ORDERS + 3):
        one = Booking(1, NOW + number, "CLF", value=1, discount=2**62, cost=2**62, orders=1)
        book(account, [Booked(f"#{number:03}", False, one)], NOW)
    assert msgpack.decode(msgpack.encode(account), type=Account) == account
    assert account.all_time()["CLF"] == Sums(67, 67, 0, 67, MOST_SUM, MOST_SUM)


def test_days_of_sums_end_after_a_year() -> None:
    account = Account()
    for number in range(MOST_COSTS + 1):
        book(account, [Booked(f"#{number:02d}", True, Booking(1, NOW + number, "EUR", cost=10))], NOW)
    assert list(account.days) == [NOW // DAY_MS]
    later = NOW + YEAR_MS + 2 * DAY_MS
    assert account.year(later) == {}
    book(account, [Booked("#x", False, sale(-360))], later)
    assert not account.days
    assert account.all_time()["EUR"].cost == 10 * (MOST_COSTS + 1)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_order_things_tell_in_the_sums_are_the_same(seed: int) -> None:
    """Each thing tells in order. More than are kept, told several times, by two ids of one customer."""
    rng = random.Random(seed)
    told: dict[str, list[Booked]] = {}
    for number in range(MOST_ORDERS + 30):
        was: Booking | None = None
        for step in range(rng.randint(1, 4)):
            now = Booking(told=step) if rng.random() < 0.2 else sale(
                number % 90 * 8, rng.randint(0, 900), told=step, margin=rng.choice((None, 5))
            )  # fmt: skip
            now = replace(now, discount=rng.randint(0, 9), cost=rng.randint(0, 9)) if now.currency else now
            told.setdefault(f"#{number}", []).append(Booked(f"#{number}", False, now, was))
            was = now
    wanted: dict[str, Sums] = {}
    for one in told.values():
        alone = Account()
        book(alone, one, NOW)
        for currency, sums in alone.all_time().items():
            wanted.setdefault(currency, Sums()).add(sums)
    ways = [[Account(), Account()] for _ in range(2)]
    for accounts in ways:
        left = {id: list(one) for id, one in told.items()}
        while left:
            id = rng.choice(list(left))
            book(accounts[int(id[1:]) % 2], [left[id].pop(0)], NOW)
            if not left[id]:
                del left[id]
        merge(accounts[0], accounts[1], NOW)
    assert ways[0][0].all_time() == ways[1][0].all_time() == wanted
    assert ways[0][0].year(NOW) == ways[1][0].year(NOW)
    total, year = (sums["EUR"] for sums in (wanted, ways[0][0].year(NOW)))
    assert ways[0][0].ranks("EUR", NOW) == (total.value, total.profit, year.value, year.profit)
    assert ways[0][0].ranks("USD", NOW) == (0, 0, 0, 0)


def test_sums_of_days_are_in_few_currencies() -> None:
    """Each day has those of its own, and anybody can make up a page's order in any currency."""
    account = Account()
    for number, currency in enumerate(sorted(FACTORS) * 2):
        booked = replace(sale(number / 9), currency=currency)
        book(account, [Booked(f"#{number:03d}", False, booked)], NOW)
    assert len(account.older) > 100
    assert len({currency for sums in account.days.values() for currency in sums}) == MOST_CURRENCIES
    assert len(msgpack.encode(account)) < 16_000
    assert sum(sums.orders for sums in account.all_time().values()) == 2 * len(FACTORS)


def test_it_is_stored_and_read_again() -> None:
    account = Account()
    for number in range(MOST_ORDERS + 2):
        book(account, [Booked(f"#{number}", False, sale(number))], NOW)
    assert msgpack.decode(msgpack.encode(account), type=Account) == account
