"""What is stored of the facts about one thing, or about a customer, as `crm.things.merging` merges them.

A list of `Kept`. Of a thing it is JSON, in a list with the time of the latest fact, under `keys.thing`; of a customer
it is the field `record` of its state, in msgpack. A field is in one fact only, that which prevails. Most fields are
stored under the names that servers tell, some under shorter ones: see `stored_name`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from wakeline.kept import Kept
from wakeline.vocabulary.fields import AMOUNTS

EARLIEST = "<"  # such as the time at which an order was paid
BOUGHT = f"{EARLIEST}b"  # the earliest time (ms) that a purchase says
BEGAN = f"{EARLIEST}t"  # the earliest time (ms) at which a contact or a service order was told
CAME_IN, WENT_OUT = f"{EARLIEST}in", f"{EARLIEST}out"  # the earliest time (ms) at which a contact had that direction
MONEY = "$"  # whole minor units of the fact's CURRENCY, alone or in a list
CURRENCY = "c"  # stays with the amounts of its fact, and never takes the place of another
A_REFUND = f"{MONEY}r"  # prefix of the stored name of a refund, which ends with a hash of its id
NAMED = ":"  # within the name of a trait, a preference or a tag: "<kind>:<name>"
TRAIT, TAGGED, TOPIC, CHANNEL = (f"{kind}{NAMED}" for kind in ("trait", "tag", "topic", "channel"))
RANK_OF_PAGES, RANK_OF_OTHERS = 0, 1  # what a page says without its server's signature never replaces anything else
CUSTOMER = "@"  # whom a server or an import names; "": who was erased
CLAIM = f"{EARLIEST}@"  # whom visitors name: [0 if signed else 1, ms of the purchase, -number of the claim, customer]
VISITOR = f"{EARLIEST}~"  # whose page told it: [0 if signed else 1, ms of the purchase, visitor]
FORMER_VISITOR = "~"  # of earlier versions, which also had a page's customer in CUSTOMER

SHORT = {
    "value": "v", "tax": "t", "shipping": "s", "discount": "d", "cost": "k", "price": "p", "value_before": "b",
    "items": "i", "parts": "i", "currency": CURRENCY, "coupon": "k", "channel": "h", "name": "n", "categories": "g",
    "stock": "q",
}  # fmt: skip
"""Field of a fact -> what it is stored as, behind MONEY if it is one OF_MONEY."""
OF_MONEY = AMOUNTS | {"items", "parts"}
ITEM = (
    "item_id", "price", "quantity", "item_name", "item_category", "item_variant", "item_brand", "discount", "cost",
    "coupon", "item_category2", "item_category3", "item_category4", "item_category5",
)  # fmt: skip
"""A stored item is the list of these values, as far as the last one that is known; others that are not are null."""


def stored_name(field: str) -> str:
    short = SHORT.get(field, field)
    return f"{MONEY}{short}" if field in OF_MONEY else short


CONFIRMED, PAGE_ONLY, LEFT_OUT = range(3)
"""A server, an import or a signature told it; only a page did; only a page did, and the site counts no such orders."""


class Counted(Struct, array_like=True, omit_defaults=True, gc=False):
    """What an order is worth, and what the site's numbers have of it. Amounts are minor units of `currency`.

    `crm.commerce.worth` computes it, and `crm.commerce.counting` counts the difference to the stored one. Stored as an
    array: a new field comes last and has a default, and an order of before has that until the next fact about it.
    """

    day: str = ""  # of the order; "": it is in totals only
    currency: str = ""  # "": it has no value that counts
    value: int = 0
    taken_back: int = 0  # of the value
    margin: int | None = None  # of what was kept; None: the cost of an item is unknown
    pieces: int = 0
    pieces_back: int = 0
    standing: int = CONFIRMED  # or PAGE_ONLY, LEFT_OUT
    is_back: bool = False  # all of it, which may be worth nothing


class Served(Struct, array_like=True, omit_defaults=True, gc=False):
    """What the site's numbers have of a contact. A day is "" for what is in totals only, None where there is nothing.

    `crm.service.contacts` computes it, and counts the difference to the stored one. Stored as `Counted` is.
    """

    day: str = ""  # on which it began
    channel: str = ""
    topic: str = ""
    answered: str | None = None  # on which it got its first answer
    answer_ms: int = 0  # from its opening to that
    solved: str | None = None  # or closed
    graded: str | None = None
    grade: int = 0
    work_s: int = 0
    costs: dict[str, int] = {}  # currency -> minor units


class ThingState(Struct, array_like=True, gc=False):
    """Stored state of one thing."""

    told: list[Kept] = []
    last: int = 0  # time of the latest fact, ms, but no later than its append time; not stored where `told` says it
    counted: Counted | None = None  # of an order
    rated: tuple[str, int] | None = None  # what it costs by the site's settings, as last told: currency, minor units
    served: Served | None = None  # of a contact; an earlier version did not store it

    def latest(self) -> int:
        """Time of the latest fact of which something is left, ms; 0: of none."""
        return max((fact.time for fact in self.told), default=0)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ThingState).decode


def encode_thing(state: ThingState) -> bytes:
    last = 0 if state.last == state.latest() else state.last
    if state.served is not None:
        return _encode((state.told, last, state.counted, state.rated, state.served))
    if state.rated is not None:
        return _encode((state.told, last, state.counted, state.rated))
    if state.counted is not None:
        return _encode((state.told, last, state.counted))
    return _encode((state.told, last) if last else (state.told,))


def decode_thing(text: bytes) -> ThingState:
    state = _decode(text)
    state.last = state.last or state.latest()
    return state


def teller_of(facts: Sequence[Kept], name: str) -> Kept | None:
    """The fact that a stored field is said by; None: none says it."""
    return next((fact for fact in facts if name in fact.fields), None)


def customer_of(facts: Sequence[Kept]) -> tuple[str, int]:
    """The customer that facts name, "" for nobody, and when that was said, ms.

    What a server says comes first. Between visitors a signed purchase comes before an unsigned one, then the earlier;
    of one visitor the newer claim counts. So it is the same in whichever order they come.
    """
    said = teller_of(facts, CUSTOMER)
    claim = teller_of(facts, CLAIM)
    if claim is not None and (said is None or (said.rank == RANK_OF_PAGES and _comes_first(claim.fields[CLAIM], said))):
        return claim.fields[CLAIM][-1], claim.time
    return ("", 0) if said is None else (said.fields[CUSTOMER], said.time)


def visitor_of(facts: Sequence[Kept]) -> str:
    """The visitor that the pages' facts name, by the same rule; "" for nobody."""
    found, former = value_of(facts, VISITOR), teller_of(facts, FORMER_VISITOR)
    if found and (former is None or _comes_first(found, former)):
        return str(found[-1])
    return former.fields[FORMER_VISITOR] if former is not None else ""


def _comes_first(named: Sequence[Any], former: Kept) -> bool:
    """Whether what is stored as CLAIM or VISITOR comes before what an earlier version stored of a page."""
    return [*named[:2]] <= [int(former.rank == RANK_OF_PAGES), former.time]


def value_of(facts: Sequence[Kept], name: str) -> Any:
    """What is said in a stored field; None: nothing is."""
    fact = teller_of(facts, name)
    return None if fact is None else fact.fields[name]
