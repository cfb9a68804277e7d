"""Each event counts once: duplicates from retries and redelivery are recognised by page instance and number.

No set of ids is needed: each page instance (see `crm.pages`) has a number up to which all events were seen, and a
bitmap of those above it. Events older than the lifetime of page instances are rejected, as they may have been counted.
"""

from __future__ import annotations

from crm import pages
from crm.intake.state import Page
from crm.lifetimes import counted_until
from crm.out import Out, Verdict
from crm.pages import REMEMBERED_MS, UNPROFILED_MS
from crm.state import Visitor, VisitorState
from wakeline.definitions import LATE_MS
from wakeline.record import Event


def drop_seen(event: Event, visitor: Visitor, out: Out) -> Verdict | None:
    """Rejects events that were seen before or are too late to tell; sets `visitor.page` to the page instance."""
    state = visitor.state
    now = out.now
    if not state.first_seen:
        state = hear(visitor, now)
    if now - event.time > LATE_MS:
        return Verdict.TOO_LATE
    page = state.pages.get(event.page)
    if page is None or now - page.last_heartbeat > REMEMBERED_MS:
        page = pages.known(event.page, visitor, now)
        if page is None:
            if event.time <= state.forgotten_until:
                return Verdict.TOO_LATE
            page = Page()
        pages.put(event.page, page, visitor, now)
    visitor.page = page
    n = event.n
    if n == page.upto and not page.seen_bitmap:
        page.upto = n + 1
    elif n < page.upto:
        return Verdict.DUPLICATE
    else:
        seen = int(page.seen_bitmap or "0", 16)
        bit = 1 << (n - page.upto)
        if seen & bit:
            return Verdict.DUPLICATE
        seen |= bit
        while seen & 1:
            seen >>= 1
            page.upto += 1
        page.seen_bitmap = f"{seen:x}" if seen else ""
    visitor.may_profile = (
        not visitor.is_anonymous and event.time > visitor.tombstone and out.now > state.withheld
        and (not event.counted_only or state.first_seen > 0 or state.had_profile)
    )  # fmt: skip
    visitor.has_profile = (
        visitor.erased < event.time <= visitor.tombstone and out.now > state.withheld
        and (not event.counted_only or state.had_profile)
    )  # fmt: skip
    return None


def hear(visitor: Visitor, now: int) -> VisitorState:
    """Its state, if that is to live: without a profile it does as long as the site counts by it.

    Expiry goes by log time, so that a replay, a cached state and an expired key give the same result.
    """
    state = visitor.state
    if visitor.is_anonymous or state.is_known():
        return state
    if state.last_append and now - state.last_append > UNPROFILED_MS and now > counted_until(state):
        state = visitor.state = VisitorState(erased=state.erased)
        visitor.open_pages.clear()
        visitor.present = 0
    state.last_append = now
    return state
