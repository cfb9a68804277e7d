"""Where a visit came from: its first page view's campaign parameters, else the page that linked to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from crm.visits.referrers import class_of_name, known
from wakeline.labels import cut

MAX_NAME = 100  # characters of a source or campaign
APPS = "android-app://"  # begins the referrer of a link in an app of Android; the app's name follows

DIRECT = "direct"
REFERRAL = "referral"
OTHER = "other"
CLASSES = (DIRECT, "search", "social", "ai_assistant", REFERRAL, OTHER)
"""What a source is: a visit without one; three that a list knows; any other site or app; the site's own word."""


def source_of(query: Mapping[str, str], referrer: str) -> tuple[str, str]:
    """(source, campaign) of a page view, by its kept query and its referrer; "" for no campaign.

    The source is `utm_source`, else what people call the referring site ("google", its host where it has no name),
    else "direct"; the campaign is `utm_campaign`, whatever the source is.
    """
    if not query:
        return (_of_referrer(referrer) if referrer else DIRECT), ""
    named = query.get("utm_source", "").strip().lower()
    source = cut(named, MAX_NAME) if named else _of_referrer(referrer) if referrer else DIRECT
    return source, cut(query.get("utm_campaign", "").strip(), MAX_NAME)


@lru_cache(4_096)
def class_of(source: str) -> str:
    """Which of CLASSES a source is. A word of the site's own (`utm_source=newsletter`) is "other"."""
    if source == DIRECT:
        return DIRECT
    if kind := class_of_name(source):
        return kind
    if "." not in source:
        return OTHER
    found = known(source)
    return found.kind if found else REFERRAL


@lru_cache(4_096)
def _of_referrer(referrer: str) -> str:
    """The site of a referrer as people call it: "www.google.co.uk/" is "google"; others keep their host without www."""
    host, slash, path = referrer.removeprefix(APPS).partition("/")
    if host.count(":") == 1:
        host = host.partition(":")[0]
    host = host.lower().rstrip(".")
    if found := known(host, slash + path):
        return found.name
    return cut(host.removeprefix("www."), MAX_NAME)
