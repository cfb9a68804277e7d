"""Reads a record of the log, and refuses one that no fold may see: it becomes a dead letter."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from math import isfinite

import msgspec

from crm import definitions, facts
from wakeline.event import MAX_EVENTS_PER_PAGE
from wakeline.named import OTHER
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
    ToldFact,
    Unlink,
    decode_record,
)
from wakeline.vocabulary import things
from wakeline.vocabulary.types import ALIAS

NAME = re.compile(r"[a-z_]{1,64}")  # of what is defined
ID = re.compile(r"[!-~]{1,128}")  # of a person, a thing or a site in a record of our own
NO_VISITOR = CUSTOMER_PREFIX + things.PREFIXES  # what no visitor's id begins with
FACT_ID = re.compile(r"[0-9a-f]{16}")


def record_of(value: bytes, sites: Container[str]) -> Record | str:
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
    if fact.type == ALIAS and not all(_is_customer(str(id)) for id in (fact.customer, fact.body.get(OTHER))):
        return "an alias of nobody"
    if fact.batch and (not ID.fullmatch(fact.batch) or not 0 < fact.line <= FOR_GOOD):
        return "a fact of no line of an import"
    kind = things.kind_of(fact.home) if things.is_thing(fact.home) else None
    if not facts.may_be_about(fact.type, kind.name if kind else "") or not ID.fullmatch(fact.home):
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
        if definitions.is_known(record.name):
            definitions.read(record.name, bytes(record.body))
    except ValueError as error:
        return f"a definition that cannot hold: {error}"
    return ""


def _is_share(share: CustomerShare) -> bool:
    since, linked, erased = share.since, share.linked, share.erased_at
    first, last, first_heard = share.first_seen, share.last_seen, share.first_heard
    return (
        _is_site(share.site)
        and _is_customer(share.customer)
        and ID.fullmatch(share.visitor) is not None
        and min(since, linked, erased, first, last, first_heard) >= 0
        and max(since, linked, erased, first, last, first_heard) <= FOR_GOOD
        and (not share.interests or all(map(isfinite, share.interests.values())))
        and (not share.counts or max(map(abs, share.counts.values())) <= FOR_GOOD)
        and (share.agreed is None or facts.is_agreed(share.agreed))
        and (_is_of_alias(share) if share.via else _is_plain(share))
    )


def _is_plain(share: CustomerShare) -> bool:
    """Whether it says only what a visitor or a thing may."""
    return share.visitor[0] != CUSTOMER_PREFIX and not (share.alias or share.record or share.heard or share.returned)


def _is_of_alias(share: CustomerShare) -> bool:
    times = (share.heard, share.returned, *(kept.time for kept in share.record))
    return (
        _is_customer(share.via)
        and (not share.alias or _is_customer(share.alias))
        and share.via != share.customer != share.alias
        and 0 <= min(times) <= max(times) <= FOR_GOOD
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
