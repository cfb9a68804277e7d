"""Who opens a mail or follows its links without being a person: by what a request says of itself.

The list of user agents is wakeline/data/mail_machines.txt; crawlers are those of `agents`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from collector.agents import CACHED, MAX_LENGTH, bot_of, legible
from wakeline.definitions import SCANNED_MS

PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")  # by which programs say that they only load ahead
AHEAD = ("prefetch", "prerender", "preview")
WHOLE = "="  # before the whole of a user agent


def is_machine(method: str, headers: Mapping[str, str], *, sent_at: int, now: int) -> bool:
    """Whether a request is one of a program. `sent_at`: of its mail, s since 1970, 0: not known; `now`: ms."""
    if method == "HEAD" or (sent_at and abs(now - sent_at * 1000) < SCANNED_MS):
        return True
    if any(word in headers.get(name, "").lower() for name in PURPOSES for word in AHEAD):
        return True
    return _is_listed(legible(headers.get("User-Agent", "")[:MAX_LENGTH]))


@lru_cache(CACHED)
def _is_listed(agent: str) -> bool:
    whole, part = _list()
    return agent.strip().lower() in whole or part.search(agent) is not None or bool(bot_of(agent))


@cache
def _list() -> tuple[frozenset[str], re.Pattern[str]]:
    text = (files("wakeline") / "data" / "mail_machines.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    whole = frozenset(line.removeprefix(WHOLE).lower() for line in lines if line.startswith(WHOLE))
    parts = [re.escape(line) for line in lines if not line.startswith(WHOLE)]
    return whole, re.compile("|".join(parts), re.IGNORECASE)
