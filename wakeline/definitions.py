"""What the product's words mean, each said once: a visit, a bounce, who is there, what is activity, what is too late.

Rules, readers of profiles, SQL views, dashboards and the tests of the docs read them here.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, MAX_AGE_MS, PAGE_VIEW, PING

# ---- visits --------------------------------------------------------------------------------------

SESSION_GAP_MS = 30 * MINUTE_MS  # events of one visitor with no more between them are one visit, also called session
BOUNCE_BELOW_MS = 10_000  # of engaged time: a visit that was engaged for so long is no bounce


def is_bounce(page_views: int, engaged_ms: int, events: int) -> bool:
    """Whether a visit saw one page and nothing more. `events` are those that are activity.

    A visit that goes on under another consent level, or came from one, is none: whoever asks sees to that.
    """
    return page_views == 1 and engaged_ms < BOUNCE_BELOW_MS and not events


IS_BOUNCE = f"views = 1 AND engaged_ms < {BOUNCE_BELOW_MS} AND events = 0"
"""The same in SQL."""

# ---- who is there --------------------------------------------------------------------------------

PRESENT_MS = MINUTE_MS  # a page is open for so long after a sign: two signs of life, 25 s apart, may get lost
LIVE_WINDOWS_MS = {"5m": 5 * MINUTE_MS, "30m": 30 * MINUTE_MS}  # how far live windows reach back, by name
SEEN_MS = max(LIVE_WINDOWS_MS.values())  # a visitor counts as seen for so long

# ---- what is too late ----------------------------------------------------------------------------

LATE_MS = MAX_AGE_MS + DAY_MS
"""Age of an event as it is appended. An older one is refused: it may have been counted before.

A day longer than browsers keep an event, for its way through spool and log. A log on Kafka keeps records as long.
"""

# ---- types of events -----------------------------------------------------------------------------


class EventType(NamedTuple):
    """A type that means something by its name. Every other name is a site's own, is activity, and needs no line here.

    Activity is what a visitor did: a visit of one page with one such event is no bounce, and `events` counts them.
    What a page says of itself is none, else no visit to a page that measures its speed would ever be a bounce.
    """

    name: str
    is_activity: bool
    is_built_in: bool  # it has fields of its own, not `props`


TYPES = (
    EventType(PAGE_VIEW, False, True),  # a page was seen; it is counted as that
    EventType(ENGAGEMENT, False, True),  # for how long and how deep; BOUNCE_BELOW_MS of it make a visit no bounce
    EventType(PING, False, True),  # the page is still there
    EventType(CONSENT, False, True),  # another level holds from now on
    EventType(IDENTIFY, False, True),  # the visitor is this customer
    EventType("web_vitals", False, False),  # how fast the page was
    EventType("not_found", False, False),  # there is no such page
    EventType("js_error", False, False),  # a script of the page failed
    EventType("search", True, False),  # the site was searched
    EventType("outbound_link", True, False),  # a link to elsewhere was clicked
    EventType("download", True, False),  # a file was clicked
    EventType("form_submit", True, False),  # a form was sent
    EventType("interest", True, False),  # an element that names an interest was clicked
)

BUILT_IN = frozenset(type.name for type in TYPES if type.is_built_in)
NO_ACTIVITY = frozenset(type.name for type in TYPES if not type.is_activity)
