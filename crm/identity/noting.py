"""Each lane notes which of its visitors belong to a customer, in the set of what names it: an erasure finds them all.

A visitor is noted with whom it is linked to, and stays so when the browser becomes another customer's, as what it did
before is in its profile. It is taken out when that profile is forgotten or ends, and when the link does.

It knows since when, by append time: an `Unlink` is for those that were noted before, so that one that is sent again,
by a lane that is folded again, reaches nobody who came after the first. As clocks of lanes may differ, it is also for
those with a turn of up to its time that have not heard of it. Who heard of an end and stays noted knows its place:
one that is not later is sent again; a later one is another, also of the same moment.
"""

from __future__ import annotations

from crm.identity.turns import MAX_TURNS, former
from crm.out import Out
from crm.state import Visitor

MOST_NOTED = MAX_TURNS + 1  # customers that a visitor knows of, the latest; it stays noted with others until they end


def note(visitor: Visitor, out: Out, customer: str, *, since: int = 0) -> None:
    """Note a visitor with its customer, `since` now or an append time (ms)."""
    noted = visitor.state.noted
    if customer not in noted:
        out.naming[visitor.site, customer][visitor.id] = True
    elif next(reversed(noted)) == customer:
        return
    since = noted.pop(customer, since or out.now)
    if len(noted) == MOST_NOTED:
        first = next(iter(noted))
        del noted[first]
        visitor.state.ends.pop(first, None)
    noted[customer] = since


def take_out(visitor: Visitor, out: Out, *customers: str) -> None:
    """Note a visitor with these customers no more."""
    for customer in customers:
        out.naming[visitor.site, customer][visitor.id] = False
        visitor.state.noted.pop(customer, None)
        visitor.state.ends.pop(customer, None)


def take_out_of_all(visitor: Visitor, out: Out) -> None:
    """Note a visitor no more with any customer that it knows of."""
    take_out(visitor, out, *dict.fromkeys((*visitor.state.noted, *former(visitor.state))))
