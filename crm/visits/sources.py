"""The source of a visit: from the campaign parameters of its first page view, else from the referrer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from crm.visits.referrers import class_of_name, known
from wakeline.labels import cut

MAX_NAME = 100  # characters of a source or campaign
APPS = "android-app://"  # prefix of an Android app's name in a referrer

DIRECT = "direct"
REFERRAL = "referral"
OTHER = "other"
CLASSES = (DIRECT, "search", "social", "ai_assistant", REFERRAL, OTHER)
"""Classes of sources: no source; three from the list; any other site or app; the site's own `utm_source`."""


def source_of(query: Mapping[str, str], referrer: str) -> tuple[str, str]:
    """(source, campaign) of a page view, by its kept query and its referrer; "" for no campaign.

    The source is `utm_source`, else the name of the referring site ("google", or its host if it has no name), else
    "direct". The campaign is `utm_campaign`, whatever the source.
    """
    if not query:
        return (_of_referrer(referrer) if referrer else DIRECT), ""
    named = query.get("utm_source", "").strip().lower()
    source = cut(named, MAX_NAME) if named else _of_referrer(referrer) if referrer else DIRECT
    return source, cut(query.get("utm_campaign", "").strip(), MAX_NAME)


@lru_cache(4_096)
def class_of(source: str) -> str:
    """The class of a source, from CLASSES. The site's own word (`utm_source=newsletter`) is "other"."""
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
    """The name of a referring site: "google" for "www.google.co.uk/"; its host without www if it has no name."""
    host, slash, path = referrer.removeprefix(APPS).partition("/")
    if host.count(":") == 1:
        host = host.partition(":")[0]
    host = host.lower().rstrip(".")
    if found := known(host, slash + path):
        return found.name
    return cut(host.removeprefix("www."), MAX_NAME)
