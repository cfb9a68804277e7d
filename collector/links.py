"""Addresses among an event's properties: read as the page's browser reads them, so that masks hold. Pure, linear."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from collector.cards import redact_cards_in_path
from collector.clean import redact, visible
from collector.urls import Mask, Page, clean_path, masked, slashed
from wakeline.event import MAX_TEXT
from wakeline.hosts import LEFT_OUT, split

WEB = re.compile(r"(https?:)?([/\\]*)(.*)", re.IGNORECASE | re.DOTALL)  # every text: scheme, slashes, what follows


def plain_link(name: str, text: str) -> str:
    """An address of no site: without people, and otherwise as it is."""
    return redact(_typed(text), redact_cards_in_path)


class Links:
    """The addresses of one site's properties; `page` gives what is kept of a URL on its hosts, else None."""

    def __init__(self, page: Callable[[str], Page | None], masks: Sequence[Mask]) -> None:
        self._page = page
        self._masks = masks

    def clean(self, name: str, text: str, page: str) -> str:
        """What is kept of the property `name` of an event on `page`, a URL.

        Of the site's own pages scheme, host and path, or the path where that was all; of others what was written.
        """
        text = _typed(text)
        scheme, slashes, rest = WEB.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches every text
        is_whole = scheme is not None or len(slashes) > 1
        if is_whole and (own := self._page(f"{scheme or 'https:'}//{rest}")):
            return f"{(scheme or 'https:').lower()}//{own.host}{own.path}"
        if scheme is None and slashes and (len(slashes) == 1 or name == "path"):
            return clean_path(slashed(text if name == "path" else text.partition("?")[0]), self._masks)
        is_elsewhere = scheme is not None and len(slashes) > 1
        return ("" if is_elsewhere else self._masked("/" * len(slashes) + rest, page)) or plain_link(name, text)

    def _masked(self, text: str, page: str) -> str:
        """A relative address in the first reading that a mask holds for, or nothing."""
        if not self._masks:
            return ""
        if own := self._page(f"https://{text.lstrip('/')}"):  # the host is there, its scheme is not
            return f"{own.host}{own.path}"
        return next(filter(None, (masked(path, self._masks) for path in _readings(slashed(text), page))), "")


def _typed(text: str) -> str:
    """What a browser reads of an address: nothing around it, no line breaks, and nothing that is not seen."""
    text = text[:MAX_TEXT]
    return (text if text.isprintable() else visible(text.translate(LEFT_OUT))).strip()


def _readings(text: str, page: str) -> Iterator[str]:
    """The paths that a relative address may mean: from the root, and from the page, which pages often mix up."""
    path, hash, route = text.partition("#")
    path = path.partition("?")[0] + hash + route
    yield path if path[:1] == "/" else f"/{path}"
    if path[:1] not in ("", "/", "#"):
        yield f"{split(page).path.rpartition('/')[0]}/{path}"
