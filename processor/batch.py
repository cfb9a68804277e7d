"""A batch: consecutive decoded records of a lane, the people and minutes they touch, and its chunks, one per call."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import msgspec
from msgspec import Struct

from crm import definitions, facts
from crm.dead import Named, named_by
from crm.out import LIVE_MS
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import CONSENT, MAX_EVENTS_PER_PAGE
from wakeline.log import Entry
from wakeline.named import ids
from wakeline.numbers import LIVE_TOPS, TOPS
from wakeline.record import (
    CUSTOMER_PREFIX,
    FOR_GOOD,
    MOST_DEFINITION_BYTES,
    MOST_FACT_BYTES,
    CustomerShare,
    Definition,
    Delta,
    Erase,
    Event,
    Fact,
    ImportEnd,
    Record,
    Share,
    Tick,
    ToldFact,
    Unlink,
    decode_record,
    encode_record,
)
from wakeline.vocabulary import things
from wakeline.vocabulary.types import ALIAS

MAX_KEYS = 3_000  # of one store call: a thousand profiles, about 25 ms; reached only when catching up
KEYS_OF_ONE = 4  # state, profile, interests, pages; tombstones are rare enough for the slack of the spans
KEYS_OF_A_DAY = 2 * (len(TOPS) + 4)  # a UTC day may overlap two days of a site
KEYS_OF_A_SPAN = len(TOPS) + 4 + 6 * len(LIVE_TOPS)  # of five minutes: its day's, its minutes', totals ...
SPAN_MS = 300_000

NAME = re.compile(r"[a-z_]{1,64}")  # of what is defined
ID = re.compile(r"[!-~]{1,128}")  # of a person, a thing or a site in a record of our own
NO_VISITOR = CUSTOMER_PREFIX + things.PREFIXES  # what no visitor's id begins with
FACT_ID = re.compile(r"[0-9a-f]{16}")

NOTHING = encode_record(Tick())
WITHDRAWAL = f'"{CONSENT}"'.encode()  # is in whatever may be one
DEFINITION = b'"definition"'

Who = tuple[str, str]  # site, id


class Invalid(NamedTuple):
    """A record that can never be folded, with the reason and the people it names."""

    value: bytes
    reason: str
    named: Named


class Item(Struct, gc=False):
    """One entry of the log, decoded."""

    offset: int
    time: int
    record: Record | Invalid
    who: tuple[Who, ...]  # whose state it may change


class Batch(Struct, gc=False):
    """Consecutive records, and the people and minutes they touch."""

    items: list[Item]
    people: set[Who]
    minutes: set[tuple[str, int, bool]]  # site, minute, whether it enters the live windows
    live_ms: int  # maximum age of an event in the live windows; -1: none enters them


def only_what_lasts(entries: Iterable[Entry], *, before: int) -> Iterable[Entry]:
    """The entries, those before an offset as if they were nothing, but for what may be a withdrawal or a definition."""
    return (
        Entry(entry.offset, entry.time, NOTHING)
        if entry.offset < before and WITHDRAWAL not in entry.value and DEFINITION not in entry.value
        else entry
        for entry in entries
    )


def decoded(entries: Iterable[Entry], sites: Container[str]) -> list[Item]:
    """Entries as records, in order; malformed ones and those of unknown sites become `Invalid`, with a reason."""
    items = []
    for entry in entries:
        found = _record_of(entry.value, sites)
        if type(found) is Event and found.time - entry.time > LATE_MS:  # by a clock far ahead, which would keep it long
            found.time = entry.time
        record = Invalid(entry.value, found, named_by(entry.value)) if isinstance(found, str) else found
        items.append(Item(entry.offset, entry.time, record, touched(record)))
    return items


def _record_of(value: bytes, sites: Container[str]) -> Record | str:
    """The record, or the reason why it is invalid."""
    try:
        record: Record = decode_record(value)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        return f"malformed: {error}"
    if type(record) is Event:
        if record.site not in sites:
            return "unknown_site"
        if not record.visitor or record.visitor[0] in NO_VISITOR or not 0 <= record.n < MAX_EVENTS_PER_PAGE:
            return "malformed: invalid visitor or event number"
        if not record.page or (record.customer and not _is_customer(record.customer)):
            return "malformed: no page instance, or an invalid customer"
        if record.order and (things.kind_of(record.order) is not things.ORDER or not ID.fullmatch(record.order)):
            return "malformed: an invalid order"
    elif isinstance(record, Fact):
        if record.site not in sites:
            return "unknown_site"
        if len(value) > MOST_FACT_BYTES:
            return "malformed: a fact that is too long"
        if fault := _fault_of_fact(record):
            return f"malformed: {fault}"
    elif isinstance(record, Erase):
        if not _is_erasure(record):
            return "malformed: invalid erasure"
    elif isinstance(record, Unlink):
        if not (_is_person(record.id) and _is_site(record.site) and 0 < record.time <= FOR_GOOD):
            return "malformed: invalid erasure"
    elif isinstance(record, Delta):
        if not all(map(_is_share, record.shares)):
            return "malformed: a share of nobody, or for nobody"
        if not all(map(_is_told, record.facts)):
            return "malformed: a fact about nothing"
    elif isinstance(record, ImportEnd):
        if not (_is_site(record.site) and ID.fullmatch(record.batch) and 0 < record.time <= FOR_GOOD):
            return "malformed: the end of no import"
    elif isinstance(record, Definition) and (fault := _fault_of(record)):
        return f"malformed: {fault}"
    return record


def _is_erasure(record: Erase) -> bool:
    named = _is_person(record.id) and (not record.customer or _is_customer(record.customer))
    return named and _is_site(record.site) and 0 < record.time <= FOR_GOOD


def _fault_of_fact(fact: Fact) -> str:
    """What is wrong with a fact; "" for nothing."""
    if not FACT_ID.fullmatch(fact.id) or not _is_site(fact.site) or not 0 < fact.time <= fact.received <= FOR_GOOD:
        return "a fact without a valid id, site or time"
    if (fact.customer and not _is_customer(fact.customer)) or (fact.visitor and not _is_visitor(fact.visitor)):
        return "a fact about an invalid person"
    if fact.type == ALIAS and not all(_is_customer(str(id)) for id in (fact.customer, fact.body.get("other"))):
        return "an alias of nobody"
    if fact.batch and (not ID.fullmatch(fact.batch) or not 0 < fact.line <= FOR_GOOD):
        return "a fact of no line of an import"
    kind = things.kind_of(fact.home) if things.is_thing(fact.home) else None
    if facts.of_things(fact.type) != (kind.name if kind else "") or not ID.fullmatch(fact.home):
        return "a fact whose home does not fit its type"
    if kind is None and fact.home not in (fact.customer, fact.visitor):
        return "a fact that has no home"
    return facts.fault_of(fact)


def _is_told(told: ToldFact) -> bool:
    return things.is_thing(told.fact.home) and not _fault_of_fact(told.fact)


def _fault_of(record: Definition) -> str:
    """What is wrong with a definition; "" for nothing. Of what this code does not know the body may be anything."""
    if len(record.body) > MOST_DEFINITION_BYTES:
        return "a definition that is too long"
    if not _is_site(record.site) or not NAME.fullmatch(record.name) or record.version < 1:
        return "a definition of nothing"
    try:
        bytes(record.body).decode()
        if record.name in definitions.KINDS:
            definitions.read(record.name, bytes(record.body))
    except ValueError as error:
        return f"a definition that cannot hold: {error}"
    return ""


def _is_share(share: CustomerShare) -> bool:
    times = (
        share.since, share.linked, share.first_seen, share.last_seen, share.erased_at,
        share.first_heard, share.heard, share.returned, *(kept.time for kept in share.record),
    )  # fmt: skip
    return (
        _is_site(share.site)
        and _is_customer(share.customer)
        and ID.fullmatch(share.visitor) is not None
        and (share.visitor[0] != CUSTOMER_PREFIX or bool(share.via))
        and (not share.via or _is_customer(share.via))
        and (not share.alias or _is_customer(share.alias))
        and (bool(share.via) or not (share.alias or share.record or share.heard or share.returned))
        and share.via != share.customer != share.alias
        and 0 <= min(times) <= max(times) <= FOR_GOOD
        and (not share.interests or all(map(isfinite, share.interests.values())))
        and (not share.counts or max(map(abs, share.counts.values())) <= FOR_GOOD)
        and (share.agreed is None or facts.is_agreed(share.agreed))
    )


def _is_person(id: str) -> bool:
    return _is_customer(id) if id[:1] == CUSTOMER_PREFIX else _is_visitor(id)


def _is_visitor(id: str) -> bool:
    return ID.fullmatch(id) is not None and id[0] not in NO_VISITOR


def _is_customer(id: str) -> bool:
    return len(id) > 1 and id[0] == CUSTOMER_PREFIX and ID.fullmatch(id) is not None


@lru_cache(256)
def _is_site(site: str) -> bool:
    return ID.fullmatch(site) is not None and "/" not in site


def touched(record: Record | Invalid) -> tuple[Who, ...]:
    """The people and things whose state a record may change, and people whose tombstones it asks for."""
    if type(record) is Event:
        return ((record.site, record.visitor),)
    if isinstance(record, Fact):
        return named_in(record)
    if isinstance(record, Delta):
        return tuple(dict.fromkeys(who for share in in_order(record) for who in touched_by(share)))
    if isinstance(record, (Erase, Unlink)):
        return ((record.site, record.id),)
    if isinstance(record, Invalid):
        return record.named.people
    return ()


def named_in(fact: Fact) -> tuple[Who, ...]:
    """The home of a fact, and whom it names beside that."""
    return tuple((fact.site, id) for id in ids(fact))


def touched_by(share: Share) -> tuple[Who, ...]:
    """See `touched`; the first is the one that hears it."""
    return named_in(share.fact) if isinstance(share, ToldFact) else ((share.site, share.customer),)


def in_order(delta: Delta) -> list[Share]:
    """Its shares and facts in the order in which they were made."""
    if not delta.facts:
        return delta.shares  # type: ignore[return-value]
    return sorted((*delta.shares, *delta.facts), key=lambda share: (share.at, share.step))


def newest(items: list[Item]) -> int:
    """The latest receive or append time of the items, ms: one of the two clocks may have been behind."""
    return max(
        max((item.record.received for item in items if type(item.record) is Event), default=0),
        items[-1].time if items else 0,
    )


def batch_of(items: list[Item], *, live_ms: int = LIVE_MS) -> Batch:
    """A batch of these records."""
    people: set[Who] = set()
    minutes: set[tuple[str, int, bool]] = set()
    site, minute, live = "", -1, False
    for item in items:
        people.update(item.who)
        record = item.record
        if type(record) is Event:
            young = record.received - record.time < live_ms
            if record.time // MINUTE_MS != minute or young is not live or record.site != site:
                site, minute, live = record.site, record.time // MINUTE_MS, young
                if item.time - record.time <= LATE_MS:
                    minutes.add((site, minute, live))
    return Batch(items, people, minutes, live_ms)


def chunks(batch: Batch) -> Iterator[list[Item]]:
    """Runs of consecutive records that touch at most MAX_KEYS keys."""
    if KEYS_OF_ONE * len(batch.people) + KEYS_OF_A_SPAN * len(batch.minutes) <= MAX_KEYS:
        yield batch.items
        return
    span_ms, keys_of_span = (SPAN_MS, KEYS_OF_A_SPAN) if batch.live_ms > 0 else (DAY_MS, KEYS_OF_A_DAY)
    items = batch.items
    start, budget = 0, MAX_KEYS
    met: set[object] = set()  # people, and spans of sites
    site, five = "", -1
    for index, item in enumerate(items):
        record = item.record
        cost = 0
        for who in item.who:
            if who not in met:
                cost += KEYS_OF_ONE
        if type(record) is Event and (record.time // span_ms != five or record.site != site):
            site, five = record.site, record.time // span_ms
            if (site, five) not in met:
                cost += keys_of_span
        if not cost:
            continue
        if cost > budget and index > start:
            yield items[start:index]
            start, budget = index, MAX_KEYS
            met.clear()
            cost = KEYS_OF_ONE * len(item.who) + keys_of_span
        budget -= cost
        met.update(item.who)
        met.add((site, five))
    if start < len(items):
        yield items[start:]
