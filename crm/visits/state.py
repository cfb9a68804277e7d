"""Visits of a visitor, open and closed."""

from __future__ import annotations

from msgspec import Struct

from wakeline.definitions import SESSION_GAP_MS

MAX_OPEN_SESSIONS = 4  # late events may open one in the past
KEPT_CLOSED = 4  # closed sessions whose late events are recognised


class Session(Struct, array_like=True, gc=False):
    """One visit. Everything in it is a sum, a minimum or a maximum: the order of arrival does not matter."""

    start: int  # time of its first event, ms
    last: int  # time of its last event, ms
    last_append: int  # append time of the record that came last, ms
    page_views: int = 0
    engaged_ms: int = 0
    events: int = 0  # custom events
    entry: str = ""  # path of the first page view
    entry_at: tuple[int, str] = (0, "")  # its time and page instance, which settles ties
    page: str = ""  # path of the last page view
    page_at: tuple[int, str] = (0, "")
    source: str = ""  # of the first page view
    campaign: str = ""
    continued: bool = False  # went on from another consent level: its start was counted there
    handed_over: bool = False  # goes on under another consent level: its end is counted there
    unshown: bool = False  # holds what may enter no profile, or was open when its visitor was forgotten: only counted


class Touch(Struct, array_like=True, frozen=True, gc=False):
    """Where a visit came from."""

    time: int = 0
    source: str = ""
    campaign: str = ""


def deadline(session: Session) -> int:
    """Append time at which a session ends: SESSION_GAP after its last event and after it was last heard of."""
    return (session.last_append if session.last_append > session.last else session.last) + SESSION_GAP_MS


def copied(session: Session) -> Session:
    """The session as it is now."""
    return Session(
        session.start,
        session.last,
        session.last_append,
        page_views=session.page_views,
        entry_at=session.entry_at,
        source=session.source,
        campaign=session.campaign,
        continued=session.continued,
    )
