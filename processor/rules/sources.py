"""Where a visit came from: its first page view's campaign parameters, else the page that linked to it."""

from __future__ import annotations

from functools import lru_cache

from processor.changes import Changes
from processor.rules.sessions import count_visit, touch
from processor.state import Visitor
from wakeline.record import Event

DIRECT = "direct"

# Names that people know, for hosts that have many. Everything else goes by its host.
KNOWN = {
    "google": "google",
    "bing": "bing",
    "duckduckgo": "duckduckgo",
    "ecosia": "ecosia",
    "yahoo": "yahoo",
    "yandex": "yandex",
    "baidu": "baidu",
    "qwant": "qwant",
    "startpage": "startpage",
    "facebook": "facebook",
    "instagram": "instagram",
    "linkedin": "linkedin",
    "lnkd": "linkedin",
    "pinterest": "pinterest",
    "reddit": "reddit",
    "tiktok": "tiktok",
    "twitter": "x",
    "t": "x",
    "x": "x",
    "youtube": "youtube",
    "whatsapp": "whatsapp",
}


def attribute(event: Event, visitor: Visitor, changes: Changes) -> None:
    """Sets source and campaign of a visit whose first page view this is, and counts the visit there."""
    if visitor.entered is None:
        return
    session, before = visitor.entered
    session.source, session.campaign = source_of(event)
    if before is not None:
        count_visit(before, changes, -1)
    count_visit(session, changes)
    if not visitor.remembered:
        return
    if before is None:
        visitor.count("visits", 1)
    state = visitor.state
    now = touch(session)
    if not state.first.time or now.time <= state.first.time or (before and touch(before) == state.first):
        state.first = now
        visitor.traits_changed = True
    if now.time >= state.latest.time or (before and touch(before) == state.latest):
        state.latest = now
        visitor.traits_changed = True


def source_of(event: Event) -> tuple[str, str]:
    """(source, campaign) of a page view; the campaign is "" without one."""
    query = event.query
    if query:
        named = query.get("utm_source", "")
        if named:
            return named.strip().lower()[:100], query.get("utm_campaign", "").strip()[:100]
    return (_site_name(event.referrer.split("/", 1)[0]) if event.referrer else DIRECT), ""


@lru_cache(4_096)
def _site_name(host: str) -> str:
    """A referring host as people call it: "www.google.co.uk" is "google"; unknown ones keep their host."""
    labels = host.lower().removeprefix("www.").split(":")[0].split(".")
    for index, label in enumerate(labels[:-1]):
        # "t.co" and "x.com" are the whole name; longer names may stand before a two-part suffix
        if label in KNOWN and (len(label) > 1 or ".".join(labels[index:]) in ("t.co", "x.com")):
            return KNOWN[label]
    return ".".join(labels)[:100]
