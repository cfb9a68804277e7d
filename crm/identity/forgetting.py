"""Erasure of visitors and customers, and its propagation between them and to the things that name them.

A visitor's erasure is sent to its customer in a share; a customer's erasure to all lanes in an `Unlink`, which reaches
the visitors that are noted there with it (see `noting`), and to those that it lists in an `Erase`, as links of earlier
versions are noted nowhere. Being told twice changes nothing. A share that arrives after its customer was forgotten is
refused, and the visitor is sent an `Erase` then. A visitor that has since been linked to another customer keeps that
link: only what came before it is forgotten, and its present customer is not notified.

A withdrawal goes the same ways, but ends less: of the customer the page part, of its other visitors the link. Where a
server tells it of a customer, it holds for all its browsers, and each is forgotten.
"""

from __future__ import annotations

from hashlib import blake2b

from msgspec.structs import replace

from crm.identity import turns
from crm.identity.noting import note, take_out, take_out_of_all
from crm.identity.state import Customer, Turn
from crm.out import Out
from crm.state import Visitor, VisitorState
from wakeline.record import CustomerShare, Erase, Unlink, later
from wakeline.vocabulary.things import is_thing

MOST_ERASURES = 8  # of customers, that a visitor knows of: the latest
MAX_VISITORS = 100  # of one customer, that it lists: the latest. The others count as well, and hear what it forgets


def forget_visitor(visitor: Visitor, out: Out, *, upto: int, at: int, withdrawn: bool = False) -> None:
    """Forget a visitor up to time `upto`, and have its customer forgotten up to `at`. Both in ms.

    `withdrawn`: of the customer only the page part.
    """
    out.forget_letters(visitor.site, visitor.id, upto=upto)
    if visitor.erased >= upto:
        return
    state = visitor.state
    # a withdrawal is of whose turn it was
    customer = turns.turn_at(state, at).customer if withdrawn and state.customer else state.customer
    if customer:
        share = CustomerShare(site=visitor.site, customer=customer, visitor=visitor.id, erased_at=at)
        share.withdrawn = withdrawn
        out.tell(share)
    leave(visitor, out, *(one for one in (state.customer, *turns.former(state)) if one != customer))
    _forget(visitor, out, upto=upto)


def _forget(visitor: Visitor, out: Out, *, upto: int) -> None:
    if visitor.state.told:
        out.unlink(visitor.site, visitor.id, upto=upto)
    take_out_of_all(visitor, out)
    visitor.forget(upto)
    out.forget(visitor.site, visitor.id, upto=upto)


def leave(visitor: Visitor, out: Out, *customers: str) -> None:
    """Tell customers that list a visitor that nothing is known of it any more."""
    for customer in filter(None, customers):
        out.tell(CustomerShare(site=visitor.site, customer=customer, visitor=visitor.id, left=True))


def forget_with_customer(visitor: Visitor, out: Out, *, customer: str, upto: int) -> None:
    """Forget a visitor's share in a customer that was forgotten up to time `upto`, ms.

    The customer's part of the visitor's profile cannot be separated, so the profile starts over. A link from a later
    identify is kept, also to the same customer. If the customer's lane is folded again, it says this again: by then the
    visitor may hold newer data of that customer; but if an older turn of it has come late, that is forgotten too.
    """
    state = visitor.state
    if _was_heard(state, customer, upto) and not turns.is_of(state, customer, upto=upto):
        return
    out.forget_letters(visitor.site, customer, upto=upto)
    held, linked, named = state.link()
    was_here = customer in turns.former(state)
    if not held and not was_here:
        # Without a link, nothing of the customer is left: the visitor's erasure ended the link. Only a replay that
        # begins after the identify lacks a link that existed, so it wipes the profile where the live version did;
        # not if it came to an erasure of the visitor, which ended the link in the live version too.
        if visitor.tombstone and not visitor.erased:
            take_out_of_all(visitor, out)
            visitor.forget(0)
        return
    latest = max(linked, named)
    noted, ends = dict(state.noted), dict(state.ends)
    if held != customer:
        upto = min(upto, (linked or named or upto + 1) - 1)
        kept = held, linked, named
    else:
        kept = (customer, latest, 0) if latest > upto else ("", 0, 0)
    out.forget_letters(visitor.site, visitor.id, upto=upto)
    if visitor.erased < upto or not kept[0]:
        upto = max(upto, visitor.erased)
        leave(visitor, out, *(one for one in turns.former(state) if one not in (customer, held)))
        _forget(visitor, out, upto=upto)
        state = visitor.state
        if kept[0] and held != customer:
            state.turns = [Turn(0)]  # what came before is nobody's
        if kept[0]:
            note(visitor, out, kept[0], since=noted.get(kept[0], 0))
            if kept[0] in ends:
                state.ends[kept[0]] = ends[kept[0]]
        if 0 < latest <= visitor.tombstone:  # a replay will also reach the erasure that ended this link
            state.kept_out = kept if kept[0] else None
        else:
            state.customer, state.linked, state.named = kept
    if kept[0] == customer:  # the customer's erasure removed this link too
        _tell_link(visitor, out, customer=customer, linked=latest)


