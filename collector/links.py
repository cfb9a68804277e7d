"""Addresses among an event's properties: read as the page's browser reads them, so that masks hold. Pure, linear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from collector.cards import REDACTED, redact_cards_in_path
from collector.clean import clean_text, redact
from collector.urls import Mask, Page, clean_path, masked, slashed, typed
from wakeline.hosts import split

MAX_FOLDERS = 100_000  # characters of the page's folder that are read for the addresses of one event

WEB = re.compile(r"(https?:)?([/\\]*)(.*)", re.IGNORECASE | re.DOTALL)  # every text: scheme, slashes, what follows
FILE = re.compile("(?:blob|data):", re.IGNORECASE)  # made by the page itself; what follows is a name or content


def plain_link(name: str, text: str) -> str:
    """An address of no site: without people, and otherwise as it is."""
    return redact(typed(text), redact_cards_in_path)


class Links:
    """The addresses among the properties of one event on `url`; `page` gives what is kept of a URL of the site."""

    def __init__(self, url: str, page: Callable[[str], Page | None], masks: Sequence[Mask]) -> None:
        self._url = url
        self._page = page
        self._masks = masks
        self._unread = MAX_FOLDERS

    def clean(self, name: str, text: str) -> str:
        """What is kept of the property `name`.

        Of the site's own pages scheme, host and path, or the path where that was all; of others what was written.
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
        """A relative address in the first reading that a mask holds for, or nothing.

        It is read from the root and from the page, which pages often mix up. Of more than can be read nothing is kept.
        """
        if not self._masks:
            return ""
        if own := self._page(f"https://{text.lstrip('/')}"):  # the host is there, its scheme is not
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
