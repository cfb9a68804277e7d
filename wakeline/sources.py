"""Where a visit came from: its first page view's campaign parameters, else the page that linked to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

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


def source_of(query: Mapping[str, str], referrer: str) -> tuple[str, str]:
    """(source, campaign) of a page view, by its kept query and its referrer (host and path); "" for no campaign."""
    if query:
        named = query.get("utm_source", "")
        if named:
            return named.strip().lower()[:100], query.get("utm_campaign", "").strip()[:100]
    return (_site_name(referrer.split("/", 1)[0]) if referrer else DIRECT), ""


@lru_cache(4_096)
def _site_name(host: str) -> str:
    """A referring host as people call it: "www.google.co.uk" is "google"; unknown ones keep their host."""
    labels = host.lower().removeprefix("www.").split(":")[0].split(".")
    for index, label in enumerate(labels[:-1]):
        # "t.co" and "x.com" are the whole name; longer names may stand before a two-part suffix
        if label in KNOWN and (len(label) > 1 or ".".join(labels[index:]) in ("t.co", "x.com")):
            return KNOWN[label]
    return ".".join(labels)[:100]
