"""Aliases: several customer ids that are one person.

The ids of a person form a tree. Each but the smallest has a smaller one, `into`, to which it passes on all that it is
told, so that the smallest, the root, keeps what is known, in whichever order aliases and all else are heard of. An
`into` only gives way to a smaller one, or in `_spread` to one between the two: so there are no cycles.

Each id keeps its own links: it is told of by its own visitors and things, and it alone tells them of an erasure or of a
withdrawal. These go from id to id, over the whole tree, and hold for each up to the same time. The tree outlasts an
erasure, as who was erased is still one person. It ends by age, with its root.
"""

from __future__ import annotations

from zlib import crc32

from msgspec.structs import replace

from crm.identity import account, agreements
from crm.identity.forgetting import between, end_by_age, forget_customer, relatives, tell_ends, withdraw
from crm.identity.state import Customer, began
from crm.out import Out
from crm.things.merging import merge
from wakeline.account import Booked
from wakeline.kept import Kept
from wakeline.record import CustomerShare
from wakeline.told import RANK_OF_PAGES
from wakeline.vocabulary.things import is_thing

MOST_ALIASES = 100  # that keep what they are told with one id; others do so with one of these


def join(customer: Customer, other: str, out: Out, *, via: str = "") -> None:
    """Hear that another id is the same customer's. `via`: the id that says so; "": a server or an import."""
    state = customer.state
    if other in (customer.id, state.into):
        return
    if not state.into:
        if other > customer.id:
            _say(customer, other, alias=customer.id, out=out)
            return
        state.into = other
        tell_ends(customer, other, out)
        _move(customer, out)
    elif state.into == via < other < customer.id:
        state.into = other
        tell_ends(customer, other, out)
        out.tell(between(customer, other))
        customer.wipe = True
    else:
        low, high = sorted((state.into, other))
        _say(customer, high, alias=low, out=out)


def _say(customer: Customer, to: str, *, alias: str, out: Out) -> None:
    out.tell(replace(between(customer, to), alias=alias))


def _move(customer: Customer, out: Out) -> None:
    """Pass on all that is known; what stays serves to tell this id's own visitors and things of an end."""
    state = customer.state
    since = state.since or (state.first_seen if state.last_seen else 0)
    first_heard = state.first_heard or _first(state.record) or state.heard
    out.tell(
        replace(
            between(customer, state.into),
            interests=dict(customer.interests.scores), counts=state.named_counts(), source=state.source,
            since=since, first_seen=state.first_seen, last_seen=state.last_seen,
            record=state.record, first_heard=first_heard, heard=state.heard, returned=state.returned,
            account=account.moved(state.account, customer.id),
        )
    )  # fmt: skip
    visitors = state.visitors
    customer.end_page_part()
    state.visitors, state.since, state.first_heard = visitors, since, first_heard
    state.record, state.account, state.first_seen, state.heard = [], None, 0, 0
    customer.unrank()


def _first(record: list[Kept]) -> int:
    return min((kept.time for kept in record), default=0)


