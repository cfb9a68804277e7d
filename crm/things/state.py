"""A thing: its stored state, and its form in the worker's cache."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from crm.things.forms import CUSTOMER, VISITOR
from crm.things.merging import Kept
from wakeline.vocabulary import things

PERSONS = (CUSTOMER, VISITOR)


class ThingState(Struct, array_like=True, gc=False):
    """Stored state of one thing. `crm.commerce` and `crm.service` read it."""

    told: list[Kept] = []
    last: int = 0  # time of the latest fact, ms, but no later than its append time; not stored where `told` says it


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ThingState).decode


def encode_thing(state: ThingState) -> bytes:
    if state.last == _latest(state):
        return _encode((state.told,))
    return _encode(state)


def decode_thing(text: bytes) -> ThingState:
    state = _decode(text)
    state.last = state.last or _latest(state)
    return state


def _latest(state: ThingState) -> int:
    return max((fact.time for fact in state.told), default=0)


class Thing:
    """One thing in the worker's cache."""

    __slots__ = ("has_new_deadlines", "id", "kind", "scheduled", "site", "state", "tombstone")

    def __init__(self, site: str, id: str, state: ThingState) -> None:
        kind = things.kind_of(id)
        assert kind is not None, id
        self.site = site
        self.id = id
        self.kind = kind
        self.state = state
        self.scheduled = 0  # see `crm.out.Person`
        self.tombstone = 0  # a thing is never erased
        self.has_new_deadlines = False

    def named(self) -> set[str]:
        """The people that it names."""
        return {id for fact in self.state.told for name in PERSONS if (id := fact.fields.get(name))}
