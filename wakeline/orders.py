"""The order that the facts about it make, as rules count it; `thing_fields` has the one that applications read.

Each refund is a field of its own. Those that pages tell without a signature stand only as long as nobody else speaks of
the order: anybody can make them up, who has the number of an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wakeline.kept import Kept
from wakeline.told import A_REFUND, BOUGHT, CURRENCY, EARLIEST, customer_of, stored_name, visitor_of
from wakeline.vocabulary.fields import ORDER_STATES

ALL = True  # as a stored refund: all of the order
VALUE, ITEMS, COUPON = map(stored_name, ("value", "items", "coupon"))
STATES = tuple((state, f"{EARLIEST}{state}") for state in ORDER_STATES)


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
    coupon: str = ""
    bought: int = 0  # ms: the earliest time that a purchase says; 0: nobody has said what was bought


def order(told: Sequence[Kept]) -> Order:
    """The order that these facts make."""
    said: dict[str, Kept] = {}  # stored field -> the fact that says it; a currency is that of its fact
    refunds = []
    highest = 0
    for fact in told:
        if fact.rank > highest:
            highest = fact.rank
        for name, value in fact.fields.items():
            said[name] = fact
            if name.startswith(A_REFUND):
                refunds.append((fact.rank, Refund(*read_refund(value), fact.fields.get(CURRENCY, ""), fact.time)))
    bought = said.get(VALUE)
    currency = bought.fields.get(CURRENCY, "") if bought is not None else ""
    listed = said.get(ITEMS)
    is_in_it = listed is not None and (bought is None or listed.fields.get(CURRENCY, currency) == currency)
    earliest = _said(said, BOUGHT)
    return Order(
        value=bought.fields[VALUE] if bought is not None else None,
        currency=currency,
        items=listed.fields[ITEMS] if listed is not None and is_in_it else [],
        customer=customer_of(told)[0],
        visitor=visitor_of(told),
        states={state: said[name].fields[name] for state, name in STATES if name in said},
        refunds=[refund for rank, refund in refunds if rank == highest],
        coupon=_said(said, COUPON) or "",
        bought=earliest or (bought.time if bought is not None else 0),
    )


def _said(said: Mapping[str, Kept], name: str) -> Any:
    fact = said.get(name)
    return None if fact is None else fact.fields[name]
