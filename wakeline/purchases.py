"""What a customer bought and what it cost, as applications read it, from its stored account and its record."""

from __future__ import annotations

from collections.abc import Mapping

from wakeline.account import Account, Sums, of_currency
from wakeline.profile_fields import Earned, Purchases, Record
from wakeline.thing_fields import moment
from wakeline.vocabulary.money import major_units, minor_units


def read_purchases(account: Account | None, record: Record | None, now: int) -> Purchases | None:
    """None: nothing was bought, and nothing cost anything. `now` (ms since 1970) ends the last 365 days."""
    account = account or Account()
    all_time = account.all_time()
    orders = sum(sums.orders for sums in all_time.values())
    if record is not None:
        orders += record.orders_before or 0
        if record.value_before and record.currency:
            before = minor_units(record.value_before, record.currency, negative=True)
            of_currency(all_time, record.currency).add(Sums(value=before, unknown=before))
    if not orders and not any(map(_is_something, all_time.values())):
        return None
    times = account.bought()
    first = min(filter(None, (account.first, *times[-1:])), default=0)
    last = max((account.last, *times[:1]))
    return Purchases(
        orders=orders,
        first=moment(first) if first else None,
        last=moment(last) if last else None,
        times=tuple(map(moment, times)),
        all_time=_earned(all_time),
        year=_earned(account.year(now)),
    )


def _is_something(sums: Sums) -> bool:
    return sums != Sums()


def _earned(by_currency: Mapping[str, Sums]) -> tuple[Earned, ...]:
    kept = [(currency, sums) for currency, sums in by_currency.items() if _is_something(sums)]
    kept.sort(key=lambda one: (-one[1].value, one[0]))
    return tuple(
        Earned(
            currency=currency,
            orders=sums.orders,
            revenue=major_units(sums.value, currency),
            margin=major_units(sums.margin, currency),
            revenue_of_unknown_margin=major_units(sums.unknown, currency),
            discount=major_units(sums.discount, currency),
            cost_to_serve=major_units(sums.cost, currency),
            profit=major_units(sums.profit, currency),
        )
        for currency, sums in kept
    )
