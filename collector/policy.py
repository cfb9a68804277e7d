"""One site's settings, prepared for the hot path: allowed senders, and cleaning of URLs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from collector.addresses import within
from collector.clean import clean_text
from collector.links import Links
from collector.props import Dropped, clean_props
from collector.urls import Page, clean_page, clean_referrer, mask, whole
from wakeline.event import MAX_TITLE
from wakeline.settings import Site

CACHED = 2_048  # a page's URL recurs in its view, engagement and pings; titles and referrers recur too
CACHED_LENGTH = 512  # made-up texts take at most 4 MB per cache; of longer ones only the last is cached

T = TypeVar("T")


SANDBOXED = "null"  # the origin of a sandboxed page
WHOLE = ("https://", "http://")  # prefixes of nearly all URLs


class Policy:
    """The rules of `site`. A site without origins accepts no pages; see `accepts`."""

    def __init__(self, site: Site) -> None:
        self.key = site.key
        self.secret = site.secret
        self.identify_expires = site.identify_expires
        self.purposes = site.purposes
        self.time_zone = site.time_zone
        self.origins = frozenset(site.origins)  # as browsers spell them: the configuration takes no others
        self.hosts = frozenset(host.removesuffix(".") for origin in self.origins if (host := urlsplit(origin).hostname))
        self._query = frozenset(site.query)
        self._masks = tuple(map(mask, site.masks))
        self._own_addresses = site.own_addresses
        self._own_cookie = site.own_cookie
        self.page = short_cached(self._page)
        self.referrer = short_cached(self._referrer)
        self.title = short_cached(self._title)
        self._is_own_address = lru_cache(CACHED)(self._within_own)

    def accepts(self, origin: str | None, *, fetch_site: str | None) -> bool:
        """Whether a request with this Origin may send.

        Browsers add an Origin to every cross-origin POST, including beacons, so a request without one comes from a
        server. It is accepted, as anybody can fake an Origin, unless Sec-Fetch-Site shows that it is a browser whose
        Origin was removed.
        """
        if origin is None:
            return fetch_site is None
        return origin in self.origins

    def whole(self, url: str, origin: str | None) -> str:
        """`url`, resolved if it is relative and the request has an `origin`."""
        if url.startswith(WHOLE) or origin is None or origin == SANDBOXED:
            return url
        return whole(url, origin, is_page=self.page)

    def is_own(self, address: str, cookies: str) -> bool:
        """Whether this is the site's own traffic, by address range or by cookie."""
        if self._own_cookie and cookies and has_cookie(cookies, self._own_cookie):
            return True
        return bool(self._own_addresses) and self._is_own_address(address)

    def props(self, props: Any, dropped: list[Dropped], page: str = "") -> dict[str, Any]:
        """The cleaned properties of a custom event on `page`, a URL; reasons for dropped ones are added to `dropped`.

        Masks apply to all URLs of the site among them.
        """
        return clean_props(props, dropped, Links(page, self.page, self._masks).clean)

    def _within_own(self, address: str) -> bool:
        return within(address, self._own_addresses)

    def _page(self, url: str) -> Page | None:
        return clean_page(url, hosts=self.hosts, query=self._query, masks=self._masks)

    def _referrer(self, url: str) -> str:
        return clean_referrer(url, hosts=self.hosts)

    def _title(self, title: str) -> str:
        return clean_text(title)[:MAX_TITLE]


def short_cached(clean: Callable[[str], T]) -> Callable[[str], T]:
    """`clean`, cached for texts of usual length, and for the last longer one, since each event needs its page twice."""
    cached, latest = lru_cache(CACHED)(clean), lru_cache(1)(clean)
    return lambda text: cached(text) if len(text) <= CACHED_LENGTH else latest(text)


def has_cookie(header: str, name: str) -> bool:
    """Whether a Cookie header has a cookie with this name, whatever its value."""
    return any(pair.strip().partition("=")[0] == name for pair in header.split(";"))
