"""Bots are counted beside people, by name, and enter nothing else.

Who is a bot is a guess from its words. So a withdrawal was honoured before, see `crm.identity.consent`: it counts
there, and here.
"""

from __future__ import annotations

from crm.out import Out, Verdict
from crm.state import Visitor
from wakeline.numbers import BOT_EVENTS, TOP_BOTS
from wakeline.record import Event


def count_apart(event: Event, visitor: Visitor, out: Out) -> Verdict | None:
    """Counts a bot's event and ends it there."""
    if not event.bot:
        return None
    visitor.page.last_heartbeat = max(visitor.page.last_heartbeat, event.time)  # so that its page instance can expire
    out.count(BOT_EVENTS)
    out.top(TOP_BOTS, event.bot)
    return Verdict.APPLIED
