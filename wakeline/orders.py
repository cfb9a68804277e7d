"""The order that the facts about it make, as rules count it; `thing_fields` has the one that applications read.

Each refund is a field of its own. Those that pages tell stand only until somebody else speaks of the order's refunds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from wakeline.kept import Kept
from wakeline.told import A_REFUND, CURRENCY, CUSTOMER, EARLIEST, VISITOR, stored_name, teller_of, value_of
from wakeline.vocabulary.fields import ORDER_STATES

ALL = True  # as a stored refund: all of the order
VALUE, ITEMS = stored_name("value"), stored_name("items")


class Refund(NamedTuple):
    """A refund that stands. Items are as they are stored, see `told.ITEM`."""

    value: int | None  # minor units; None: it is worth its items, or all of the order if it lists none
    items: list[list[Any]]  # the goods that came back
    currency: str  # "": the order's
    time: int  # ms

    @property
    def is_whole(self) -> bool:
        return self.value is None and not self.items


def stored_refund(value: int | None, items: list[list[Any]]) -> Any:
    """A refund as it is stored: an amount; items; a list of an amount and items; or ALL, with neither."""
    if value is None:
        return items or ALL
    return [value, *items] if items else value


def read_refund(stored: Any) -> tuple[int | None, list[list[Any]]]:
    """Amount and items of what `stored_refund` made."""
    if not isinstance(stored, list):
        return (None if stored is ALL else stored), []
    return (None, stored) if isinstance(stored[0], list) else (stored[0], stored[1:])


class Order(NamedTuple):
    """An order as it is now. Items that are told in another currency than its value are left out."""

    value: int | None  # minor units of `currency`; None: nobody has said what was bought
    currency: str
    items: list[list[Any]]  # see `told.ITEM`
    customer: str  # "": nobody
    visitor: str
    states: dict[str, int]  # the states that it has been in -> since when, ms
    refunds: list[Refund]


def order(told: Sequence[Kept]) -> Order:
    """The order that these facts make."""
    bought = teller_of(told, VALUE)
    refunds = [
        (fact.rank, Refund(*read_refund(value), fact.fields.get(CURRENCY, ""), fact.time))
        for fact in told
        for name, value in fact.fields.items()
        if name.startswith(A_REFUND)
    ]
    currency = bought.fields.get(CURRENCY, "") if bought else ""
    listed = teller_of(told, ITEMS)
    is_in_it = listed is not None and (bought is None or listed.fields.get(CURRENCY, currency) == currency)
    highest = max((rank for rank, _ in refunds), default=0)
    return Order(
        value=bought.fields[VALUE] if bought else None,
        currency=currency,
        items=listed.fields[ITEMS] if listed is not None and is_in_it else [],
        customer=value_of(told, CUSTOMER) or "",
        visitor=value_of(told, VISITOR) or "",
        states={state: at for state in ORDER_STATES if (at := value_of(told, f"{EARLIEST}{state}"))},
        refunds=[refund for rank, refund in refunds if rank == highest],
    )
