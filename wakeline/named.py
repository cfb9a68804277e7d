"""Who is named in a record: the fields that hold ids, for erasures, dead letters and the rewriting of the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wakeline.record import CustomerShare, Delta, Erase, Event, Fact, Record, Unlink
from wakeline.vocabulary.types import ALIAS

OTHER = "other"  # of an alias, in its body

Part = Event | Fact | CustomerShare | Erase | Unlink

ID_FIELDS: dict[type[Part], tuple[str, ...]] = {
    Event: ("visitor", "customer"),
    Fact: ("home", "customer", "visitor"),
    CustomerShare: ("customer", "visitor", "via", "alias"),
    Erase: ("id", "customer"),
    Unlink: ("id",),
}


def parts(record: Record) -> Iterator[Part]:
    """What names somebody in a record: itself, or what a delta carries."""
    if isinstance(record, Delta):
        yield from record.shares
        yield from (told.fact for told in record.facts)
    elif isinstance(record, Part):
        yield record


def ids(part: Part) -> tuple[str, ...]:
    """The ids in it, also of things and of anonymous visitors, each once."""
    found = [getattr(part, field) for field in ID_FIELDS[type(part)]]
    return tuple(id for id in dict.fromkeys([*found, _other(part)]) if id)


def replace_ids(part: Part, new: Callable[[str], str]) -> None:
    """Put `new(id)` in the place of each id that is not empty."""
    for field in ID_FIELDS[type(part)]:
        if id := getattr(part, field):
            setattr(part, field, new(id))
    if isinstance(part, Fact) and (other := _other(part)):
        part.body = {**part.body, OTHER: new(other)}


def _other(part: Part) -> str:
    other = part.body.get(OTHER) if isinstance(part, Fact) and part.type == ALIAS else None
    return other if isinstance(other, str) else ""
