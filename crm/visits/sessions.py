"""Sessions: events of one visitor with no more than SESSION_GAP_MS between them.

A session is counted when it closes, by log time, so exactly once and only after late events could arrive.
Several may be open: events that were queued offline join or open one in the past.
"""

from __future__ import annotations

from crm.identity.consent import goes_on
from crm.identity.turns import count_at
from crm.lifetimes import visitor_end
from crm.out import Out
from crm.sites import SiteFacts
from crm.state import Visitor, VisitorState
from crm.visits import steps, touches
from crm.visits.kinds import count_kind
from crm.visits.sources import class_of, is_marked
from crm.visits.state import (
    KEPT_CLOSED,
    MAX_OPEN_SESSIONS,
    Session,
    Touch,
    copied,
    deadline,
)
from wakeline import profile_fields
from wakeline.definitions import RETURN_MS, SESSION_GAP_MS, is_bounce
from wakeline.durations import DAY_MS
from wakeline.event import CONSENT, ENGAGEMENT, PAGE_VIEW, PING
from wakeline.numbers import (
    BOUNCES,
    FUNNEL,
    NEW_VISITORS,
    SESSIONS,
    TOP_CAMPAIGNS,
    TOP_COUNTRIES,
    TOP_ENTRIES,
    TOP_EXITS,
    TOP_SOURCE_CLASSES,
    TOP_SOURCES,
    VISITS,
)
from wakeline.record import Event
from wakeline.vocabulary.types import NO_ACTIVITY

PATH_BYTES = 1_000  # of a path in a session: longer than browsers send and than top lists show


def join(event: Event, visitor: Visitor, out: Out) -> None:
    """Adds the event to its session. A ping belongs to none, as presence is not activity."""
    visitor.new_entry = visitor.session = None
    if not visitor.is_anonymous and not visitor.state.was_new:
        visitor.state.was_new = True
        out.count(NEW_VISITORS)
    if visitor.may_profile:
        _see(event, visitor, out)
    elif visitor.has_profile:
        _see_kept_out(event, visitor, out)
    if event.type == PING:
        return
    session = visitor.session = _session_at(event.time, visitor, out)
    if session is None:
        return
    if not (visitor.may_profile or session.unshown or visitor.is_anonymous) and is_kept_out(event, visitor, out):
        visitor.hide(session)
    visitor.session_changed = True
    if event.type == PAGE_VIEW:
        _view(event, session, visitor, out)
    elif event.type == ENGAGEMENT:
        session.engaged_ms += event.engaged_ms
    elif event.type == CONSENT:
        session.handed_over = session.handed_over or goes_on(event, visitor)
    elif event.type not in NO_ACTIVITY:
        session.events += 1


def is_kept_out(event: Event, visitor: Visitor, out: Out) -> bool:
    """Whether the event is older than its visitor's erasure, so it counts on the site but enters no profile."""
    is_of_before = event.time <= visitor.tombstone or out.now <= visitor.state.withheld
    return is_of_before and not visitor.is_anonymous


def _see_kept_out(event: Event, visitor: Visitor, out: Out) -> None:
    """In a replay: the live version saw it, and its end by age goes by that."""
    state = visitor.state
    first, last = state.had_seen
    state.had_profile = True
    state.had_seen = min(first or event.time, event.time), max(last, event.time)
    if event.time < first:
        out.wake(visitor, visitor_end(visitor, out.site))


def _see(event: Event, visitor: Visitor, out: Out) -> None:
    state = visitor.state
    time = event.time
    if not state.first_seen:
        visitor.is_new = True
        state.last_append = 0
    if not state.first_seen or time < state.first_seen:
        is_earlier = state.first_seen > 0
        state.first_seen = time
        visitor.traits_changed = True
        if is_earlier:  # and so may the end be
            out.wake(visitor, visitor_end(visitor, out.site))
    share = visitor.share
    if share is not None and (not share.since or time < share.since):
        share.since = time
        share.first_seen = min(share.first_seen or time, time)
    if time >= state.last_seen:
        visitor.renewed = visitor.renewed or time // DAY_MS != state.last_seen // DAY_MS
        state.last_seen = time
        if event.device != state.device or event.browser != state.browser or event.country != state.country:
            state.device, state.browser, state.os, state.country = event.device, event.browser, event.os, event.country
            visitor.traits_changed = True


def _session_at(time: int, visitor: Visitor, out: Out) -> Session | None:
    """The open session that `time` belongs to, or a new one; None if the session is already closed."""
    state = visitor.state
    for session in state.sessions:
        if session.start - SESSION_GAP_MS <= time <= session.last + SESSION_GAP_MS:
            if time < session.start:
                session.start = time
            if time > session.last:
                session.last = time
            session.last_append = out.now
            return session
    for start, last in state.closed:
        if start - SESSION_GAP_MS <= time <= last + SESSION_GAP_MS:
            return None
    if len(state.sessions) >= MAX_OPEN_SESSIONS:
        close(min(state.sessions, key=lambda session: session.start), visitor, out)
    session = Session(time, time, out.now)
    state.sessions.append(session)
    out.wake(visitor, deadline(session))
    return session


def _view(event: Event, session: Session, visitor: Visitor, out: Out) -> None:
    at, path = (event.time, event.page), _kept(event.path)
    if session.page_views:
        steps.follow(path, at, session, out)
    if not session.page_views or at < session.entry_at:
        visitor.new_entry = (session, copied(session) if session.page_views else None)
        session.entry = path
        session.entry_at = at
        session.continued = event.continued
        session.country = event.country
        session.returned = bool(event.referrer) and _returns(event, session, visitor, out)
    if not session.page_views or at > session.page_at:
        session.page = path
        session.page_at = at
    session.page_views += 1


