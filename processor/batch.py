"""A batch: consecutive decoded records of a lane, the people and minutes they touch, and its chunks, one per call."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from crm.dead import Named, named_by
from crm.out import LIVE_MS
from processor.reading import record_of
from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import CONSENT
from wakeline.log import Entry
from wakeline.named import ids
from wakeline.numbers import LIVE_TOPS, TOPS
from wakeline.record import (
    Delta,
    Erase,
    Event,
    Fact,
    Record,
    Share,
    Tick,
    ToldFact,
    Unlink,
    encode_record,
)

MAX_KEYS = 3_000  # of one store call: a thousand profiles, about 25 ms; reached only when catching up
KEYS_OF_ONE = 4  # state, profile, interests, pages; tombstones are rare enough for the slack of the spans
KEYS_OF_A_DAY = 2 * (len(TOPS) + 4)  # a UTC day may overlap two days of a site
KEYS_OF_A_SPAN = len(TOPS) + 4 + 6 * len(LIVE_TOPS)  # of five minutes: its day's, its minutes', totals ...
SPAN_MS = 300_000

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
        found = record_of(entry.value, sites)
        if type(found) is Event and found.time - entry.time > LATE_MS:  # by a clock far ahead, which would keep it long
            found.time = entry.time
        record = Invalid(entry.value, found, named_by(entry.value)) if isinstance(found, str) else found
        items.append(Item(entry.offset, entry.time, record, touched(record)))
    return items


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
