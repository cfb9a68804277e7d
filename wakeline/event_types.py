"""The types of events that mean something to Wakeline by their name. Every other name is a site's own, and activity.

Activity is what a visitor did: a visit of one page with one such event is no bounce, and `events` counts them. What a
page says of itself is none, else no visit to a page that measures its speed would ever be a bounce.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING


class EventType(NamedTuple):
    name: str
    is_activity: bool
    is_built_in: bool  # it has fields of its own, not `props`


TYPES = (
    EventType(PAGE_VIEW, False, True),  # a page was seen; it is counted as that
    EventType(ENGAGEMENT, False, True),  # for how long and how deep; ten seconds make a visit no bounce
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
