"""How long people are known: until an end by age, which is a deadline, and longer where the site still counts by them.

What is known of a person ends so long after the last event, by event time, as the site's settings say. Profile, links
and dead letters go. The key's own expiry in Redis comes a week later, for whom the fold did not get to.

What a visitor counted (page instances, open sessions, what it was counted as) outlasts its profile, whether that ended
by age or was forgotten: until `counted_until`. Without a profile it is in no list, and `crm.intake.duplicates.hear`
ends it by log time, so neither it nor an anonymous visitor waits for a deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm.identity.forgetting import end_by_age, leave
from crm.identity.noting import take_out_of_all
from crm.identity.turns import former
from crm.out import Out
from crm.pages import UNPROFILED_MS
from crm.sites import SiteFacts
from crm.state import Customer, CustomerState, Visitor, VisitorState
from crm.things.digests import remembered_until
from crm.visits.state import deadline
from wakeline.definitions import SEEN_MS
from wakeline.settings import Site

DEFAULT = SiteFacts(Site())  # of a site that is no longer configured


def visitor_end(visitor: Visitor, site: SiteFacts) -> int:
    """Append time (ms) at which what is known of a visitor ends; 0: it has no profile and no link."""
    state = visitor.state
    last = _last_event(state)
    if not last:
        return 0
    first = state.first_seen
    if state.had_seen[0] and not 0 < first < state.had_seen[0]:
        first = state.had_seen[0]
    return min(last + site.lives.visitor, (first or last) + site.lives.visitor_at_most)


def end_visitor(visitor: Visitor, out: Out) -> None:
    """End the profile, and with it all the rest unless the site still counts by it."""
    state = visitor.state
    stays = counted_until(state) >= out.now
    out.forget_letters(visitor.site, visitor.id, upto=out.now)
    leave(visitor, out, state.customer, *former(state))
    if state.told:
        out.unlink(visitor.site, visitor.id, upto=_last_event(state), ended=True)
    take_out_of_all(visitor, out)
    visitor.end()
    marks = out.presence[visitor.site]
    marks.reach(out.now - SEEN_MS)  # pages that it had open
    if stays:
        visitor.state.last_append = out.now
        return
    visitor.vanish()
    marks.present[visitor.id] = 0
    marks.unsee(visitor.id)


def customer_end(customer: Customer, site: SiteFacts) -> int:
    """Append time (ms) at which what is known of a customer ends; 0: nothing is."""
    last = _last_of(customer.state)
    return last + site.lives.customer if last else 0


def end_customer(customer: Customer, out: Out) -> None:
    """End all of a customer, and with it its aliases, which have no end of their own."""
    end_by_age(customer, out, last=_last_of(customer.state))


def _last_of(state: CustomerState) -> int:
    """When it was last heard of, ms; of one that was erased and has aliases, when that was."""
    return state.last or (state.erased if state.aliases and not state.into else 0)


def _last_event(state: VisitorState) -> int:
    """Time (ms) of the last event in the profile, that of a link included where an erasure left nothing else."""
    last = max(state.last_seen, state.had_seen[1], state.linked, state.named, state.told)
    return max(last, *state.kept_out[1:]) if state.kept_out else last


def _events_until(state: VisitorState) -> int:
    """No event of a page instance that it knows can come again."""
    last = max(_last_event(state), state.last_append)
    return last + UNPROFILED_MS if last else 0


def _sessions_until(state: VisitorState) -> int:
    return max(map(deadline, state.sessions), default=0)


def _withheld_until(state: VisitorState) -> int:
    return state.withheld


def _facts_until(state: VisitorState | CustomerState) -> int:
    return remembered_until(state.facts)


def _withdrawn_until(state: CustomerState) -> int:
    """No link of before comes again: what is older is too late."""
    return state.withdrawn + UNPROFILED_MS if state.withdrawn else 0


WINDOWS: dict[type, tuple[Callable[[Any], int], ...]] = {
    VisitorState: (_events_until, _sessions_until, _withheld_until, _facts_until),
    CustomerState: (_facts_until, _withdrawn_until),
}
"""What the site still counts by somebody whose profile is gone: until which append time (ms), 0: not at all.

Each is read off what stays of the state then, and is the same in a replay that knows of the erasure before.
"""


def counted_until(state: VisitorState | CustomerState) -> int:
    """Append time (ms) up to which what a person counted has to be known, whoever is forgotten."""
    return max((until(state) for until in WINDOWS[type(state)]), default=0)
