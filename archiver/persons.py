"""Who a record names and whom it erases, and the same record under other ids.

A withdrawal erases nobody here: what is left of it names a person who may have a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import msgspec

from wakeline.named import OTHER, ids, parts
from wakeline.record import (
    ANONYMOUS_PREFIX,
    CustomerShare,
    Delta,
    Erase,
    Event,
    Fact,
    Record,
    Unlink,
    decode_record,
    encode_record,
)
from wakeline.vocabulary.things import is_thing
from wakeline.vocabulary.types import ALIAS, CUSTOMER_TOLD, FORGET

TRAITS = "traits"  # field of a fact on a customer: what sort of person it is, which no number counts
TOKEN = re.compile(rb"@?[A-Za-z0-9_-]{8,64}")

Who = tuple[str, str]
"""(site, id)."""


class StandIn(Protocol):
    """The id that replaces a person's."""

    new: str
    through: int
    """Time of the last event that it stands for, ms: not before the erasure."""

    def covers(self, time: int) -> bool:
        """Whether it stands for what the person did at `time`, ms; 0: at an unknown time."""

    def page(self, page: str) -> str:
        """The id that replaces that of a page view."""


class Erased(NamedTuple):
    """A person that a record erases up to `upto`, ms. `customer`: the erased customer, if it is told to a visitor."""

    who: Who
    upto: int
    customer: str = ""


def read(value: bytes) -> Record | None:
    """The record; None if it is none, so that no version folds it."""
    try:
        return decode_record(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def named(record: Record) -> Iterator[tuple[Who, int]]:
    """The persons that it names, and when: ms, 0 if it does not say."""
    for part in parts(record):
        time = _time(part) if isinstance(part, CustomerShare) else part.time
        for id in ids(part):
            if id[0] != ANONYMOUS_PREFIX and not is_thing(id):
                yield (part.site, id), time


def _time(share: CustomerShare) -> int:
    return max(share.since, share.linked, share.first_seen, share.last_seen, share.erased_at)


def erased(record: Record) -> list[Erased]:
    """The persons that it erases."""
    if isinstance(record, Erase) and not record.withdrawn:
        return [Erased((record.site, record.id), record.time, record.customer)]
    if isinstance(record, Fact) and record.type == FORGET and not is_thing(record.home):
        return [Erased((record.site, record.home), min(record.time, record.received))]
    if isinstance(record, Delta):
        return [
            Erased((share.site, share.customer), share.erased_at)
            for share in record.shares
            if share.erased_at and not share.withdrawn
        ]
    return []


def rewritten(value: bytes, at: int, stand_ins: Mapping[Who, StandIn]) -> bytes:
    """A record under the ids of `stand_ins`, or `value` itself if it names none of them. `at`: its append time, ms."""
    record = read(value)
    if record is None:
        return _scrubbed(value, at, stand_ins)
    rewriter = _Rewriter(stand_ins)
    if isinstance(record, Event):
        rewriter.event(record)
    elif isinstance(record, Fact):
        rewriter.fact(record)
    elif isinstance(record, Delta):
        for share in record.shares:
            rewriter.share(share)
        for told in record.facts:
            rewriter.fact(told.fact)
    elif isinstance(record, Erase):
        rewriter.erase(record)
    elif isinstance(record, Unlink):
        record.id = rewriter.id(record.site, record.id, record.time)
    return encode_record(record) if rewriter.is_used else value


class _Rewriter:
    """Replaces ids in place."""

    def __init__(self, stand_ins: Mapping[Who, StandIn]) -> None:
        self._stand_ins = stand_ins
        self.is_used = False

    def _stand_in(self, site: str, id: str, time: int, *, always: bool = False) -> StandIn | None:
        stand_in = self._stand_ins.get((site, id))
        if stand_in is None or not (always or stand_in.covers(time)):
            return None
        self.is_used = True
        return stand_in

    def id(self, site: str, id: str, time: int, *, always: bool = False) -> str:
        """`always`: in what is rewritten for another id, which this one would lead back to."""
        stand_in = self._stand_in(site, id, time, always=always)
        return id if stand_in is None else stand_in.new

    def event(self, event: Event) -> None:
        stand_in = self._stand_in(event.site, event.visitor, event.time)
        if stand_in is not None:
            event.visitor, event.page = stand_in.new, stand_in.page(event.page)
        event.customer = self.id(event.site, event.customer, event.time, always=stand_in is not None)

    def fact(self, fact: Fact) -> None:
        other = str(fact.body[OTHER]) if fact.type == ALIAS and OTHER in fact.body else ""
        new = self.id(fact.site, other, fact.time)
        customer = self.id(fact.site, fact.customer, fact.time, always=new != other)
        if fact.type == CUSTOMER_TOLD and customer != fact.customer:
            fact.body.pop(TRAITS, None)
        is_renamed = customer != fact.customer
        fact.home = self.id(fact.site, fact.home, fact.time, always=is_renamed)
        fact.visitor = self.id(fact.site, fact.visitor, fact.time, always=is_renamed)
        fact.customer = customer
        if other:
            fact.body[OTHER] = self.id(fact.site, other, fact.time, always=is_renamed)

    def share(self, share: CustomerShare) -> None:
        site, time = share.site, _time(share)
        named = share.visitor, share.via, share.alias
        always = any(self.id(site, id, time) != id for id in named)
        share.visitor, share.via, share.alias = (self.id(site, id, time, always=always) for id in named)
        share.customer = self.id(site, share.customer, time, always=always)

    def erase(self, record: Erase) -> None:
        """It erases all that is under the new id: so a replay ends without a profile."""
        time = record.time
        stand_in = self._stand_in(record.site, record.id, time)
        if stand_in is not None:
            record.id, record.time = stand_in.new, max(time, stand_in.through)
        record.customer = self.id(record.site, record.customer, time, always=stand_in is not None)


def tokens(value: bytes) -> set[str]:
    """What may be ids in something that is no record."""
    return {token.decode() for token in TOKEN.findall(value)}


def _scrubbed(value: bytes, at: int, stand_ins: Mapping[Who, StandIn]) -> bytes:
    """As it is no record, it has no time but that of its arrival."""
    found = tokens(value)
    new = value
    for (_, id), stand_in in stand_ins.items():
        if id in found and stand_in.covers(at):
            new = re.sub(rb"(?<![A-Za-z0-9_-])%b(?![A-Za-z0-9_-])" % re.escape(id.encode()), stand_in.new.encode(), new)
    return value if read(new) is not None else new
