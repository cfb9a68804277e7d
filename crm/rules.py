"""The rules, in the order in which they are applied to an event. To add one, write it in its package and list it here.

A rule takes the event, its visitor and `out`, which collects its other effects. It has no I/O, and no clock except
`out.now`. It returns None, or a verdict that ends the processing of the event.

People and things may also have deadlines, whose kinds are listed below. A kind computes the next deadline from their
state, and is called when it is reached. A rule that makes one earlier calls `out.wake`. The processor also calls

is_kept_out              before the rules: whether an erasure keeps the event out of the profile
open_share, send_share   around the rules and deadlines: sends what they add to a linked visitor to its customer too
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from crm import facts
from crm.commerce import carts, claims, funnel, page_orders
from crm.content import events, page_views, searches, speed, usability
from crm.identity import account, agreements, choices, consent, customers
from crm.identity.customers import open_share, send_share
from crm.intake import bots, duplicates
from crm.interests import scoring
from crm.lifetimes import customer_end, end_customer, end_visitor, visitor_end
from crm.out import Out, Verdict
from crm.presence import signs
from crm.sites import SiteFacts
from crm.state import Customer, Visitor
from crm.things.hearing import thing_end
from crm.things.state import Thing
from crm.visits import attribution, referrers, sessions
from crm.visits.sessions import is_kept_out
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

__all__ = [
    "ALL",
    "CUSTOM",
    "DEADLINES",
    "RULES",
    "Deadline",
    "Rule",
    "Steps",
    "earliest",
    "is_kept_out",
    "names",
    "of_type",
    "open_share",
    "prepare",
    "send_share",
]

Rule = Callable[[Event, Visitor, Out], Verdict | None]
Steps = tuple[tuple[str, Rule], ...]

CUSTOM = "*"
"""Stands for all types that `wakeline.event` does not name; a rule for one of them checks `event.type` itself."""

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
    ("content", page_views.count, (PAGE_VIEW, ENGAGEMENT, CONSENT)),
    ("events", events.count, (CUSTOM,)),
    ("searches", searches.count, (CUSTOM,)),
    ("speed", speed.count, (CUSTOM,)),
    ("usability", usability.count, (CUSTOM,)),
    ("funnel", funnel.follow, (CUSTOM,)),
    ("orders", page_orders.tell, (CUSTOM,)),
    ("carts", carts.follow, (CUSTOM,)),
    ("interests", scoring.weigh, (PAGE_VIEW, ENGAGEMENT, CUSTOM)),
    ("customers", customers.link, (IDENTIFY,)),
    ("claims", claims.claim, (IDENTIFY,)),
    ("agreements", agreements.note, (CONSENT,)),
    ("choices", choices.count, (PAGE_VIEW, CONSENT)),
)
"""Name, rule and its event types, in order of application."""


class Deadline(NamedTuple):
    """A kind of deadline."""

    kind: str
    next: Callable[[Any, SiteFacts], int]  # takes the person; append time (ms) of its next such deadline, 0: none
    fire: Callable[[Any, Out], None]  # handles that deadline; afterwards `next` returns a later one or 0
    happened: Callable[[Any], int] | None = None  # event time (ms) of what ends, if it is not that of the deadline
    is_age: bool = False  # what it ends is gone for good, so it waits while the log's time is in doubt


DEADLINES: dict[type, tuple[Deadline, ...]] = {
    Visitor: (
        Deadline("ends", sessions.next_end, sessions.end, sessions.ending_began),
        Deadline("cart_abandoned", carts.next_abandoned, carts.abandon),
        Deadline("visitor_age", visitor_end, end_visitor, is_age=True),
    ),
    Customer: (
        Deadline("booking_year", account.next_leaving, account.leave),
        Deadline("customer_age", customer_end, end_customer, is_age=True),
    ),
    Thing: (Deadline("thing_age", thing_end, facts.end, is_age=True),),
}
"""The kinds of deadlines of people and things, in the order in which they fire in the same millisecond."""


def names() -> tuple[str, ...]:
    """Of rules and kinds of deadlines: each is timed by its name."""
    return (*(name for name, _, _ in RULES), *(kind.kind for kinds in DEADLINES.values() for kind in kinds))


def of_type(type: str) -> Steps:
    """The rules for events of a type (or CUSTOM)."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)


def earliest(person: Visitor | Customer | Thing, site: SiteFacts, *, doubted: int = 0) -> tuple[int, Deadline | None]:
    """Append time (ms) and kind of the person's next deadline; (0, None): there is none.

    No end by age comes before `doubted`, the append time up to which the log's time is in doubt.
    """
    time, next = 0, None
    for kind in DEADLINES[type(person)]:
        at = kind.next(person, site)
        if kind.is_age and 0 < at < doubted:
            at = doubted
        if at and (not time or at < time):
            time, next = at, kind
    return time, next


def prepare() -> None:
    """Load the data that would slow down the first event."""
    referrers.prepare()
