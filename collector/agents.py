"""Device, browser, operating system and bot of a user agent. Cached by its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import BestAvailableResolver, Parser, load_lazy_builtins

from collector.clean import clean_text
from collector.people import without_words_of_people
from wakeline.record import NO_USER_AGENT, WEBDRIVER

MAX_NAME = 64  # characters of a browser's or system's name: some patterns take it from the user agent
MAX_LENGTH = 512  # characters examined; with CACHED it limits the memory that made-up agents can use
CACHED = 4_096
GROUP = 25  # crawler patterns per group: nearly all agents match none

DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD"})
PHONES = frozenset({"Windows Phone", "BlackBerry OS", "KaiOS", "Firefox OS", "HarmonyOS"})


class Agent(NamedTuple):
    """The user agent's data in a record."""

    device: str  # desktop, mobile, tablet, other
    browser: str
    os: str
    bot: str  # name of the crawler, "" for a human


@lru_cache(maxsize=CACHED)
def agent_of(user_agent: str, *, webdriver: bool = False) -> Agent:
    """What `user_agent` (cut to MAX_LENGTH) says. Takes about 0.3 ms for a new one.

    An automated browser is a bot, named WEBDRIVER unless its user agent names one.
    """
    found = PARSER.parse(user_agent)
    browser = clean_text(found.user_agent.family)[:MAX_NAME] if found.user_agent else ""
    os = clean_text(found.os.family)[:MAX_NAME] if found.os else ""
    bot = bot_of(user_agent) or (WEBDRIVER if webdriver else "")
    return Agent(device_of(user_agent, os), browser, os, bot)


def legible(header: str) -> str:
    """A header's text with invalid bytes replaced: aiohttp decodes them to lone surrogates."""
    if header.isascii():
        return header
    return header.encode(errors="surrogateescape").decode(errors="replace")


def device_of(user_agent: str, os: str) -> str:
    """Tablets say so (iPad) or lack "Mobile" (Android). An iPad requesting desktop pages claims to be a Mac."""
    if os == "iOS":
        return "tablet" if "iPad" in user_agent else "mobile"
    if os == "Android":
        return "mobile" if "Mobile" in user_agent else "tablet"
    if os in PHONES:
        return "mobile"
    return "desktop" if os in DESKTOPS else "other"


def bot_of(user_agent: str) -> str:
    """The crawler's name as in its pattern; NO_USER_AGENT; "" for a human."""
    if not user_agent.strip():
        return NO_USER_AGENT
    user_agent = without_words_of_people(user_agent)
    for any_of_them, patterns in CRAWLERS:
        if any_of_them.search(user_agent):
            return next(bot_name(pattern) for pattern in patterns if compiled(pattern).search(user_agent))
    return ""


@cache  # more patterns than `re` caches: each new bot took 19 ms
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def bot_name(pattern: str) -> str:
    """`Googlebot\\/` becomes "Googlebot": the first words of a pattern, so that the number of names is limited."""
    plain = re.sub(r"\\(.)", r"\1", re.sub(r"\(\^\| \)|\^|\[\\s\\S\]\*.*|\[([^]-])[^]]*\]", r"\1", pattern))
    words = re.search(r"[A-Za-z0-9][\w .!&'+-]*[\w!+]|\w", plain)
    return words[0] if words else "bot"


def in_groups(patterns: Sequence[str]) -> tuple[tuple[re.Pattern[str], Sequence[str]], ...]:
    """The patterns in order, in groups of GROUP, each with one combined pattern that tests whether any matches."""
    groups = (patterns[first : first + GROUP] for first in range(0, len(patterns), GROUP))
    return tuple((re.compile("|".join(group)), group) for group in groups)


CRAWLERS = in_groups([entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA])
PARSER = Parser(BestAvailableResolver(load_lazy_builtins()))
