"""The rules, in the order in which an event meets them. To add one, write it in its room and list it here.

A rule takes the event, its visitor and the changes of the call; it has no I/O and no clock but
`changes.now`. It returns None, or a verdict that ends the event there.
"""

from __future__ import annotations

from collections.abc import Callable

from crm.changes import Changes, Verdict
from crm.content import events, page_views
from crm.identity import consent, customers
from crm.intake import bots, duplicates
from crm.interests import scoring
from crm.presence import signs
from crm.state import Visitor
from crm.visits import attribution, referrers, sessions
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

Rule = Callable[[Event, Visitor, Changes], Verdict | None]
Steps = tuple[tuple[str, Rule], ...]

CUSTOM = "*"
"""Stands for every type that is not named in `wakeline.event`. A rule for one of them compares `event.type` itself."""

ALL = (PAGE_VIEW, ENGAGEMENT, PING, CONSENT, IDENTIFY, CUSTOM)

RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
    ("shares", customers.open_share, ALL),
    ("ends", sessions.close_ended, ALL),
    ("withdrawals", consent.forget_late, (CONSENT,)),
    ("duplicates", duplicates.drop_seen, ALL),
    ("consent", consent.apply_level, (CONSENT,)),
    ("bots", bots.count_apart, ALL),
    ("presence", signs.mark, ALL),
    ("sessions", sessions.join, ALL),
    ("sources", attribution.attribute, (PAGE_VIEW,)),
    ("visits", sessions.merge, ALL),
    ("content", page_views.count, (PAGE_VIEW, ENGAGEMENT)),
    ("events", events.count, (CUSTOM,)),
    ("interests", scoring.weigh, (PAGE_VIEW, ENGAGEMENT, CUSTOM)),
    ("customers", customers.link, (IDENTIFY,)),
)
"""Name, rule and the types of events that it is for, in order."""


def is_kept_out(event: Event, visitor: Visitor, changes: Changes) -> bool:
    """Whether an event only counts on the site: its visitor was forgotten after it. To be asked before the rules."""
    return sessions.is_kept_out(event, visitor, changes)


def end_event(visitor: Visitor, changes: Changes) -> None:
    """To be called after each event, whichever rule ended it."""
    customers.send_share(visitor, changes)


def fall_due(visitor: Visitor, changes: Changes) -> None:
    """A time has come that the visitor's state waits for: visits that have ended are counted."""
    sessions.close_due(visitor, changes)


def of_type(type: str) -> Steps:
    """The rules that an event of a type (or CUSTOM) meets."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)


def prepare() -> None:
    """What would make the first event slow."""
    referrers.prepare()
