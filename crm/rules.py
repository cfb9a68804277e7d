"""The rules, in the order in which an event meets them. To add one, write it in its room and list it here.

A rule takes the event, its visitor and the changes of the call; it has no I/O and no clock but
`changes.now`. It returns None, or a verdict that ends the event there.
"""

from __future__ import annotations

from collections.abc import Callable

from crm.changes import Changes, Verdict
from crm.content import events
from crm.content import rule as content
from crm.identity import consent, customers
from crm.intake import bots, duplicates
from crm.interests import rule as interests
from crm.presence import rule as presence
from crm.state import Visitor
from crm.visits import attribution, referrers
from crm.visits import rule as visits
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING
from wakeline.record import Event

Rule = Callable[[Event, Visitor, Changes], Verdict | None]
Steps = tuple[tuple[str, Rule], ...]

CUSTOM = "*"
"""Stands for every type that is not named in `wakeline.event`. A rule for one of them compares `event.type` itself."""

ALL = (PAGE_VIEW, ENGAGEMENT, PING, CONSENT, IDENTIFY, CUSTOM)

RULES: tuple[tuple[str, Rule, tuple[str, ...]], ...] = (
    ("shares", customers.open_share, ALL),
    ("ends", visits.close_ended, ALL),
    ("withdrawals", consent.forget_late, (CONSENT,)),
    ("duplicates", duplicates.drop_seen, ALL),
    ("consent", consent.apply_level, (CONSENT,)),
    ("bots", bots.count_apart, ALL),
    ("presence", presence.mark, ALL),
    ("sessions", visits.join, ALL),
    ("sources", attribution.attribute, (PAGE_VIEW,)),
    ("visits", visits.merge, ALL),
    ("content", content.count, (PAGE_VIEW, ENGAGEMENT)),
    ("events", events.count, (CUSTOM,)),
    ("interests", interests.weigh, (PAGE_VIEW, ENGAGEMENT, CUSTOM)),
    ("customers", customers.link, (IDENTIFY,)),
)
"""Name, rule and the types of events that it is for, in order."""

is_kept_out = visits.is_kept_out
"""Of an event, its visitor and the changes, before the rules: whether it will be shown in no profile."""

end_event = customers.send_share
"""Of a visitor and the changes, after each event, whichever rule ended that."""

fall_due = visits.close_due
"""Of a visitor and the changes, once a time has come that its state waits for."""


def of_type(type: str) -> Steps:
    """The rules that an event of a type (or CUSTOM) meets."""
    return tuple((name, rule) for name, rule, types in RULES if type in types)


def prepare() -> None:
    """What would make the first event slow."""
    referrers.prepare()
