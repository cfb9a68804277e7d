"""Every number of a site, declared once: fields and lists in Redis, metrics, panels and docs come from here.

A rule counts by these constants, so a misspelt number is an error of the type checker. To add one, add a line here and
count it in a rule: it is in `keys.totals` and `keys.day`, in /metrics and, after `make dashboards`, in docs/metrics.md.
Its names are public, so a test holds them: `tests/test_wakeline_site_numbers.py`. A list needs a panel, too.
"""

from __future__ import annotations

from typing import NamedTuple

from wakeline.definitions import BOUNCE_BELOW_MS, LIVE_WINDOWS_MS

TODAY = "today"  # the site's day, in its time zone
WINDOWS = (*LIVE_WINDOWS_MS, TODAY)
"""5m: this minute and the four before it; 30m: these five minutes and the five times five before them."""
LIVE_WINDOWS = ("now", *LIVE_WINDOWS_MS)
"""Of who is on the site."""

MS = 0.001


class Count(NamedTuple):
    """A number by day and, but for a few, since the start."""

    name: str  # the field of `keys.day` and `keys.totals`
    metric: str  # wakeline_<metric>_total and wakeline_<metric>_today
    help: str
    has_total: bool = True
    unit: float = 1.0  # of what Redis holds, in the metric's base unit


class Top(NamedTuple):
    """A list of the values seen most, by day and perhaps in the live windows, with how often."""

    name: str  # in `keys.top`
    metric: str  # wakeline_<metric>_window
    label: str  # of the metric, and what one value is
    help: str
    is_live: bool = False
    has_paths: bool = False  # its values are paths: they are shown as `paths.page_label` spells them
    unit: float = 1.0


PAGE_VIEWS = Count("page_views", "page_views", "Page views of humans")
SESSIONS = Count("sessions", "sessions", "Sessions that ended")
BOUNCES = Count(
    "bounces",
    "bounces",
    f"Sessions that ended with one page view, less than {BOUNCE_BELOW_MS // 1000} s engaged, and nothing done",
)
ENGAGED = Count("engaged_ms", "engaged_seconds", "Time that pages were visible and focused", unit=MS)
EVENTS = Count("events", "custom_events", "Custom events: what visitors did")
BOT_EVENTS = Count("bot_events", "bot_events", "Events of bots, which count nowhere else")
NEW_VISITORS = Count("new_visitors", "new_visitors", "Visitors with consent that were seen for the first time")
IDENTIFIED = Count("identified", "identified", "Visitors linked to a customer")
WITHDRAWALS = Count("withdrawals", "withdrawals", "Visitors who withdrew their consent")
VISITS = Count("visits", "visits", "Sessions that began", has_total=False)  # in all they are SESSIONS, once they end

TOP_PAGES = Top("pages", "page_views", "page", "Page views by page path", is_live=True, has_paths=True)
TOP_ENGAGED = Top("engaged_ms", "engaged_seconds", "page", "Engaged time by page path", has_paths=True, unit=MS)
TOP_ENTRIES = Top("entries", "entries", "page", "Sessions by the page they began on", has_paths=True)
TOP_EXITS = Top("exits", "exits", "page", "Sessions by the page they ended on", has_paths=True)
TOP_SOURCES = Top("sources", "visits", "source", "Sessions that began, by source", is_live=True)
TOP_CAMPAIGNS = Top("campaigns", "campaign_visits", "campaign", "Sessions that began, by campaign")
TOP_INTERESTS = Top("interests", "interest", "interest", "Signs of interest, by interest", is_live=True)
# also those events that are no activity, so it may add up to more than EVENTS
TOP_EVENTS = Top("events", "custom_events", "event", "Custom events by name, also what pages say of themselves")
TOP_BOTS = Top("bots", "bot_events", "bot", "Events of bots by bot")

COUNTS = tuple(number for number in list(globals().values()) if isinstance(number, Count))
TOPS = tuple(number for number in list(globals().values()) if isinstance(number, Top))

TOTALS = frozenset(count.name for count in COUNTS if count.has_total)
LIVE_TOPS = tuple(top for top in TOPS if top.is_live)
