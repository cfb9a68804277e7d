"""A Redis command as the store's script takes it."""

from __future__ import annotations

from collections.abc import Iterator

Command = list[str]

MOST_PAIRS = 400  # of one command: Lua's unpack died at 8,000 arguments, after earlier writes had landed


def in_parts(words: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(words), 2 * MOST_PAIRS):
        yield words[start : start + 2 * MOST_PAIRS]