def _tell_link(visitor: Visitor, out: Out, *, customer: str, linked: int) -> None:
    out.tell(
        CustomerShare(
            site=visitor.site, customer=customer, visitor=visitor.id,
            since=linked, linked=linked, first_seen=linked, last_seen=linked, agreed=visitor.state.agreed,
        )
    )  # fmt: skip


def end_turns(visitor: Visitor, out: Out, *, customer: str, upto: int) -> None:
    """End the turns of a customer that withdrew on another browser, if no identify after `upto` (ms) repeated them.

    What the visitor told stays its own, and is not shared again. That this comes twice changes nothing.
    """
    state = visitor.state
    if customer not in (state.link()[0], *turns.former(state)):
        return
    was = state.link(), state.turns
    if visitor.erased < upto > state.unlinked:  # its customer has forgotten what it was told, also of after that time
        turns.stay(state, customer)
    latest = turns.end(state, customer, upto=upto, is_kept_out=state.kept_out is not None)
    if latest:
        _tell_link(visitor, out, customer=customer, linked=latest)
    else:
        take_out(visitor, out, customer)
    if (state.link(), state.turns) != was:
        state.unlinked = max(state.unlinked, upto)
        state.agreed = later(state.agreed, upto)
        visitor.traits_changed = visitor.has_new_deadlines = True


def is_heard(state: VisitorState, customer: str, *, upto: int, withdrawn: bool) -> bool:
    """Whether a visitor has heard of an end of a customer up to `upto`, ms."""
    return (state.unlinked if withdrawn else state.erasures.get(_digest(customer), 0)) >= upto


def _digest(customer: str) -> str:
    """Who is forgotten is named nowhere."""
    return blake2b(customer.encode(), digest_size=8).hexdigest()


def _was_heard(state: VisitorState, customer: str, upto: int) -> bool:
    """Whether this erasure of a customer was heard before; from now on it was."""
    erasures = state.erasures
    digest = _digest(customer)
    if erasures.get(digest, 0) >= upto:
        return True
    erasures.pop(digest, None)
    erasures[digest] = upto
    if len(erasures) > MOST_ERASURES:
        del erasures[next(iter(erasures))]
    return False


def forget_customer(customer: Customer, out: Out, *, upto: int, visitor: str = "") -> None:
    """Forget a customer and tell all lanes and its visitors. `visitor`: the one of which it is forgotten.

    One that was linked to it since it was forgotten up to then may have brought what is older.
    """
    out.forget_letters(customer.site, customer.id, upto=upto)
    if customer.erased >= upto:
        if not may_have_told(customer, visitor):
            return
        upto = customer.erased
    visitors = customer.state.visitors
    customer.forget(upto)
    out.forget(customer.site, customer.id, upto=upto)
    out.unlink(customer.site, customer.id, upto=upto)
    for one in visitors:
        _tell(one, customer, out, upto=customer.tombstone)
    for one in relatives(customer):
        tell_ends(customer, one, out)


