"""A customer: its stored state, and its form in the worker's cache. Of a visitor: the turns of those it belonged to."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from crm.interests.state import Interests
from wakeline.account import RANKS, Account
from wakeline.durations import DAY_MS
from wakeline.kept import Kept
from wakeline.record import CustomerShare
from wakeline.stored_state import PART, is_json, renamed
from wakeline.told import RANK_OF_PAGES

STORED_COUNTS = {"visits": "v", "page_views": "V", "engaged_ms": "g", "events": "n"}
"""Count -> its stored name, also in a visitor's state."""
STORED_CUSTOMER = {
    "visitors": "v", "counts": "c", "first_seen": "F", "last_seen": "L", "source": "s", "erased": "e", "heard": "h",
    "first_heard": "H", "withdrawn": "w", "withdrawn_everywhere": "W", "returned": "R", "facts": "x", "since": "S",
    **PART,
}  # fmt: skip
"""Field of a customer's state -> its stored name."""


class Turn(Struct, array_like=True, gc=False):
    """From when on a browser belonged to a customer, until the next turn. See `crm.identity.turns`."""

    began: int  # time of its identify, ms
    customer: str = ""  # "": nobody
    named: int = 0  # time of the latest identify that repeated it, ms

    @property
    def latest(self) -> int:
        """Time (ms) of its latest identify."""
        return max(self.began, self.named)


class Lately(Struct, array_like=True, gc=False):
    """What one record of a visitor added lately, and how its customer was told of it."""

    time: int  # when it happened, ms; 0: all that came before the first identify
    at: int  # append time, ms
    linked: int  # of the share, ms
    counts: dict[str, int] = {}
    interests: dict[str, float] = {}
    since: int = 0  # of the share, ms; 0: `time`


class CustomerState(Struct, omit_defaults=True, gc=False, rename=STORED_CUSTOMER):
    """Stored state of one customer: the page part, sums over the visitors linked to it, and the record.

    The page part is what browsers told; the record what servers and imports told, and things that name the customer:
    see `crm.identity.record`. `first_seen` is of both. The list `record` also holds what pages said was agreed to:
    that is of the page part.
    """

    visitors: list[str] = []  # that this id lists, also an alias; a list that was full once ends with the latest
    counts: dict[str, int] = {}  # by their stored names, see `named_counts`
    first_seen: int = 0
    last_seen: int = 0
    source: str = ""
    erased: int = 0  # see VisitorState
    heard: int = 0  # time (ms) of the latest fact about it, or about a thing that names it
    first_heard: int = 0  # of the earliest, ms; 0: none, or an earlier version did not store it
    withdrawn: int = 0  # up to when consent was withdrawn on a browser, ms: what is older enters no page part
    withdrawn_everywhere: int = 0  # up to when a server said so for all browsers, ms
    record: list[Kept] = []
    returned: int = 0  # time (ms) of the fact that said so, after an erasure or before one of an alias is heard of
    facts: str = ""  # see `crm.things.digests`; it survives erasure
    since: int = 0  # of what is in the page part, the earliest event or link, ms; 0: `first_seen`
    into: str = ""  # the smaller id that keeps all that is known of this one; "": this one does. It survives erasure
    aliases: list[str] = []  # greater ids that keep it here; they survive erasure
    account: Account | None = None  # what it bought, and what it cost; None: nothing

    @property
    def last(self) -> int:
        """When it was last heard of, by event time, ms."""
        return max(self.last_seen, self.heard)

    def shown(self) -> tuple[object, ...]:
        """All that the profile shows of it; empty: there is no profile."""
        if not self.first_seen:
            return ()
        return self.first_seen, self.last, self.source, *self.visitors, 0, *self.aliases, *self.counts.items()

    def named_counts(self) -> dict[str, int]:
        """The counts by their names."""
        return {_COUNTS.get(short, short): count for short, count in self.counts.items()}


encode_customer = msgspec.msgpack.Encoder().encode  # the state as it is stored
_unpack = msgspec.msgpack.Decoder(CustomerState).decode
_COUNTS = {short: name for name, short in STORED_COUNTS.items()}


def decode_customer(stored: bytes) -> CustomerState:
    """A stored state of a customer; those of earlier versions are JSON with longer names.

    Raises msgspec.MsgspecError.
    """
    return _former(stored) if is_json(stored) else _unpack(stored)


def _former(stored: bytes) -> CustomerState:
    told = renamed(stored, STORED_CUSTOMER)
    counts = told.pop(STORED_CUSTOMER["counts"], {})
    state = msgspec.convert(told, CustomerState)
    state.counts = {STORED_COUNTS.get(name, name): count for name, count in counts.items()}
    return state


