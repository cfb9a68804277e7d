"""Names of known sites and apps: search engines, social networks, AI assistants.

The list is Matomo's, in wakeline/data/sources.csv, with its date in the README.md beside it. It is read with these
differences:

- Partners that show the results of a big engine (suche.gmx.net, www.cnn.com) keep their host as name: a referrer has
  no search words, so a search there cannot be distinguished from a link in an article.
- All services of a big engine (images, news, maps) have the engine's name.
- A network that is also listed as an engine is a network.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import unquote

from publicsuffixlist import PublicSuffixList

from wakeline.hosts import MAX_HOST
from wakeline.vocabulary.sources import AI_ASSISTANT, SEARCH, SOCIAL

RANK = (AI_ASSISTANT, SOCIAL, SEARCH)  # precedence, if the list has a name in several classes

ENGINES = frozenset(("google", "bing", "yahoo", "yandex", "baidu"))  # engines with partners and other services
ONLY_ENGINES = frozenset(("duckduckgo", "ecosia", "qwant", "startpage"))  # all hosts of these are the engine
RENAMED = {"twitter": "x"}
MORE = (
    (SEARCH, "Yandex", "ya.ru"),
    (SEARCH, "Qwant", "qwant.com"),
    (SOCIAL, "WhatsApp", "whatsapp.com"),
    (SOCIAL, "WhatsApp", "wa.me"),
    # Android apps, by the name in their links' referrers
    (SOCIAL, "Facebook", "com.facebook.katana"),
    (SOCIAL, "Instagram", "com.instagram.android"),
    (SOCIAL, "LinkedIn", "com.linkedin.android"),
    (SOCIAL, "Pinterest", "com.pinterest"),
    (SOCIAL, "TikTok", "com.zhiliaoapp.musically"),
    (SOCIAL, "Twitter", "com.twitter.android"),
    (SOCIAL, "WhatsApp", "com.whatsapp"),
    (SOCIAL, "YouTube", "com.google.android.youtube"),
    (AI_ASSISTANT, "ChatGPT", "com.openai.chatgpt"),
)
ANY = "{}"  # stands for a country in the list
COUNTRY = re.compile(r"(?:com?\.)?[a-z]{2}")  # the ending of a host
PREFIX = re.compile(r"^(?:www\d*|m|mobile)\.(?=[^.]*\.)")
SEARCHES = re.compile(r"(?:i?search|suche|buscar|busca|recherche)\d*\.")  # the start of a partner's host


class Known(NamedTuple):
    name: str  # in lower case
    kind: str  # SEARCH, SOCIAL, AI_ASSISTANT


class Table(NamedTuple):
    hosts: dict[str, Known]  # `{}` is a country's ending at the end of a host, elsewhere a two-letter country code
    paths: dict[str, list[tuple[str, Known]]]  # host -> path prefixes with names of their own
    names: dict[str, str]  # -> class


def prepare() -> None:
    """Read the lists in advance: this takes 40 ms, which would delay the first event."""
    _table()
    _suffixes()


def known(host: str, path: str = "") -> Known | None:
    """Name and class of a host (in lower case) with a path, or of an app; None if unknown."""
    if len(host) > MAX_HOST or ANY in host:
        return None
    table = _table()
    bare = PREFIX.sub("", host)
    spellings = [*_spellings(host), *_spellings(bare)] if bare != host else list(_spellings(host))
    for spelling in spellings:
        for start, found in table.paths.get(spelling, ()):
            if path == start or path.startswith(f"{start}/"):
                return found
    for spelling in spellings:
        if spelling in table.hosts:
            return table.hosts[spelling]
    own = _suffixes().privatesuffix(host) or host
    while len(bare) > len(own):
        bare = bare.partition(".")[2]
        above = table.hosts.get(bare)
        if above and (above.kind != SEARCH or above.name in ONLY_ENGINES):
            return above
    return None


def class_of_name(name: str) -> str:
    """SEARCH, SOCIAL or AI_ASSISTANT for a name in lower case; "" if the list does not have it."""
    return _table().names.get(name, "")


def _spellings(host: str) -> Iterator[str]:
    """The host, and its variants with `{}` in place of a country.

    A country is a code, optionally after "co" or "com": under other endings (me.uk, ltd.uk) anybody may own the name.
    """
    yield host
    suffix = _suffixes().publicsuffix(host) or ""
    if COUNTRY.fullmatch(suffix):
        yield host[: -len(suffix)] + ANY
    labels = host.split(".")
    for index in range(min(2, len(labels) - 2)):
        if len(labels[index]) == 2:
            yield ".".join((*labels[:index], ANY, *labels[index + 1 :]))


@cache
def _suffixes() -> PublicSuffixList:
    """Public suffixes, without those of companies (github.io) and without unknown top-level domains."""
    return PublicSuffixList(only_icann=True, accept_unknown=False)


@cache
def _table() -> Table:
    found = Table({}, {}, {})
    rows = [(row["class"], row["name"], row["host"]) for row in csv.DictReader(_text().splitlines())]
    for kind, name, place in (*rows, *MORE):
        host, _, path = place.partition("/")
        host = host.removeprefix("www.")
        name = _short(kind, unquote(name).lower(), host)
        if name:
            best = min(kind, found.names.get(name, kind), key=RANK.index)
            found.names[name] = best
            if path:
                found.paths.setdefault(host, []).append((f"/{path.rstrip('/')}", Known(name, best)))
            elif host not in found.hosts or RANK.index(best) < RANK.index(found.hosts[host].kind):
                found.hosts[host] = Known(name, best)
    return found


def _short(kind: str, name: str, host: str) -> str:
    first = name.split()[0].rstrip("!")
    if kind == SEARCH and first in ENGINES:
        if first in host or host == "ya.ru":
            return first
        return host if SEARCHES.match(host) else ""
    return RENAMED.get(name, name)


def _text() -> str:
    return (files("wakeline") / "data" / "sources.csv").read_text(encoding="utf-8")
