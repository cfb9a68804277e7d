"""The hop: an identified visitor is linked to its customer, whose profile is the sum over all its visitors.

The first share contains the visitor's whole profile; after that, each record sends what it added.
"""

from __future__ import annotations

from crm.identity import agreements, aliases, turns
from crm.identity.account import hear_of_thing
from crm.identity.forgetting import add_to_list, forget_customer, may_have_told, refuses, withdraw
from crm.identity.noting import note
from crm.identity.state import Customer
from crm.out import Out
from crm.state import Visitor
from wakeline.numbers import IDENTIFIED
from wakeline.record import CustomerShare, Event
from wakeline.vocabulary.things import is_thing


def link(event: Event, visitor: Visitor, out: Out) -> None:
    """Links the visitor: from the event's time on it is the customer's turn.

    If it was linked before, its history is not shared, but for what lies in the new turn: it was another customer's
    then (a shared browser), or its customer withdrew, to whom what was told stays lost.
    """
    state = visitor.state
    if not event.customer or visitor.is_anonymous:
        return
    if not state.was_identified:
        state.was_identified = True
        out.count(IDENTIFIED)
    if not visitor.may_profile:
        _keep_out(event, visitor, out)
        return
    if state.kept_out is not None:
        state.customer, state.linked, state.named = state.kept_out
        state.kept_out = None
        visitor.traits_changed = True
    note(visitor, out, event.customer)
    if event.customer == state.customer and event.time >= state.linked:
        state.named = max(state.named, event.time)
        turns.repeat(state, event.time)
        return
    if visitor.share is not None:
        send_share(visitor, out)
    turns.begin(event.customer, event.time, visitor, out)


def _keep_out(event: Event, visitor: Visitor, out: Out) -> None:
    """Note a link that the live version made and that a replay omits because the current tombstone covers it.

    `forget_with_customer` needs it to apply the erasure of this or another customer to the visitor.
    """
    state = visitor.state
    if not visitor.erased < event.time <= visitor.tombstone or out.now <= state.withheld:
        return
    if not (state.link()[0] or state.turns or state.first_seen or not event.counted_only):
        return
    known = turns.all_turns(state)
    turns.insert(state, known, event.customer, event.time)
    is_kept_out = state.kept_out is not None or not state.customer or known[-1].latest <= visitor.tombstone
    turns.keep(state, known, is_kept_out=is_kept_out)
    note(visitor, out, event.customer)


def open_share(visitor: Visitor, time: int, *, since: int = 0) -> None:
    """Start collecting what is added to a linked visitor, for the customer whose turn it was at `time`, ms.

    `since`: append time of the deadline that adds it, ms; 0: an event, which sets it if it enters the profile.
    """
    state = visitor.state
    if since:
        visitor.session = None
        turns.tidy(state, since)
    if state.customer and (time >= state.linked or not (state.turns or state.earlier)):
        customer, linked = state.customer, state.named if state.named > state.linked else state.linked
    else:
        turn = turns.turn_at(state, time)
        customer, linked = turn.customer, turn.latest
    visitor.share_time = time
    visitor.share = CustomerShare(
        site=visitor.site, customer=customer, visitor=visitor.id, linked=linked, since=since, first_seen=since
    )


def send_share(visitor: Visitor, out: Out) -> None:
    """Note a visitor with its customer, and send that what was collected; it is nobody's if the turn has ended."""
    share = visitor.share
    visitor.share = None
    if share is None:
        return
    state, time = visitor.state, visitor.share_time
    if share.customer and share.customer not in state.noted:
        note(visitor, out, share.customer)
    if not (share.interests or share.counts or share.agreed):
        return
    if share.interests or share.counts:
        turns.note_lately(state, share, time, out.now)
    if not share.customer:
        return
    if share.customer == state.customer and time >= state.linked:
        share.last_seen, share.source = state.last_seen, state.latest.source
    else:
        share.last_seen = time
        share.source = visitor.session.source if visitor.session is not None else turns.source_at(state, time)
    out.tell(share)


def is_known(share: CustomerShare, customer: Customer) -> bool:
    """Whether a thing that names the customer says nothing new: most of an imported history do not."""
    state = customer.state
    return (
        is_thing(share.visitor)
        and not share.via
        and 0 < state.first_heard <= share.first_seen
        and 0 < state.first_seen <= share.first_seen
        and share.last_seen <= state.heard
        and share.since > customer.tombstone
        and not share.booked
        and not share.contacted
    )


def receive(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Add one share to its customer, or forget the customer and everyone linked to it, or its page part."""
    if share.via:
        aliases.receive(share, customer, out)
        return
    if share.erased_at:
        if share.withdrawn:
            withdraw(customer, out, upto=share.erased_at, visitor=share.visitor, everywhere=share.everywhere)
        else:
            forget_customer(customer, out, upto=share.erased_at, visitor=share.visitor)
        return
    if share.left:
        customer.state.visitors = [one for one in customer.state.visitors if one != share.visitor]
        return
    if refuses(customer, share, out):
        aliases.note_refused(share, customer, out)
        return
    state = customer.state
    if share.taken_back and not may_have_told(customer, share.visitor):
        return  # what was told is forgotten
    if state.into:
        aliases.pass_on(share, customer, out)
    elif is_thing(share.visitor):
        hear_of_thing(share, customer, out)
    else:
        customer.add(share)
        if share.agreed is not None:
            agreements.receive(share.agreed, customer, out)
    if is_thing(share.visitor) or share.taken_back:
        return
    add_to_list(customer, share.visitor)