def began(share: CustomerShare) -> int:
    """Time (ms) of its event or of its link, whichever is earlier: an erasure of then refuses it."""
    return min(share.linked or share.since, share.since)


class Customer:
    """One customer in the worker's cache."""

    __slots__ = (
        "erased",
        "has_new_deadlines",
        "highest",
        "id",
        "interests",
        "ranks",
        "renewed",
        "scheduled",
        "shown",
        "site",
        "state",
        "tombstone",
        "wipe",
    )

    def __init__(self, site: str, id: str, state: CustomerState, scores: dict[str, float], tombstone: int) -> None:
        self.site = site
        self.id = id
        self.state = state
        self.interests = Interests(scores)
        self.tombstone = tombstone
        self.erased = max(tombstone, state.erased)
        self.scheduled = 0  # see `crm.out.Person`
        self.renewed = state.last // DAY_MS if state.first_seen else 0  # day from which its profile lives; 0: none
        self.shown = state.shown()  # as the profile has it
        self.wipe = False
        self.ranks: tuple[int, ...] | None = None  # by each of `account.RANKS`; None: as they were
        self.highest: tuple[int, ...] | None = None  # of the former and the present ones; None: not known
        self.has_new_deadlines = False  # the current record changed its deadlines

    def forget(self, upto: int) -> None:
        """Drop all that is known, up to time `upto` (ms) for good."""
        was = self.state
        self.end()
        self.state.into, self.state.aliases = was.into, was.aliases
        self.state.erased = upto
        self.state.withdrawn = was.withdrawn if was.withdrawn > upto else 0
        self.state.withdrawn_everywhere = was.withdrawn_everywhere if was.withdrawn_everywhere > upto else 0
        self.erased, self.tombstone = upto, max(upto, self.tombstone)

    def cover(self, upto: int) -> None:
        """Keep what is older out from now on; nothing is known of before `upto` (ms)."""
        self.state.erased = self.erased = upto
        self.tombstone = max(upto, self.tombstone)

    def end_page_part(self) -> None:
        """Drop what browsers told, in the record too."""
        state = self.state
        state.record = [kept for kept in state.record if kept.rank != RANK_OF_PAGES]
        state.visitors, state.counts, state.source = [], {}, ""
        state.last_seen = state.since = 0
        if state.heard:
            first = state.first_heard or min([kept.time for kept in state.record], default=state.heard)
            state.first_seen = min(first, state.heard)
        else:
            state.first_seen = 0
        self.interests.clear()
        self.wipe = self.has_new_deadlines = True

    def end_record(self) -> None:
        """Drop what others than browsers told, but for when they first did."""
        state = self.state
        state.record, state.returned, state.heard, state.account = [], 0, 0, None
        self.unrank()
        state.first_seen = (state.since or state.first_seen) if state.last_seen else 0
        self.wipe = self.wipe or not state.first_seen
        self.has_new_deadlines = True

    def add(self, share: CustomerShare) -> None:
        """Add to the page part; of what is taken back, whose first and last times stay, only the amounts count."""
        state = self.state
        for field, count in share.counts.items():
            short = STORED_COUNTS.get(field, field)
            state.counts[short] = state.counts.get(short, 0) + count
        if share.taken_back:
            for name, amount in share.interests.items():
                self.interests.take(name, -amount)
            return
        if share.interests:
            self.interests.add_all(share.interests)
        if not state.last_seen or state.since:  # else an earlier version did not store it
            state.since = min(state.since or began(share), began(share))
        state.first_seen = min(state.first_seen or share.first_seen, share.first_seen)
        if share.last_seen > state.last_seen:
            state.last_seen = share.last_seen
            if share.interests or share.counts:  # else a link is only told again, without a visit
                state.source = share.source
        elif share.last_seen == state.last_seen:
            state.source = max(state.source, share.source)

    def hear(self, first: int, last: int) -> None:
        """Note that others than browsers told of it, at these times (ms)."""
        state = self.state
        state.first_heard = min(state.first_heard or first, first)
        state.first_seen = min(state.first_seen or first, first)
        state.heard = max(state.heard, last)

    def unrank(self) -> None:
        self.ranks, self.highest = (0,) * len(RANKS), None

    def end(self) -> None:
        """Drop all that is known."""
        self.state = CustomerState(facts=self.state.facts)
        self.unrank()
        self.interests.clear()
        self.wipe = self.has_new_deadlines = True
