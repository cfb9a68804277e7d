"""Which deadlines fire before a record, in order of time, then person.

Before one record only so many fire, the more the longer ago the record before it was; those of the people whom it is
about do in any case, the others before the next records. So a live event does not wait for the thousands that may be
due at once, and yet everybody's deadlines and records come in order, however the log is cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from processor.batch import Item, Who
from processor.changes import Changes
from processor.memory import Home, LaneMemory
from wakeline.record import Tick

DUE_AT_ONCE = 500  # most that fire in one call
DUE_PER_MS = 3  # since the lane's record before: half of what a worker can do
DUE_BEFORE_ONE = 64  # most that fire before one record, besides those of the people it is about
DUE_BEFORE_A_TICK = 1_000  # nobody waits for a tick

ComeDue = Callable[[Home, int, Changes], bool]
"""Checks the deadlines of a person at a time; returns whether one fired."""


def before_one(item: Item, after: int) -> int:
    """How many fire before this record, besides those of the people it is about. `after`: append time (ms) of the
    record before it.
    """
    most = DUE_BEFORE_A_TICK if type(item.record) is Tick else DUE_BEFORE_ONE
    return min(most, 1 + DUE_PER_MS * (item.time - after))


def before_all(items: Iterable[Item], after: int) -> int:
    """How many fire at most in a call with these records."""
    total = 0
    for item in items:
        total += before_one(item, after)
        after = item.time
        if total >= DUE_AT_ONCE:
            return DUE_AT_ONCE
    return total


def fire(item: Item, memory: LaneMemory, changes: Changes, come_due: ComeDue) -> bool:
    """Fire those due before the record, each at its own time. False: more fire before it, in another call."""
    changes.offset = item.offset
    deadlines = memory.deadlines
    most = before_one(item, memory.clock.folded)
    fired = 0
    while changes.step < most:
        found = deadlines.pop(item.time)
        if not found:
            return deadlines.next > item.time
        at, who = found
        person = memory.people[who]
        if person.scheduled != at:  # it was moved
            continue
        if fired == DUE_AT_ONCE:
            return False
        fired += come_due(person, at, changes)
    return True


def catch_up(who: Iterable[Who], memory: LaneMemory, changes: Changes, come_due: ComeDue, *, upto: int) -> None:
    """Fire what is due of these people by append time `upto` (ms), though others who were due before still wait."""
    for one in who:
        person = memory.people[one]
        while 0 < person.scheduled <= upto:
            come_due(person, person.scheduled, changes)
