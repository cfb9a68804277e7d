"""Addresses and text without people in them. Pure, never raises, linear in the length of its input."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from collector.cards import REDACTED, Redact, redact_cards, redact_cards_in_path
from collector.fields import CAMPAIGN_PARAMETERS, names_thing
from wakeline.event import MAX_INTEREST, MAX_INTERESTS

MAX_PATH = 500  # characters kept
MAX_QUERY_VALUE = 100
MAX_QUERY_FIELDS = 20  # parameters kept
MAX_DECODINGS = 3  # how often "%2525..." is decoded to find what hides in it

# Line breaks become spaces; other controls, bidirectional overrides (a title that reads as another) and
# invisible characters (an e-mail address that is none to a pattern) go. The joiners of emoji stay.
BREAKS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

LOCAL = r"[\w.%+'-]"  # the lookbehind makes it start once per run of such characters: linear
EMAIL_LIKE = re.compile(rf"(?<!{LOCAL}){LOCAL}+@(?:[\w-]{{1,63}}\.){{1,8}}(?:xn--[\w-]{{1,59}}|[^\W\d_]{{2,63}})")
HOST = re.compile(r"[\w.:-]{1,253}")


ROUTES = ("/", "!")  # a fragment that begins so is a route; pages send it only where the site asks for it


class Page(NamedTuple):
    """What is kept of an event's URL."""

    host: str  # lower case, without port
    path: str
    query: dict[str, str]


def clean_page(url: str, *, hosts: Collection[str], query: Collection[str], masks: Sequence[Mask]) -> Page | None:
    """The page of an absolute http(s) URL on one of `hosts`; None for any other string."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or host not in hosts:
        return None
    path, fields = parts.path, parts.query
    if parts.fragment.startswith(ROUTES):
        route, _, more = parts.fragment.partition("?")
        path, fields = f"{path or '/'}#{route}", f"{fields}&{more}"
    return Page(host, clean_path(path, masks), clean_query(fields, query))


def clean_referrer(url: str, *, hosts: Collection[str]) -> str:
    """Host and path of a page elsewhere; "" for none, for a page on `hosts` and for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or host in hosts or not HOST.fullmatch(host):
        return ""
    return redact(host) + clean_path(parts.path, ())


def clean_path(path: str, masks: Sequence[Mask]) -> str:
    """A URL's path: the pattern of the first mask that matches, else redacted and cut to MAX_PATH."""
    path = path or "/"
    if masks:
        plain = decoded(path)
        for mask in masks:
            if mask.regex.fullmatch(path) or mask.regex.fullmatch(plain):
                return mask.pattern
    return redact(visible(path), redact_cards_in_path)[:MAX_PATH]


class Mask(NamedTuple):
    """A path pattern. Where it matches, the pattern itself is what is kept: `*` for the part it hides."""

    pattern: str
    regex: re.Pattern[str]


def mask(pattern: str) -> Mask:
    """`*` matches anything, slashes too; case does not matter: many servers take either."""
    parts = (re.escape(part) for part in re.split(r"\*+", pattern))
    return Mask(pattern, re.compile(".*".join(parts), re.IGNORECASE | re.DOTALL))


def clean_query(query: str, allowed: Collection[str]) -> dict[str, str]:
    """The `utm_*` and `allowed` parameters, first come, first kept; values redacted and cut."""
    kept: dict[str, str] = {}
    if not query:
        return kept
    for name, value in parse_qsl(query, errors="replace"):
        if (name.startswith("utm_") or name in allowed) and len(kept) < MAX_QUERY_FIELDS:
            is_number = value.isdecimal() and (name in CAMPAIGN_PARAMETERS or names_thing(name))
            cleaned = value if is_number else clean_text(value)
            kept.setdefault(clean_text(name)[:MAX_QUERY_VALUE], cleaned[:MAX_QUERY_VALUE])
    return kept


def clean_text(text: str) -> str:
    """`text` without controls, invisible characters, e-mail-like and card-like strings."""
    return redact(visible(text))


def visible(text: str) -> str:
    if text.isprintable():  # one pass in C; true for nearly all text
        return text
    return INVISIBLE.sub("", BREAKS.sub(" ", text))


def redact(text: str, cards: Redact = redact_cards) -> str:
    """`text` with what looks like an e-mail address or a payment card replaced, also where percent-encoded."""
    if "%" in text:
        plain = decoded(text)
        found = cards(redact_emails(plain))
        if found != plain:
            return found
    return cards(redact_emails(text))


def decoded(text: str) -> str:
    """`text` percent-decoded until nothing changes, at most MAX_DECODINGS times, and made visible again."""
    for _ in range(MAX_DECODINGS):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return visible(text)


def redact_emails(text: str) -> str:
    return EMAIL_LIKE.sub(REDACTED, text) if "@" in text else text


def clean_thing(name: str) -> str:
    """The name of a thing, such as an order: as `clean_text`, but digits are never taken for a card's."""
    return redact(visible(name), str)


def clean_interests(labels: Iterable[str]) -> list[str]:
    """The first MAX_INTERESTS labels of which something is left, made clean and cut."""
    cleaned = (clean_text(label).strip()[:MAX_INTEREST] for label in labels)
    return list(islice(filter(None, cleaned), MAX_INTERESTS))
