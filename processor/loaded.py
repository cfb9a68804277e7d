"""Reads people and things from the store into the worker's cache, including data stored by earlier versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from crm.facts import Thing
from crm.state import Customer, CustomerState, Visitor, VisitorState, decode_customer, decode_visitor
from processor.batch import Who
from processor.deadlines import scheduled_at
from wakeline import keys
from wakeline.decay import rounded
from wakeline.told import ThingState, decode_thing
from wakeline.vocabulary.things import is_thing


class Loaded(NamedTuple):
    """The stored data of one visitor, customer or thing; a thing has no scores and no tombstone."""

    state: bytes | None
    scores: dict[str, float]
    tombstone: int
    scheduled: int = 0  # append time (ms) at which the due set names it; 0: not at all


class Asked:
    """What one call loads, and how its reply is read; see `lane_protocol.LOAD`."""

    def __init__(
        self, key_space: keys.Keys, lane: int, who: Iterable[Who], top_lists: list[str], elsewhere: Collection[Who]
    ) -> None:
        self._people = list(who)
        self._top_lists = top_lists
        self._elsewhere = elsewhere
        strings, sets, members = [], [], []
        for one in self._people:
            if is_thing(one[1]):
                strings.append(key_space.thing(lane, *one))
                members.append("/".join(one))
                continue
            strings.append(keys.tombstone(lane, *one))
            if one not in elsewhere:
                strings.append(key_space.state(lane, *one))
                sets.append(key_space.interests(lane, *one))
                members.append("/".join(one))
        self.is_nothing = not strings and not top_lists
        self.keys = [key_space.due(lane), *strings, *sets, *top_lists]
        self.words: list[Any] = [len(strings), *members]

    def read(self, reply: Any) -> tuple[dict[Who, Loaded], dict[str, dict[str, int]]]:
        """People and things, and the top lists by their keys."""
        strings, scheduled, sets = map(iter, reply)
        people = {}
        for one in self._people:
            if is_thing(one[1]):
                people[one] = Loaded(next(strings), {}, 0, _scheduled(next(scheduled)))
                continue
            tombstone = int(next(strings) or 0)
            if one in self._elsewhere:
                people[one] = Loaded(None, {}, tombstone)
            else:
                people[one] = Loaded(next(strings), _interests(next(sets)), tombstone, _scheduled(next(scheduled)))
        tops = {key: {name: round(score) for name, score in _scores(next(sets)).items()} for key in self._top_lists}
        return people, tops


def _scheduled(score: bytes | None) -> int:
    return scheduled_at(float(score)) if score is not None else 0


def _scores(flat: list[bytes]) -> dict[str, float]:
    return {flat[i].decode(): float(flat[i + 1]) for i in range(0, len(flat), 2)}


def _interests(flat: list[bytes]) -> dict[str, float]:
    return {flat[i].decode(): rounded(float(flat[i + 1])) for i in range(0, len(flat), 2)}


def visitor_of(site: str, id: str, loaded: Loaded) -> Visitor:
    state = decode_visitor(loaded.state) if loaded.state is not None else VisitorState()
    visitor = Visitor(site, id, state, loaded.scores, loaded.tombstone)
    visitor.scheduled = loaded.scheduled
    if state.erased and not visitor.is_anonymous:
        _unshow_former(visitor)
    if state.former_recent is not None:
        state.last_shown, state.former_recent = state.former_recent.page_at[0], None
    return visitor


def _unshow_former(visitor: Visitor) -> None:
    """Hide a session that earlier versions kept showing after its visitor was erased."""
    state = visitor.state
    for session in state.sessions:
        if session.start <= state.erased and not session.unshown:
            session.unshown = visitor.unshows = True
    if state.former_recent is not None and state.former_recent.start <= state.erased:
        state.former_recent, visitor.unshows = None, True


def customer_of(site: str, id: str, loaded: Loaded) -> Customer:
    state = decode_customer(loaded.state) if loaded.state is not None else CustomerState()
    customer = Customer(site, id, state, loaded.scores, loaded.tombstone)
    customer.scheduled = loaded.scheduled
    return customer


def thing_of(site: str, id: str, loaded: Loaded) -> Thing:
    thing = Thing(site, id, decode_thing(loaded.state) if loaded.state is not None else ThingState())
    thing.scheduled = loaded.scheduled
    return thing
