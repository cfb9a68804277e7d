"""Bots are counted by name and by what gives them away, separately from people, and enter no other number.

Bots are guessed from the user agent, so `crm.identity.consent` has already applied a withdrawal: it is counted there
and here.
"""

from __future__ import annotations

from crm.out import Out, Verdict
from crm.presence.signs import close
from crm.state import Visitor
from wakeline.event import PAGE_VIEW
from wakeline.numbers import BOT_EVENTS, BOT_VIEWS, TOP_BOT_REASONS, TOP_BOTS
from wakeline.record import NO_USER_AGENT, WEBDRIVER, Event

SAYS_SO = "says so"
REASONS = {WEBDRIVER: "driven browser", NO_USER_AGENT: "no user agent"}
"""Name -> what gives it away; all others say what they are in their user agent."""


def count_apart(event: Event, visitor: Visitor, out: Out) -> Verdict | None:
    """Counts a bot's event and ends its processing."""
    if not event.bot:
        return None
    close(event.page, visitor.page, visitor, event.time)  # it is nobody's presence, and can expire
    out.count(BOT_EVENTS)
    if event.type == PAGE_VIEW:
        out.count(BOT_VIEWS)
    out.top(TOP_BOTS, event.bot)
    out.top(TOP_BOT_REASONS, REASONS.get(event.bot, SAYS_SO))
    return Verdict.APPLIED
