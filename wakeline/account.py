"""What a customer bought and what it cost, as it is stored in its state: its account; and when it was contacted.

Each order, and all else that costs something to serve the customer, has a booking: what it comes to now, so that to be
told again changes nothing. The latest ones are kept one by one, older ones only as sums. Of the contacts of ours that
reached the customer those of the last days are kept one by one, and nothing of older ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from wakeline.durations import DAY_MS

MOST_ORDERS = 64  # that are kept one by one
MOST_COSTS = 16
MOST_CURRENCIES = 4  # in the sums of days; in others only sums of all time are kept beyond the latest bookings
MOST_CONTACTS = 64  # the latest ones
YEAR_MS = 365 * DAY_MS
CONTACTS_MS = 7 * DAY_MS  # before now: the contacts that readers count
CONTACTS_KEPT_MS = CONTACTS_MS + DAY_MS  # of log time
OFFSET_BITS = 21  # so that a moment has 63
OFFSETS = (1 << OFFSET_BITS) - 1
MOST_SUM = 2**63 - 1  # minor units, or orders, of a currency: what is stored has no more bits

RANKS = {
    "value": "value of all orders, with what lies before those that were told",
    "profit": "profit of all time",
    "value-year": "value of the orders of the last 365 days",
    "profit-year": "profit of the last 365 days",
}
"""What customers are ranked by, in the site's main currency: see `Account.ranks` and `thing_keys.ThingKeys.best`."""
MOST_RANKED = 1_000  # customers in each list of one lane


class Booking(Struct, array_like=True, frozen=True, gc=False):
    """What one thing comes to. Amounts are minor units of `currency`; without one it is nothing, or no longer."""

    told: int = 0  # when, see `moment_of`: what was told earlier is out of date
    time: int = 0  # when it was bought, or happened, ms
    currency: str = ""
    value: int = 0  # of an order, what was kept of it
    margin: int | None = None  # of an order; None: it is not known
    discount: int = 0  # of an order, what was taken off before
    cost: int = 0  # to serve the customer
    orders: int = 0  # 1: an order of which something was kept
    since: int = 0  # when the customer was said to be the one, ms: an erasure of later takes it

    def is_same(self, other: Booking) -> bool:
        """Whether it comes to the same, whenever it was told."""
        return (self.time, self.currency, *_amounts(self)) == (other.time, other.currency, *_amounts(other))


def moment_of(now: int, offset: int) -> int:
    """When a thing tells a booking: the append time (ms) of the record, with the last bits of its offset.

    So it is known which of two is later, see `is_later`, also where a log continues another one.
    """
    return (now << OFFSET_BITS) + (offset & OFFSETS)


def is_later(moment: int, other: int) -> bool:
    """Whether one moment of a lane is later than another. In one millisecond no lane gets a million records."""
    if moment >> OFFSET_BITS != other >> OFFSET_BITS:
        return moment > other
    return 0 < (moment - other) & OFFSETS <= OFFSETS >> 1


class Booked(Struct, array_like=True, gc=False):
    """What a thing tells its customer of a booking."""

    id: str  # of the thing, for some of its costs with a suffix; of what another id passes on also with that id's
    is_cost: bool
    now: Booking
    was: Booking | None = None  # as it was told before; None: it was not


class Contact(Struct, array_like=True, frozen=True, gc=False):
    """When a mail, a letter, a call or a message of ours reached the customer."""

    told: int = 0  # see `Booking`
    time: int = 0  # when it was sent, or began, ms; 0: it did not reach the customer, or reached another one
    since: int = 0  # see `Booking`


class Contacted(Struct, array_like=True, gc=False):
    """What a thing tells its customer of a contact."""

    id: str  # a hash of the thing's; of what another id passes on also with that id's
    now: Contact
    was: int = 0  # its `time` as it was told before, ms; 0: it was not


class Sums(Struct, array_like=True, gc=False):
    """Sums over bookings in one currency, minor units."""

    orders: int = 0
    value: int = 0
    margin: int = 0  # of the orders whose margin is known
    unknown: int = 0  # value of the others
    discount: int = 0
    cost: int = 0

    def add(self, other: Sums, sign: int = 1) -> None:
        self.orders = _within(self.orders + sign * other.orders)
        self.value = _within(self.value + sign * other.value)
        self.margin = _within(self.margin + sign * other.margin)
        self.unknown = _within(self.unknown + sign * other.unknown)
        self.discount = _within(self.discount + sign * other.discount)
        self.cost = _within(self.cost + sign * other.cost)

    @property
    def profit(self) -> int:
        return self.margin - self.cost


