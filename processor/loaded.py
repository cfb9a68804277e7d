"""Reads people and things from the store into the worker's cache, including data stored by earlier versions."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from crm.facts import Thing, ThingState, decode_thing
from crm.state import Customer, CustomerState, Visitor, VisitorState


class Loaded(NamedTuple):
    """The stored data of one visitor, customer or thing; a thing has no scores and no tombstone."""

    state: bytes | None
    scores: dict[str, float]
    tombstone: int
    scheduled: int = 0  # append time (ms) at which the due set names it; 0: not at all


_visitor = msgspec.json.Decoder(VisitorState).decode
_customer = msgspec.json.Decoder(CustomerState).decode


def visitor_of(site: str, id: str, loaded: Loaded) -> Visitor:
    state = _visitor(loaded.state) if loaded.state is not None else VisitorState()
    visitor = Visitor(site, id, state, loaded.scores, loaded.tombstone)
    visitor.scheduled = loaded.scheduled
    if state.erased and not visitor.is_anonymous:
        _unshow_former(visitor)
    return visitor


def _unshow_former(visitor: Visitor) -> None:
    """Hide a session that earlier versions kept showing after its visitor was erased."""
    state = visitor.state
    for session in state.sessions:
        if session.start <= state.erased and not session.unshown:
            session.unshown = visitor.unshows = True
    if state.recent is not None and state.recent.start <= state.erased:
        state.recent, visitor.unshows = None, True


def customer_of(site: str, id: str, loaded: Loaded) -> Customer:
    state = _customer(loaded.state) if loaded.state is not None else CustomerState()
    customer = Customer(site, id, state, loaded.scores, loaded.tombstone)
    customer.scheduled = loaded.scheduled
    return customer


def thing_of(site: str, id: str, loaded: Loaded) -> Thing:
    thing = Thing(site, id, decode_thing(loaded.state) if loaded.state is not None else ThingState())
    thing.scheduled = loaded.scheduled
    return thing
