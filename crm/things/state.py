"""A thing: whom it names, and its form in the worker's cache."""

from __future__ import annotations

from collections.abc import Iterator

from wakeline.kept import Fields, Kept
from wakeline.told import CLAIM, CUSTOMER, FORMER_VISITOR, VISITOR, ThingState
from wakeline.vocabulary import things

NOBODY = ""
"""Whom a fact named was erased. The fact still says that it names nobody else."""


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
        """The people that its facts name, also those that do not prevail."""
        return {id for fact in self.state.told for id in named_by(fact) if id}


def named_by(fact: Kept) -> Iterator[str]:
    """The people that a fact names."""
    for name in (CUSTOMER, FORMER_VISITOR):
        if name in fact.fields:
            yield fact.fields[name]
    for name in (CLAIM, VISITOR):
        if name in fact.fields:
            yield fact.fields[name][-1]


def take_out(id: str, fields: Fields) -> None:
    """Have the fields of a fact name a person no more."""
    for name in (CUSTOMER, FORMER_VISITOR):
        if fields.get(name) == id:
            fields[name] = NOBODY
    for name in (CLAIM, VISITOR):
        if name in fields and fields[name][-1] == id:
            fields[name] = [*fields[name][:-1], NOBODY]
