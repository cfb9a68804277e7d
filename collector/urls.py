"""Cleans URLs of pages and referrers. Pure, linear in their length."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from collector.cards import redact_cards_in_path
from collector.clean import clean_text, redact
from collector.fields import CAMPAIGN_PARAMETERS, names_thing
from wakeline.hosts import LEFT_OUT, ascii_host, split
from wakeline.labels import cut
from wakeline.normalization import nfc
from wakeline.paths import literal, normal, pattern, resolved, shortened, unquoted
from wakeline.vocabulary.names import BREAKS, INVISIBLE, visible
from wakeline.vocabulary.sources import CLICK_IDS, INTERNAL

MAX_QUERY_VALUE = 100  # characters kept
MAX_QUERY_FIELDS = 20  # parameters kept
LONGEST_CLICK_ID = 3 * max(map(len, CLICK_IDS))  # with every character escaped
CAMPAIGN = "utm_"  # prefix of parameters that are kept in any case

HOST = re.compile(r"[\w.:-]{1,253}")
APP = re.compile(r"[A-Za-z][\w]*(?:\.[A-Za-z]\w*)+", re.ASCII)
APPS = "android-app"  # scheme of a referrer that is an Android app
ROUTES = ("/", "!")  # beginnings of a fragment that is a route; pages only send it if the site configured it
BEFORE_QUERY = re.compile(r"[^?#]*")
SCHEME = re.compile("[a-z][a-z0-9+.-]*:", re.IGNORECASE)
PARAMETERS = re.compile(r";[^/]*")  # path parameters


class Page(NamedTuple):
    """The stored parts of an event's URL."""

    host: str  # as browsers spell it, without port
    path: str
    query: dict[str, str]
    click: str  # name of the first click id, see `vocabulary.sources`


def clean_page(url: str, *, hosts: Collection[str], query: Collection[str], masks: Sequence[Mask]) -> Page | None:
    """The page of an absolute http(s) URL on one of `hosts`; None for other texts."""
    try:
        parts = split(slashed(url))
        host = _host(parts.hostname or "")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or host not in hosts:
        return None
    path, fields = parts.path, parts.query
    if parts.fragment.startswith(ROUTES):
        route, _, more = parts.fragment.partition("?")
        path, fields = f"{path or '/'}#{route}", f"{fields}&{more}"
    return Page(host, clean_path(path, masks), clean_query(fields, query), click_id(fields))


def _host(name: str) -> str:
    """As browsers spell it, decoded, and without a trailing dot."""
    return ascii_host(unquoted(name) if "%" in name else name).removesuffix(".")


def whole(url: str, origin: str, *, is_page: Callable[[str], object]) -> str:
    """`url`; if it is relative, resolved against the root of `origin`, as the page's folder is unknown.

    A page of the site without a scheme, escaped or after extra slashes is recognised, so that masks apply. URLs of
    other hosts or schemes are unchanged.
    """
    text = slashed(typed(url))
    plain = unquoted(text)
    for spelling in dict.fromkeys((text, plain)):
        bare = spelling.lstrip("/")
        for read in (bare, f"https://{bare}"):
            if is_page(read):
                return read
    return url if text.startswith("//") or SCHEME.match(plain) else f"{origin}/{text.removeprefix('/')}"


def typed(url: str) -> str:
    """The text as a browser reads it: without surrounding spaces, line breaks and invisible characters."""
    return (url if url.isprintable() else visible(url.translate(LEFT_OUT))).strip()


def slashed(url: str) -> str:
    """Replaces backslashes with slashes, up to the query, as browsers do."""
    return BEFORE_QUERY.sub(lambda found: found[0].replace("\\", "/"), url, count=1) if "\\" in url else url


def clean_referrer(url: str, *, hosts: Collection[str]) -> str:
    """Host and path of a page on another site, or "android-app://" and an app's name; INTERNAL for a page on `hosts`.

    "" if empty, or any other URL.
    """
    try:
        parts = split(url)
        host = _host(parts.hostname or "")
    except ValueError:
        return ""
    if parts.scheme == APPS:
        return f"{APPS}://{redact(host)}" if len(host) <= 253 and APP.fullmatch(host) else ""
    if parts.scheme not in ("http", "https") or not host or not HOST.fullmatch(host):
        return ""
    if host in hosts:
        return INTERNAL
    return redact(host) + clean_path(parts.path, ())


