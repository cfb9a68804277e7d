"""The rules, in the order in which an event meets them. To add one, write it in its package and list it here.

A rule takes the event, its visitor and `out`, which holds the few things that it may do; it has no I/O and no clock but
`out.now`. It returns None, or a verdict that ends the event there.

A person may also have deadlines: a kind each, listed below. A kind reads the person's next deadline off its state, and
does what is to be done then. A rule that sets one calls `out.wake`. Beside these the processor calls

is_kept_out              before the rules: whether the event only counts on the site, since its visitor was forgotten
open_share, send_share   around the rules, and around a deadline: what they add to a visitor goes to its customer too
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from crm.content import events, page_views
from crm.identity import consent, customers
from crm.identity.customers import open_share, send_share
from crm.intake import bots, duplicates
from crm.interests import scoring
from crm.lifetimes import customer_end, end_customer, end_visitor, visitor_end
from crm.out import Out, Verdict
from crm.presence import signs
from crm.sites import SiteFacts
from crm.state import Customer, Visitor
from crm.visits import attribution, referrers, sessions
from crm.visits.sessions import is_kept_out
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

__all__ = [
    "ALL",
    "CUSTOM",
    "DEADLINES",
    "NAMES",
    "RULES",
    "Deadline",
    "Rule",
    "Steps",
    "earliest",
    "is_kept_out",
    "of_type",
    "open_share",
    "prepare",
    "send_share",
]

Rule = Callable[[Event, Visitor, Out], Verdict | None]
Steps = tuple[tuple[str, Rule], ...]

CUSTOM = "*"
"""Stands for every type that is not named in `wakeline.event`. A rule for one of them compares `event.type` itself."""

ALL = (PAGE_VIEW, ENGAGEMENT, PING, CONSENT, IDENTIFY, CUSTOM)

RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
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


class Deadline(NamedTuple):
    """A kind of deadline."""

    kind: str
    next: Callable[[Any, SiteFacts], int]  # of a person: append time (ms) of the next one of this kind, 0: none
    fire: Callable[[Any, Out], None]  # what happens at that one: afterwards it is another one, or none


DEADLINES: dict[type, tuple[Deadline, ...]] = {
    Visitor: (
        Deadline("ends", sessions.next_end, sessions.end),
        Deadline("visitor_age", visitor_end, end_visitor),
    ),
    Customer: (Deadline("customer_age", customer_end, end_customer),),
}
"""Of whom, and in which order where several are due at the same millisecond."""

NAMES = (*(name for name, _, _ in RULES), *(kind.kind for kinds in DEADLINES.values() for kind in kinds))
"""What is timed, by name."""


def of_type(type: str) -> Steps:
    """The rules that an event of a type (or CUSTOM) meets."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)


def earliest(person: Visitor | Customer, site: SiteFacts) -> tuple[int, Deadline | None]:
    """The person's next deadline, and when it is; 0: it waits for nothing."""
    time, next = 0, None
    for kind in DEADLINES[type(person)]:
        at = kind.next(person, site)
        if at and (not time or at < time):
            time, next = at, kind
    return time, next


def prepare() -> None:
    """What would make the first event slow."""
    referrers.prepare()
