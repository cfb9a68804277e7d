"""The hop: an identified visitor is linked to its customer, whose profile is the sum over all its visitors.

The first share contains the visitor's whole profile; after that, each record sends what it added.
"""

from __future__ import annotations

from crm.identity.forgetting import forget_customer, refuses, withdraw
from crm.identity.state import Customer
from crm.out import Out
from crm.state import Visitor
from wakeline.numbers import IDENTIFIED
from wakeline.profile_fields import COUNTS
from wakeline.record import CustomerShare, Event
from wakeline.vocabulary.things import is_thing

MAX_VISITORS = 100  # of one customer, kept as links; further ones still count
MAX_EARLIER = 8  # customers of one visitor who are told when it ends


def link(event: Event, visitor: Visitor, out: Out) -> None:
    """Links the visitor. If it was linked before, its history is not shared.

    It was another customer's then (a shared browser), or its customer withdrew, to whom what was told stays lost.
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
    if event.customer == state.customer:
        state.named = max(state.named, event.time)
        return
    if visitor.share is not None:
        send_share(visitor, out)
    first = not state.customer and not state.unlinked
    if state.customer:
        others = [one for one in state.earlier if one not in (state.customer, event.customer)]
        state.earlier = [*others[1 - MAX_EARLIER :], state.customer]
    state.customer, state.linked, state.named = event.customer, event.time, 0
    visitor.traits_changed = True
    counts = {count.name: getattr(state, count.name) if first else 0 for count in COUNTS}
    visitor.share = CustomerShare(
        site=visitor.site, customer=event.customer, visitor=visitor.id, counts=counts,
        first_seen=event.time, since=event.time, linked=event.time,
    )  # fmt: skip
    if first:
        visitor.share.interests = dict(visitor.interests.scores)
        visitor.share.first_seen = state.first_seen


def _keep_out(event: Event, visitor: Visitor, out: Out) -> None:
    """Note a link that the live version made and that a replay omits because the current tombstone covers it.

    `forget_with_customer` needs it to apply the erasure of this or another customer to the visitor.
    """
    state = visitor.state
    if not visitor.erased < event.time <= visitor.tombstone or out.now <= state.withheld:
        return
    customer, linked, named = state.link()
    if event.customer == customer:
        state.kept_out = customer, linked, max(named, event.time)
    elif customer or state.first_seen or not event.counted_only:
        state.kept_out = event.customer, event.time, 0


def open_share(visitor: Visitor, *, since: int = 0) -> None:
    """Start collecting what is added to a linked visitor, for its customer.

    `since`: time of the additions, ms; 0: the event sets it if it enters the profile.
    """
    state = visitor.state
    visitor.share = CustomerShare(
        site=visitor.site, customer=state.customer, visitor=visitor.id,
        linked=state.named if state.named > state.linked else state.linked, since=since, first_seen=since,
    )  # fmt: skip


def send_share(visitor: Visitor, out: Out) -> None:
    """Send what was collected to the customer, if anything was."""
    share = visitor.share
    visitor.share = None
    if share is not None and (share.interests or share.counts):
        share.last_seen = visitor.state.last_seen
        share.source = visitor.state.latest.source
        out.tell(share)


def is_known(share: CustomerShare, customer: Customer) -> bool:
    """Whether a thing that names the customer says nothing new: most of an imported history do not."""
    state = customer.state
    return (
        is_thing(share.visitor)
        and 0 < state.first_heard <= share.first_seen
        and share.last_seen <= state.heard
        and share.since > customer.tombstone
    )


def receive(share: CustomerShare, customer: Customer, out: Out) -> None:
    """Add one share to its customer, or forget the customer and everyone linked to it, or its page part."""
    if share.erased_at:
        ends = withdraw if share.withdrawn else forget_customer
        ends(customer, out, upto=share.erased_at, visitor=share.visitor)
        return
    if share.left:
        customer.state.visitors = [one for one in customer.state.visitors if one != share.visitor]
        return
    if refuses(customer, share, out):
        return
    state = customer.state
    if is_thing(share.visitor):
        customer.hear(share.first_seen, share.last_seen)
        return
    if share.interests:
        customer.interests.add_all(share.interests)
    for field, count in share.counts.items():
        state.counts[field] = state.counts.get(field, 0) + count
    state.first_seen = min(state.first_seen or share.first_seen, share.first_seen)
    if share.last_seen >= state.last_seen:
        state.last_seen = share.last_seen
        state.source = share.source
    if share.visitor not in state.visitors and len(state.visitors) < MAX_VISITORS:
        state.visitors = sorted([*state.visitors, share.visitor])