class Account(Struct, array_like=True, gc=False):
    """All bookings of a customer. New fields come last and have a default."""

    orders: dict[str, Booking] = {}
    costs: dict[str, Booking] = {}
    older: dict[str, Sums] = {}  # currency -> sums of the bookings that are not kept any more
    days: dict[int, dict[str, Sums]] = {}  # day since 1970 -> the same of those of the last year
    orders_upto: int = 0  # ms: an order that is not kept and no later was added to the sums, if it was told before
    costs_upto: int = 0
    first: int = 0  # time of the earliest order that is not kept any more, ms; 0: none
    last: int = 0  # and of the latest
    leaves: int = 0  # when the next booking leaves the last 365 days, ms; 0: none will
    contacts: dict[str, Contact] = {}

    def all_time(self) -> dict[str, Sums]:
        """Sums of all bookings, by currency."""
        return _sums(self, 0)

    def year(self, now: int) -> dict[str, Sums]:
        """The same of the last 365 days before `now` (ms)."""
        return _sums(self, max(now - YEAR_MS, 1))

    def bought(self) -> list[int]:
        """When the orders were bought of which something was kept, ms, latest first: of those that are kept here."""
        return sorted((one.time for one in self.orders.values() if one.orders), reverse=True)

    def contacts_7d(self, now: int) -> int:
        """How many contacts of ours reached the customer in the seven days before `now` (ms), at most MOST_CONTACTS."""
        since = now - CONTACTS_MS
        return sum(one.time > since for one in self.contacts.values())

    def ranks(self, currency: str, now: int) -> tuple[int, int, int, int]:
        """By each of RANKS, minor units of a currency; notes, too, when the next booking `leaves` the last year.

        The same as by `all_time` and `year`, in one pass, as it is done with every order.
        """
        since, value, profit, value_of_year, profit_of_year = now - YEAR_MS, 0, 0, 0, 0
        first = 0
        for kept in (self.orders, self.costs):
            for one in kept.values():
                if one.currency and one.time > since and (one.time < first or not first):
                    first = one.time
                if one.currency == currency:
                    earned = (one.margin or 0) - one.cost
                    value += one.value
                    profit += earned
                    if one.time > since:
                        value_of_year += one.value
                        profit_of_year += earned
        if (sums := self.older.get(currency)) is not None:
            value += sums.value
            profit += sums.profit
        for day, by_currency in self.days.items():
            if (end := _end_of(day)) > since:
                first = min(first or end, end)
                if (sums := by_currency.get(currency)) is not None:
                    value_of_year += sums.value
                    profit_of_year += sums.profit
        self.leaves = first + YEAR_MS if first else 0
        return value, profit, value_of_year, profit_of_year


def sums_of(one: Booking) -> Sums:
    is_known = one.margin is not None
    return Sums(
        orders=one.orders,
        value=one.value,
        margin=one.margin or 0,
        unknown=0 if is_known else one.value,
        discount=one.discount,
        cost=one.cost,
    )


def of_currency(sums: dict[str, Sums], currency: str) -> Sums:
    """Those of a currency, which are added if there are none."""
    found = sums.get(currency)
    if found is None:
        found = sums[currency] = Sums()
    return found


def _sums(account: Account, since: int) -> dict[str, Sums]:
    """Of what is later than `since` (ms); 0: of all."""
    found: dict[str, Sums] = {}
    for kept in (account.orders, account.costs):
        for one in kept.values():
            if one.currency and (not since or one.time > since):
                of_currency(found, one.currency).add(sums_of(one))
    older: Iterable[dict[str, Sums]] = [account.older]
    if since:
        older = [sums for day, sums in account.days.items() if _end_of(day) > since]
    for by_currency in older:
        for currency, sums in by_currency.items():
            of_currency(found, currency).add(sums)
    return found


def _end_of(day: int) -> int:
    """The last millisecond of a day."""
    return (day + 1) * DAY_MS - 1


def _within(sum: int) -> int:
    return sum if -MOST_SUM <= sum <= MOST_SUM else MOST_SUM if sum > 0 else -MOST_SUM


def _amounts(one: Booking) -> tuple[int | None, ...]:
    return one.value, one.margin, one.discount, one.cost, one.orders
