"""What many facts say of one thing or person, merged field by field. The order in which they come does not matter.

Of each field there is one value: that of the fact with the higher rank, then the later time, then the greater digest.
Of a field whose name begins with EARLIEST it is the smallest value. A fact is kept with the fields in which it
prevails; one that prevails in none leaves no trace.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

Fields = dict[str, Any]

EARLIEST = "<"  # such as the time at which an order was paid
MONEY = "$"  # whole minor units of the fact's CURRENCY, alone or in a list
CURRENCY = "c"  # stays with the amounts of its fact, and never takes the place of another
MOST_FACTS = 256  # that are kept of one thing or person; a refund is one
MOST_BYTES = 131_072  # of these, as JSON; the last one is never longer than `record.MOST_FACT_BYTES`

_encode = msgspec.json.Encoder().encode


class Told(Struct, array_like=True, gc=False):
    """What is left of one fact."""

    digest: str  # see `crm.things.digests`
    rank: int  # of who said it: 0 a page, 1 others, also by their signature on a page
    time: int  # ms since 1970, as it was said
    fields: Fields

    @property
    def stamp(self) -> tuple[int, int, str]:
        return self.rank, self.time, self.digest


def merge(facts: list[Told], new: Told) -> int:
    """Add a fact to those of one thing or person, which stay in the order of their stamps. Returns how many had to go.

    Beyond MOST_FACTS and MOST_BYTES those with the smallest stamps go, with all that they say.
    """
    if not facts:
        facts += [new] if says_something(new) else []
        return 0
    for name, value in list(new.fields.items()):
        former = None if name == CURRENCY else next((fact for fact in facts if name in fact.fields), None)
        if former is None:
            continue
        if name.startswith(EARLIEST):
            prevails = (value, new.stamp) < (former.fields[name], former.stamp)
        else:
            prevails = new.stamp > former.stamp
        del (former if prevails else new).fields[name]
    kept = [fact for fact in (*facts, new) if says_something(fact)]
    kept.sort(key=lambda fact: fact.stamp)
    facts[:] = kept[-MOST_FACTS:]
    while len(facts) > 1 and len(_encode(facts)) > MOST_BYTES:
        del facts[0]
    return len(kept) - len(facts)


def says_something(fact: Told) -> bool:
    """Whether anything is left of a fact; a currency alone is not."""
    if CURRENCY in fact.fields and not any(name.startswith(MONEY) for name in fact.fields):
        del fact.fields[CURRENCY]
    return bool(fact.fields)


def value_of(facts: list[Told], name: str) -> Any:
    """What is said in a field; None: nothing is."""
    return next((fact.fields[name] for fact in facts if name in fact.fields), None)