def _returns(event: Event, session: Session, visitor: Visitor, out: Out) -> bool:
    """Whether it comes from where people pay or log in, within RETURN_MS of an earlier session."""
    if not out.site.is_passing(event.referrer) or is_marked(event.query, event.click):
        return False
    earlier = [*visitor.state.closed, *((one.start, one.last) for one in visitor.state.sessions if one is not session)]
    return any(start <= event.time <= last + RETURN_MS for start, last in earlier)


def _kept(path: str) -> str:
    return path if len(path) <= PATH_BYTES // 4 else path.encode()[:PATH_BYTES].decode(errors="ignore")


def merge(event: Event, visitor: Visitor, out: Out) -> None:
    """Merges two sessions if a late event closes the gap between them."""
    sessions = visitor.state.sessions
    session = visitor.session
    if session is None or len(sessions) < 2:
        return
    for other in list(sessions):
        near = other.start <= session.last + SESSION_GAP_MS and other.last >= session.start - SESSION_GAP_MS
        if near and other is not session:
            sessions.remove(other)
            _absorb(other, session, visitor, out)


def _absorb(other: Session, session: Session, visitor: Visitor, out: Out) -> None:
    if other.unshown or session.unshown:  # the profile stays unchanged: it has at most one of the two
        visitor.hide(other)
        visitor.hide(session)
    steps.join(session, other, out)
    if other.page_views:
        before = (touch(other), touch(session)) if session.page_views else None
        if before:
            later = max(session, other, key=lambda one: one.entry_at)
            count_visit(later, visitor, out, -1)  # it is part of the earlier visit
            # the visit may have begun before the profile
            if visitor.may_profile and visitor.state.visits and not (session.unshown or later.returned):
                count_at(profile_fields.VISITS, -1, later.entry_at[0], visitor, out)
        if not session.page_views or other.entry_at < session.entry_at:
            session.entry, session.entry_at, session.continued = other.entry, other.entry_at, other.continued
            session.source, session.campaign, session.detail = other.source, other.campaign, other.detail
            session.returned = other.returned
            session.country = other.country
        if other.page_at > session.page_at:
            session.page, session.page_at = other.page, other.page_at
        if before and visitor.state.latest in before and not session.unshown:
            visitor.state.latest = touch(session)
            visitor.traits_changed = True
        if before and visitor.may_profile and not session.unshown:
            touches.note(visitor, None if session.returned else touch(session), *before)
    session.start = min(session.start, other.start)
    session.last = max(session.last, other.last)
    session.last_append = max(session.last_append, other.last_append)
    session.page_views += other.page_views
    session.engaged_ms += other.engaged_ms
    session.events += other.events
    session.handed_over = session.handed_over or other.handed_over
    session.reached = max(session.reached, other.reached)


def count_visit(session: Session, visitor: Visitor, out: Out, amount: int = 1) -> None:
    """Count (or uncount) a visit at its start and source. A continued visit was counted under its former id."""
    count_kind(session, visitor, out, amount)
    time = session.entry_at[0]
    if not session.is_uncounted:
        day = out.site.day(time)
        out.count(VISITS, amount, day=day)
        out.top_at(time, TOP_SOURCES, session.source, amount)
        out.top_at(time, TOP_SOURCE_CLASSES, session.detail.source_class or class_of(session.source), amount)
        if session.campaign:
            out.top_at(time, TOP_CAMPAIGNS, session.campaign, amount)
        if session.country:
            out.top_at(time, TOP_COUNTRIES, session.country, amount)


def next_end(visitor: Visitor, site: SiteFacts) -> int:
    """Append time (ms) at which the first of its open sessions ends; 0: it has none."""
    return min(map(deadline, visitor.state.sessions), default=0)


def ending_began(visitor: Visitor) -> int:
    """Event time (ms) at which the session that ends next began: whose turn it was then is told of its end."""
    return min(visitor.state.sessions, key=deadline).start


def end(visitor: Visitor, out: Out) -> None:
    """Close the session that ends now."""
    close(min(visitor.state.sessions, key=deadline), visitor, out)


def close(session: Session, visitor: Visitor, out: Out) -> None:
    """Count a session that ended. Without a page view it is not a visit."""
    state = visitor.state
    state.sessions.remove(session)
    state.closed = [*state.closed[1 - KEPT_CLOSED :], (session.start, session.last)]
    if not session.page_views:
        return
    if state.first_seen and not session.unshown and session.page_at[0] > state.last_shown:
        state.last_shown = session.page_at[0]
        visitor.recent = session
    time = session.entry_at[0]
    day = out.site.day(time)
    if not session.is_uncounted:
        out.count(SESSIONS, day=day)
        out.top_at(time, TOP_ENTRIES, session.entry)
        if is_bounce(session.page_views, session.engaged_ms, session.events) and not session.handed_over:
            out.count(BOUNCES, day=day)
    _count_steps(session, state, day, out)
    if not session.handed_over:
        out.top_at(time, TOP_EXITS, session.page)


def _count_steps(session: Session, state: VisitorState, day: str, out: Out) -> None:
    """Count how far a visit came, each step once; see `crm.commerce.funnel`."""
    counted = state.reached if session.returned else 0
    state.reached = counted if session.handed_over else max(counted, session.reached)
    for number in FUNNEL[counted : state.reached]:
        out.count(number, day=day)


def touch(session: Session) -> Touch:
    return Touch(session.entry_at[0], session.source, session.campaign, session.detail)
