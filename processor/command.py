"""A Redis command as the store's script expects it."""

from __future__ import annotations

from collections.abc import Iterator

Command = list[str]

MOST_PAIRS = 400  # per command: Lua's unpack failed at 8,000 arguments, after earlier writes were applied


def in_parts(words: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(words), 2 * MOST_PAIRS):
        yield words[start : start + 2 * MOST_PAIRS]
