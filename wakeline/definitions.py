"""Definitions of a visit, a bounce, presence, activity and lateness, each in one place.

Rules, profile readers, SQL views, dashboards and the tests of the docs use them.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, MAX_AGE_MS, PAGE_VIEW, PING

# ---- visits --------------------------------------------------------------------------------------

SESSION_GAP_MS = 30 * MINUTE_MS  # events of one visitor with no more between them are one visit, also called session
BOUNCE_BELOW_MS = 10_000  # of engaged time: from this on a visit is not a bounce


def is_bounce(page_views: int, engaged_ms: int, events: int) -> bool:
    """Whether a visit was a bounce. `events` is the number of events that are activity.

    Do not call it for visits that continue from or under another consent level: they are never bounces.
    """
    return page_views == 1 and engaged_ms < BOUNCE_BELOW_MS and not events


IS_BOUNCE = f"views = 1 AND engaged_ms < {BOUNCE_BELOW_MS} AND events = 0"
"""The same in SQL."""

# ---- presence ------------------------------------------------------------------------------------

PRESENT_MS = MINUTE_MS  # a page counts as open for this long after a ping, so two pings, 25 s apart, may be lost
LIVE_WINDOWS_MS = {"5m": 5 * MINUTE_MS, "30m": 30 * MINUTE_MS}  # length of each live window, by name
SEEN_MS = max(LIVE_WINDOWS_MS.values())  # a visitor counts as seen for this long

# ---- lateness ------------------------------------------------------------------------------------

LATE_MS = MAX_AGE_MS + DAY_MS
"""Highest age of an event when it is appended. Older ones are rejected, as they may have been counted before.

A day longer than browsers keep an event, for its time in spool and log. A log on Kafka keeps records as long.
"""

# ---- types of events -----------------------------------------------------------------------------


class EventType(NamedTuple):
    """An event type with a predefined meaning. All other names are custom events, which are activity.

    Activity is something a visitor did: it makes a visit of one page not a bounce, and `events` counts it. Events that
    a page reports about itself are not activity; otherwise no visit to a page that measures its speed would be a
    bounce.
    """

    name: str
    is_activity: bool
    is_built_in: bool  # it has fields of its own, not `props`


TYPES = (
    EventType(PAGE_VIEW, False, True),  # a page was viewed; counted separately
    EventType(ENGAGEMENT, False, True),  # engaged time and scroll depth; see BOUNCE_BELOW_MS
    EventType(PING, False, True),  # the page is still open
    EventType(CONSENT, False, True),  # a change of the consent level
    EventType(IDENTIFY, False, True),  # the visitor is this customer
    EventType("web_vitals", False, False),  # the page's speed
    EventType("not_found", False, False),  # the page does not exist
    EventType("js_error", False, False),  # a script of the page failed
    EventType("search", True, False),  # site search
    EventType("outbound_link", True, False),  # click on a link to another host
    EventType("download", True, False),  # click on a file
    EventType("form_submit", True, False),  # form submission
    EventType("interest", True, False),  # click on an element that declares an interest
)

BUILT_IN = frozenset(type.name for type in TYPES if type.is_built_in)
NO_ACTIVITY = frozenset(type.name for type in TYPES if not type.is_activity)
