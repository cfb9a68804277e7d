"""Sites and apps that people know by name: search engines, social networks, AI assistants.

The list is Matomo's, in wakeline/data/sources.csv; the README.md beside it says of which day. It is read with these
differences:

- Partners that show the results of a big engine (suche.gmx.net, www.cnn.com) are not called by its name: a referrer
  holds no search words, so nobody could tell a search there from a link in an article. They go by their host.
- All that a big engine searches (images, news, maps) has one name, that of the engine.
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

SEARCH, SOCIAL, AI_ASSISTANT = "search", "social", "ai_assistant"
RANK = (AI_ASSISTANT, SOCIAL, SEARCH)  # the class of a name that the list has in several

ENGINES = frozenset(("google", "bing", "yahoo", "yandex", "baidu"))  # each has partners, and other services
ONLY_ENGINES = frozenset(("duckduckgo", "ecosia", "qwant", "startpage"))  # any host of these is the engine
RENAMED = {"twitter": "x"}
MORE = (
    (SEARCH, "Yandex", "ya.ru"),
    (SEARCH, "Qwant", "qwant.com"),
    (SOCIAL, "WhatsApp", "whatsapp.com"),
    (SOCIAL, "WhatsApp", "wa.me"),
    # apps of Android, as their links name themselves
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
ANY = "{}"  # stands in the list for a country
COUNTRY = re.compile(r"(?:com?\.)?[a-z]{2}")  # the ending of a host
PREFIX = re.compile(r"^(?:www\d*|m|mobile)\.(?=[^.]*\.)")
SEARCHES = re.compile(r"(?:i?search|suche|buscar|busca|recherche)\d*\.")  # begins the host of a partner


class Known(NamedTuple):
    name: str  # in lower case
    kind: str  # SEARCH, SOCIAL, AI_ASSISTANT


class Table(NamedTuple):
    hosts: dict[str, Known]  # `{}` stands for a country's ending at the end, else for a country of two letters
    paths: dict[str, list[tuple[str, Known]]]  # host -> what only a part of it is called
    names: dict[str, str]  # -> class


def prepare() -> None:
    """Read the lists now, once: 40 ms that no event should wait for."""
    _table()
    _suffixes()


def known(host: str, path: str = "") -> Known | None:
    """What people call a host (in lower case) and a path on it, or the app of that name; None for any other."""
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
    """SEARCH, SOCIAL or AI_ASSISTANT of a name in lower case, "" for one that is not in the list."""
    return _table().names.get(name, "")


def _spellings(host: str) -> Iterator[str]:
    """The host, and it with a country in it left open.

    A country is its code, or that with "co" or "com": below other endings (me.uk, ltd.uk) a big name may be anybody's.
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
    """Endings below which anybody may have a name. Those that a company gave out (github.io) are not among them.

    Nor is what ends in no domain that there is.
    """
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
