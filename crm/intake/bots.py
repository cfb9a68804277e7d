"""Bots are counted by name, separately from people, and enter no other number.

Bots are guessed from the user agent, so `crm.identity.consent` has already applied a withdrawal: it is counted there
and here.
"""

from __future__ import annotations

from crm.out import Out, Verdict
from crm.presence.signs import close
from crm.state import Visitor
from wakeline.numbers import BOT_EVENTS, TOP_BOTS
from wakeline.record import Event


def count_apart(event: Event, visitor: Visitor, out: Out) -> Verdict | None:
    """Counts a bot's event and ends its processing."""
    if not event.bot:
        return None
    close(event.page, visitor.page, visitor, event.time)  # it is nobody's presence, and can expire
    out.count(BOT_EVENTS)
    out.top(TOP_BOTS, event.bot)
    return Verdict.APPLIED
