"""A Redis command as the store's script expects it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Command = list[Any]
"""Words are text. What SET stores is bytes, and it has this form: SET, key, value, "PX", lifetime (ms)."""

MOST_PAIRS = 400  # per command: Lua's unpack failed at 8,000 arguments, after earlier writes were applied


def in_parts(words: list[str]) -> Iterable[list[str]]:
    if len(words) <= 2 * MOST_PAIRS:  # nearly always: many have two words
        return (words,) if words else ()
    return [words[start : start + 2 * MOST_PAIRS] for start in range(0, len(words), 2 * MOST_PAIRS)]
