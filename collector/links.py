"""URLs in an event's properties: resolved as the page's browser does, so that masks apply. Pure, linear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from collector.cards import redact_cards_in_path
from collector.clean import clean_text, redact
from collector.urls import Mask, Page, clean_path, masked, slashed, typed
from wakeline.hosts import split
from wakeline.labels import REDACTED

MAX_FOLDERS = 100_000  # characters of the page's folder that are resolved for one event

WEB = re.compile(r"(https?:)?([/\\]*)(.*)", re.IGNORECASE | re.DOTALL)  # matches any text: scheme, slashes, rest
FILE = re.compile("(?:blob|data):", re.IGNORECASE)  # created by the page; followed by a name or content


def plain_link(name: str, text: str) -> str:
    """A URL outside the site: redacted, otherwise unchanged."""
    return redact(typed(text), redact_cards_in_path)


class Links:
    """URLs in the properties of one event on `url`; `page` cleans a URL of the site."""

    def __init__(self, url: str, page: Callable[[str], Page | None], masks: Sequence[Mask]) -> None:
        self._url = url
        self._page = page
        self._masks = masks
        self._unread = MAX_FOLDERS

    def clean(self, name: str, text: str) -> str:
        """The cleaned property `name`.

        For pages of the site scheme, host and path, or only the path if it was relative; other URLs keep their form.
        """
        text = typed(text)
        if FILE.match(text) and name != "path":
            return clean_text(text)
        scheme, slashes, rest = WEB.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches every text
        is_whole = scheme is not None or len(slashes) > 1
        if is_whole and (own := self._page(f"{scheme or 'https:'}//{rest}")):
            return f"{(scheme or 'https:').lower()}//{own.host}{own.path}"
        if scheme is None and slashes and (len(slashes) == 1 or name == "path"):
            return clean_path(slashed(text if name == "path" else text.partition("?")[0]), self._masks)
        is_elsewhere = scheme is not None and len(slashes) > 1
        return ("" if is_elsewhere else self._masked("/" * len(slashes) + rest)) or plain_link(name, text)

    def _masked(self, text: str) -> str:
        """A relative URL in its first interpretation that a mask matches, or "".

        It is resolved against the root and against the page, which pages often confuse. Over-long ones are dropped.
        """
        if not self._masks:
            return ""
        if own := self._page(f"https://{text.lstrip('/')}"):  # a host without a scheme
            return f"{own.host}{own.path}"
        path, hash, route = slashed(text).partition("#")
        path = path.partition("?")[0] + hash + route
        if path[:1] in ("", "/", "#"):
            return masked(path if path[:1] == "/" else f"/{path}", self._masks)
        if kept := masked(f"/{path}", self._masks):
            return kept
        self._unread -= len(self._folder)
        return masked(f"{self._folder}/{path}", self._masks) if self._unread >= 0 else REDACTED

    @cached_property
    def _folder(self) -> str:
        return split(slashed(self._url)).path.rpartition("/")[0]
