"""Visits of a visitor, open and closed."""

from __future__ import annotations

from msgspec import Struct

from wakeline.definitions import SESSION_GAP_MS

MAX_OPEN_SESSIONS = 4  # late events may open one in the past
KEPT_CLOSED = 4  # closed sessions remembered to recognise their late events


class Detail(Struct, array_like=True, frozen=True, gc=False):
    """What else is known of where a visit came from: see `crm.visits.sources.Origin`."""

    source_class: str = ""  # "": by an earlier version
    content: str = ""
    term: str = ""
    campaign_id: str = ""


UNKNOWN = Detail()


class Session(Struct, array_like=True, gc=False):
    """One visit. All fields are sums, minima or maxima, so the order of arrival does not matter."""

    start: int  # time of its first event, ms
    last: int  # time of its last event, ms
    last_append: int  # append time of its latest record, ms
    page_views: int = 0
    engaged_ms: int = 0
    events: int = 0  # custom events
    entry: str = ""  # path of the first page view
    entry_at: tuple[int, str] = (0, "")  # its time and page instance, which breaks ties
    page: str = ""  # path of the last page view
    page_at: tuple[int, str] = (0, "")
    source: str = ""  # of the first page view
    campaign: str = ""
    continued: bool = False  # continues from another consent level, where its start was counted
    handed_over: bool = False  # continues under another consent level, where its end is counted
    unshown: bool = False  # counted but not shown: has events kept out of the profile, or was open at an erasure
    detail: Detail = UNKNOWN
    returned: bool = False  # from where people pay or log in, to a shop that they had visited just before
    country: str = ""  # of the first page view
    reached: int = 0  # the furthest step towards a purchase, see `crm.commerce.funnel`; 0: none
    before: str = ""  # path of the page view before the last one
    before_at: tuple[int, str] = (0, "")  # (0, ""): there is none, or an earlier version did not keep it
    went_back: bool = (
        False  # the last page view was counted as a step back to the one before that, see `crm.visits.steps`
    )

    @property
    def is_uncounted(self) -> bool:
        """Whether another session's start is that of the visit."""
        return self.continued or self.returned


class Touch(Struct, array_like=True, frozen=True, gc=False):
    """Where a visit came from."""

    time: int = 0
    source: str = ""
    campaign: str = ""
    detail: Detail = UNKNOWN


def deadline(session: Session) -> int:
    """Append time (ms) at which a session ends: SESSION_GAP_MS after its last event's time and append time."""
    return (session.last_append if session.last_append > session.last else session.last) + SESSION_GAP_MS


def copied(session: Session) -> Session:
    """A copy of the session, as far as its visit and source are concerned."""
    return Session(
        session.start,
        session.last,
        session.last_append,
        page_views=session.page_views,
        entry_at=session.entry_at,
        source=session.source,
        campaign=session.campaign,
        continued=session.continued,
        detail=session.detail,
        returned=session.returned,
        country=session.country,
    )
