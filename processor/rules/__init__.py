"""The rules, in the order in which an event meets them. To add one, write a module and list it here.

A rule takes the event, its visitor and the changes of the call; it has no I/O and no clock but
`changes.now`. It returns None, or a verdict that ends the event there.

duplicates.py    each event counts once
bots.py          bots are counted beside people
consent.py       who withdrew is forgotten, who changed the level goes on elsewhere
presence.py      who is on the site now
sessions.py      which visit it belongs to (and, after sources, whether two visits were one)
sources.py       where the visit came from
content.py       page views and engaged time by page
events.py        custom events
interests.py     what the visitor is interested in
customers.py     which customer the visitor is, and what its customer gets
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
from wakeline.record import Event

Rule = Callable[[Event, Visitor, Changes], Verdict | None]

RULES: tuple[tuple[str, Rule], ...] = (
    ("duplicates", duplicates.drop_seen),
    ("bots", bots.count_apart),
    ("consent", consent.apply_level),
    ("presence", presence.mark),
    ("sessions", sessions.join),
    ("sources", sources.attribute),
    ("visits", sessions.merge),
    ("content", content.count),
    ("events", events.count),
    ("interests", interests.weigh),
    ("customers", customers.link),
)