def pass_on(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Pass on what was told to a customer that has an `into`. The share itself may be heard again by a replay."""
    state = customer.state
    booked = account.passed_on(share.booked, customer.id)
    contacted = account.contacts_passed_on(share.contacted, customer.id)
    out.tell(replace(share, customer=state.into, via=customer.id, booked=booked, contacted=contacted))
    if is_thing(share.visitor):
        if share.first_seen:
            state.first_heard = min(state.first_heard or share.first_seen, share.first_seen)
    elif not share.via:
        state.since = min(state.since or began(share), began(share))


def pass_fact(kept: Kept, at: int, customer: Customer, out: Out, *, booked: list[Booked]) -> None:
    """The same for what a fact says of the record and of the account, at `at` (ms)."""
    state = customer.state
    booked = account.passed_on(booked, customer.id)
    out.tell(replace(between(customer, state.into), record=[kept], booked=booked, first_heard=at, heard=at))
    state.first_heard = min(state.first_heard or at, at)


def note_returned(returned: int, customer: Customer, out: Out) -> None:
    """Note that the customer is back, since `returned` (ms), and tell its other ids."""
    state = customer.state
    if returned > max(customer.tombstone, state.returned):
        state.returned = returned
        for one in relatives(customer):
            out.tell(replace(between(customer, one), returned=returned))


def note_refused(share: CustomerShare, customer: Customer, out: Out) -> None:
    """In a replay, note when that was told which a tombstone keeps out: the live version had it until the erasure.

    `_end` needs to know that, since what is later ends with it.
    """
    if customer.erased >= customer.tombstone:
        return
    if is_thing(share.visitor):
        _note(customer, first_heard=share.since)
    elif share.heard:
        _note(customer, first_heard=share.first_heard)
    else:
        _note(customer, since=began(share))
    if customer.state.into:
        names = {"customer": customer.state.into, "via": customer.id}
        out.tell(replace(share, **names, interests={}, counts={}, record=[], booked=[], contacted=[], account=None))


def note_refused_fact(at: int, customer: Customer, out: Out) -> None:
    """The same for a fact of `at` (ms)."""
    if customer.erased and not customer.state.returned:
        return
    note_refused(replace(between(customer, ""), first_heard=at, heard=at), customer, out)


def _note(customer: Customer, *, since: int = 0, first_heard: int = 0) -> None:
    state = customer.state
    if customer.erased < customer.tombstone:  # in a replay
        if since > max(customer.erased, state.withdrawn):  # a withdrawal kept it out of the live version, too
            state.since = min(state.since or since, since)
        if first_heard > customer.erased:
            state.first_heard = min(state.first_heard or first_heard, first_heard)


def receive(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Hear what another id of the customer says, or passes on."""
    state = customer.state
    if share.alias:
        join(customer, share.alias, out, via=share.via)
        return
    if share.left:
        if share.via == state.into:
            end_by_age(customer, out, last=share.last_seen)
        return
    if share.via > customer.id:
        _adopt(share.via, customer, out)
    if share.erased_at:
        _end(share, customer, out)
        return
    note_returned(share.returned, customer, out)
    if share.via < customer.id or not (share.since or share.first_heard):
        return
    if state.into:
        pass_on(share, customer, out)
    else:
        _add(share, customer, out)


def _adopt(other: str, customer: Customer, out: Out) -> None:
    """Note an id that keeps what it is told here, and tell it what has ended here."""
    state = customer.state
    if other in state.aliases:
        return
    if len(state.aliases) < MOST_ALIASES:
        state.aliases = sorted([*state.aliases, other])
        _say(customer, other, alias=customer.id, out=out)  # it may be about to hear that this one had ended by age
    else:
        _spread(other, customer, out)
    tell_ends(customer, other, out)


def _spread(other: str, customer: Customer, out: Out) -> None:
    """Have one more alias than there is room for keep what it is told with another one, or another one with it."""
    aliases = customer.state.aliases
    smaller = [one for one in aliases if one < other]
    if smaller:
        _say(customer, other, alias=smaller[crc32(other.encode()) % len(smaller)], out=out)
        return
    _say(customer, aliases[-1], alias=other, out=out)
    customer.state.aliases = sorted([*aliases[:-1], other])


def _end(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Hear of an erasure or a withdrawal. Where all that is known is later, it ends nothing, but is remembered."""
    state, upto = customer.state, share.erased_at
    if share.withdrawn:
        if 0 < upto < (state.since or state.first_seen):
            _cover_page_part(share, customer, out)
        else:
            withdraw(customer, out, upto=upto, everywhere=share.everywhere)
        return
    earliest = min(filter(None, (state.since, state.first_heard, state.first_seen)), default=0)
    returned = max(state.returned, share.returned)
    if state.erased < upto and 0 < earliest <= upto:  # a replay added it, and had not heard of this yet
        customer.erased = state.erased
    if customer.erased < upto and returned <= upto:
        out.end_card(customer.site, customer.id, upto=out.now)
    if customer.erased < upto < earliest:
        customer.cover(upto)
        out.cover(customer.site, customer.id, upto=upto)
        out.unlink_things(customer.site, customer.id, upto=upto)  # an erasure before that left what is later
        if returned <= upto:
            account.end_record(customer, out)
        for one in relatives(customer):
            tell_ends(customer, one, out)
    elif customer.erased < upto:
        kept = [one for one in state.record if one.time > upto] if returned > upto else []
        booked = account.told_by_facts(customer, after=upto) if returned > upto else []
        forget_customer(customer, out, upto=upto)
        if kept:
            customer.state.record = kept
            customer.hear(_first(kept), max(one.time for one in kept))
            account.rank(customer, out)
        account.enter(booked, customer, out)
    note_returned(returned, customer, out)


def _cover_page_part(share: CustomerShare, customer: Customer, out: Out) -> None:
    state, upto = customer.state, share.erased_at
    known = max(customer.erased, state.withdrawn_everywhere if share.everywhere else state.withdrawn)
    if known < upto:
        state.withdrawn = max(state.withdrawn, upto)
        if share.everywhere:
            state.withdrawn_everywhere = upto
        for one in relatives(customer):
            tell_ends(customer, one, out)


def _add(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Add what an alias passes on, without what is older than an erasure or a withdrawal: the alias is told of that."""
    state, upto = customer.state, customer.tombstone
    if is_thing(share.visitor):
        if share.since > upto:
            account.hear_of_thing(share, customer, out)
        else:
            _note(customer, first_heard=share.since)
        return
    if (share.last_seen or share.taken_back) and began(share) > max(upto, state.withdrawn):
        customer.add(_of_pages(share))
        if share.agreed is not None:
            agreements.receive(share.agreed, customer, out)
    elif share.since:
        _note(customer, since=began(share))
    if state.returned or not customer.erased:
        _note(customer, first_heard=share.first_heard if share.first_heard > customer.erased else share.heard)
    if share.account is not None:
        account.add(share.account, customer, out, first_heard=share.first_heard)
    if share.heard > upto and (state.returned or not upto):
        customer.hear(share.first_heard if share.first_heard > upto else share.heard, share.heard)
        account.enter(share.booked, customer, out)
        for kept in share.record:
            if kept.time > (max(upto, state.withdrawn) if kept.rank == RANK_OF_PAGES else upto):
                out.cut["facts"] += merge(state.record, Kept(kept.digest, kept.rank, kept.time, dict(kept.fields)))
                if account.BEFORE in kept.fields:
                    account.rank(customer, out)


def _of_pages(share: CustomerShare) -> CustomerShare:
    """A share whose `first_seen` is of the page part, as the record need not be kept here; else its `since`."""
    if 0 < share.first_heard <= share.first_seen:
        return replace(share, first_seen=max(share.first_seen, share.since))
    return share
