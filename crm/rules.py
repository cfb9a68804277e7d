"""The rules, in the order in which an event meets them. To add one, write it in its package and list it here.

A rule takes the event, its visitor and the changes of the call; it has no I/O and no clock but
`changes.now`. It returns None, or a verdict that ends the event there. Beside the rules the processor calls

is_kept_out  before them: whether the event only counts on the site, since its visitor was forgotten after it
send_share   after each event, whichever rule ended it
close_due    when a time has come that a visitor's state waits for: visits that have ended are counted
"""

from __future__ import annotations

from collections.abc import Callable

from crm.changes import Changes, Verdict
from crm.content import events, page_views
from crm.identity import consent, customers
from crm.identity.customers import send_share
from crm.intake import bots, duplicates
from crm.interests import scoring
from crm.presence import signs
from crm.state import Visitor
from crm.visits import attribution, referrers, sessions
from crm.visits.sessions import close_due, is_kept_out
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

__all__ = ["ALL", "CUSTOM", "RULES", "Rule", "Steps", "close_due", "is_kept_out", "of_type", "prepare", "send_share"]

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


def of_type(type: str) -> Steps:
    """The rules that an event of a type (or CUSTOM) meets."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)


def prepare() -> None:
    """What would make the first event slow."""
    referrers.prepare()