# ---- paths ----------------------------------------------------------------------------------------


def clean_path(path: str, masks: Sequence[Mask]) -> str:
    """A path, and its route if it has one, in normal form: masked, otherwise redacted and shortened."""
    return masked(path, masks) or shortened(normal(_redacted(path or "/")))


def masked(path: str, masks: Sequence[Mask]) -> str:
    """The masked path if a mask matches, otherwise "".

    Masks are matched with the whole, and with path and route separately.
    """
    if not masks:
        return ""
    path = path or "/"
    if kept := _masked(path, masks):
        return kept
    if "#" in path:
        page, _, route = path.partition("#")
        of_page, of_route = _masked_part(page, masks), _masked_part(route, masks)
        if of_page or of_route:
            bang = "!" * (of_route != "" and route[0] == "!")
            return shortened(normal(f"{of_page or _redacted(page)}#{bang}{of_route or _redacted(route)}"))
    elif "%" in path and "#" in unquoted(path):
        return _masked_part(path, masks)
    return ""


def _redacted(path: str) -> str:
    return redact(visible(path), redact_cards_in_path)


class Mask(NamedTuple):
    """A path pattern. If it matches, the pattern itself is stored, with `*` for the hidden part."""

    kept: str  # in normal form
    matches: Callable[[str], object]


def mask(text: str) -> Mask:
    """`*` matches anything including slashes, and is the only wildcard; case is ignored, as many servers do."""
    return Mask(normal(text), pattern(literal(text, "?["), _folded))


def _masked(path: str, masks: Sequence[Mask]) -> str:
    """`path` masked by the first mask that matches one of its spellings, or ""."""
    spellings = _spellings(path)
    return next((mask.kept for mask in masks if any(map(mask.matches, spellings))), "")


def _masked_part(path: str, masks: Sequence[Mask]) -> str:
    """The same for a route, or for a path with an encoded one: "!/a", "/a" and "a" are the path "/a"."""
    routes = ("/" + route.lstrip("!/") for route in unquoted(path).split("#"))
    return next(filter(None, (_masked(route, masks) for route in routes)), "")


def _spellings(path: str) -> list[str]:
    """The paths that a server may read in `path`: a mask that matches one hides the rest of it too."""
    text = unquoted(path).replace("\\", "/")
    text = _folded(text if text.isprintable() else INVISIBLE.sub("", BREAKS.sub("", text)))
    found = {text: None}
    if ";" in text:
        found |= dict.fromkeys(PARAMETERS.sub("", each) for each in list(found))
    if "//" in text or "/." in text or ";" in text:
        found |= dict.fromkeys(map(resolved, list(found)))
    return list(found)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


# ---- queries --------------------------------------------------------------------------------------


def clean_query(query: str, allowed: Collection[str]) -> dict[str, str]:
    """The `utm_*` parameters in any case, with lower-case names, and the `allowed` ones exactly.

    The first occurrence is kept; values are redacted and cut. Click ids are never kept.
    """
    kept: dict[str, str] = {}
    if not query:
        return kept
    for field in query.split("&"):
        name, _, value = field.partition("=")
        if not value:
            continue
        name = _parameter(name)
        if name[: len(CAMPAIGN)].lower() == CAMPAIGN:
            name = name.lower()
        elif name not in allowed or name.lower() in CLICK_IDS:
            continue
        name = cut(clean_text(name), MAX_QUERY_VALUE)
        if name not in kept:
            value = _parameter(value)
            is_number = value.isdecimal() and (name in CAMPAIGN_PARAMETERS or names_thing(name))
            kept[name] = cut(value if is_number else clean_text(value), MAX_QUERY_VALUE)
            if len(kept) == MAX_QUERY_FIELDS:
                break
    return kept


def click_id(query: str) -> str:
    """The name of the first click id with a value; "" for none."""
    for field in query.split("&") if query else ():
        name, _, value = field.partition("=")
        if value and len(name) <= LONGEST_CLICK_ID and (found := _parameter(name).lower()) in CLICK_IDS:
            return found
    return ""


def _parameter(text: str) -> str:
    """Decodes a parameter as in forms."""
    return unquote(text.replace("+", " "))
