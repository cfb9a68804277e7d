"""A thing: whom it names, and its form in the worker's cache."""

from __future__ import annotations

from wakeline.told import CUSTOMER, VISITOR, ThingState
from wakeline.vocabulary import things

PERSONS = (CUSTOMER, VISITOR)


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
