"""The rules, in the order in which an event meets them. To add one, write a module and list it here.

A rule takes the event, its visitor and the changes of the call; it has no I/O and no clock but
`changes.now`. It returns None, or a verdict that ends the event there.

duplicates.py    each event counts once
consent.py       who withdrew is forgotten, whoever says so and however late; who changed the level goes on elsewhere
bots.py          bots are counted beside people
presence.py      who is on the site now
sessions.py      which visit it belongs to (and, after sources, whether two visits were one)
sources.py       where the visit came from
content.py       page views and engaged time by page
events.py        custom events
interests.py     what the visitor is interested in
customers.py     which customer the visitor is, and what its customer gets
forgetting.py    no rule: who is forgotten, and who is told of it
"""

from __future__ import annotations

from collections.abc import Callable

from processor.changes import Changes, Verdict
from processor.rules import (
    bots,
    consent,
    content,
    customers,
    duplicates,
    events,
    interests,
    presence,
    sessions,
    sources,
)
from processor.state import Visitor
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

Rule = Callable[[Event, Visitor, Changes], Verdict | None]
Steps = tuple[tuple[str, Rule], ...]

CUSTOM = "*"
"""Stands for every type that is not named in `wakeline.event`. A rule for one of them compares `event.type` itself."""

ALL = (PAGE_VIEW, ENGAGEMENT, PING, CONSENT, IDENTIFY, CUSTOM)

RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
    ("withdrawals", consent.forget_late, (CONSENT,)),
    ("duplicates", duplicates.drop_seen, ALL),
    ("consent", consent.apply_level, (CONSENT,)),
    ("bots", bots.count_apart, ALL),
    ("presence", presence.mark, ALL),
    ("sessions", sessions.join, ALL),
    ("sources", sources.attribute, (PAGE_VIEW,)),
    ("visits", sessions.merge, ALL),
    ("content", content.count, (PAGE_VIEW, ENGAGEMENT)),
    ("events", events.count, (CUSTOM,)),
    ("interests", interests.weigh, (PAGE_VIEW, ENGAGEMENT, CUSTOM)),
    ("customers", customers.link, (IDENTIFY,)),
)
"""Name, rule and the types of events that it is for, in order."""


def of_type(type: str) -> Steps:
    """The rules that an event of a type (or CUSTOM) meets."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)
