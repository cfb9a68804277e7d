"""What pages report about themselves, which is no activity: each type by a rule of its own."""

from __future__ import annotations

from collections.abc import Callable

from crm.content import speed
from crm.out import Out
from crm.state import Visitor
from wakeline.record import Event

COUNTED: dict[str, Callable[[Event, Out], None]] = {"web_vitals": speed.count}


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts what is in such a report, if it is one."""
    rule = COUNTED.get(event.type)
    if rule is not None:
        rule(event, out)