def withdraw(customer: Customer, out: Out, *, upto: int, visitor: str = "", everywhere: bool = False) -> None:
    """End the page part of a customer, and unlink its other visitors. `visitor`: the one that withdrew.

    `everywhere`: a server told it, so that the visitors are forgotten. See `forget_customer` for one linked since.
    """
    state = customer.state
    before = max(customer.erased, state.withdrawn_everywhere if everywhere else state.withdrawn)
    if before >= upto:
        if not may_have_told(customer, visitor):
            return
        upto = before
    others = [one for one in state.visitors if one != visitor]
    customer.end_page_part()
    state.withdrawn = max(state.withdrawn, upto)
    if everywhere:
        state.withdrawn_everywhere = upto
    out.unlink(customer.site, customer.id, upto=upto, withdrawn=True, everywhere=everywhere)
    for one in others:
        _tell(one, customer, out, upto=upto, withdrawn=not everywhere)
    for one in relatives(customer):
        tell_ends(customer, one, out)


def relatives(customer: Customer) -> list[str]:
    """The ids of the same customer that are next to this one, see `aliases`."""
    state = customer.state
    return [*filter(None, [state.into]), *state.aliases]


def between(customer: Customer, to: str) -> CustomerShare:
    """A share that says nothing yet, to another id of the same customer."""
    return CustomerShare(site=customer.site, customer=to, visitor=customer.id, via=customer.id)


def tell_ends(customer: Customer, other: str, out: Out) -> None:
    """Tell another id of the same customer up to when this one was erased, and withdrew."""
    state = customer.state
    frame = between(customer, other)
    if customer.erased:
        out.tell(replace(frame, erased_at=customer.erased, returned=state.returned))
    for upto, everywhere in ((state.withdrawn_everywhere, True), (state.withdrawn, False)):
        if upto > customer.erased and (everywhere or upto > state.withdrawn_everywhere):
            out.tell(replace(frame, erased_at=upto, withdrawn=True, everywhere=everywhere))


def end_by_age(customer: Customer, out: Out, *, last: int) -> None:
    """End all of a customer that was last heard of at `last` (ms), and its aliases.

    Its visitors are known for no longer than it, so they have left or soon will.
    """
    state = customer.state
    out.forget_letters(customer.site, customer.id, upto=out.now)
    out.end_card(customer.site, customer.id, upto=last)  # what is later is not heard of yet
    if state.heard or state.into or state.visitors:
        out.unlink(customer.site, customer.id, upto=last, ended=True)
    for one in state.aliases:
        out.tell(replace(between(customer, one), left=True, last_seen=last))
    customer.end()


def add_to_list(customer: Customer, visitor: str) -> None:
    """List a visitor of a customer, in the place of the first one if the list is full."""
    state = customer.state
    if visitor not in state.visitors:
        listed = [*state.visitors, visitor]
        state.visitors = sorted(listed) if len(listed) <= MAX_VISITORS else listed[1:]


def may_have_told(customer: Customer, visitor: str) -> bool:
    """Whether a visitor may have told a customer something since it was forgotten. A full list does not say who did."""
    listed = customer.state.visitors
    return bool(visitor) and (visitor in listed or len(listed) >= MAX_VISITORS)


def refuses(customer: Customer, share: CustomerShare, out: Out) -> bool:
    """Whether a share is older than its customer's erasure or withdrawal. If its link is too, the visitor is told.

    A thing's lane is told again to unlink the customer: it did not know that yet.
    """
    upto = customer.tombstone
    if is_thing(share.visitor):
        if share.since <= upto:
            out.emit(customer.site, share.visitor, Unlink(customer.site, customer.id, upto), cause=customer.id)
        return share.since <= upto
    linked = share.linked or share.since
    if upto and linked <= upto:
        _tell(share.visitor, customer, out, upto=upto)
        return True
    state = customer.state
    if not state.withdrawn:
        return share.since <= upto
    if linked <= state.withdrawn_everywhere:
        _tell(share.visitor, customer, out, upto=state.withdrawn_everywhere)
    if linked <= state.withdrawn:
        if state.withdrawn > state.withdrawn_everywhere:
            _tell(share.visitor, customer, out, upto=state.withdrawn, withdrawn=True)
        return True
    return share.since <= max(upto, state.withdrawn)


def _tell(visitor: str, customer: Customer, out: Out, *, upto: int, withdrawn: bool = False) -> None:
    told = Erase(customer.site, visitor, upto, customer=customer.id, withdrawn=withdrawn, place=out.place())
    out.emit(customer.site, visitor, told, cause=f"{customer.id} {upto} {withdrawn}")
