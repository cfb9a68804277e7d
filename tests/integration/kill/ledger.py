"""A sender's ledger in a file: events answered 2xx must be stored exactly once.

One line per event and attempt: its id, the answer (0 for none), time and duration, and its contribution to the numbers.
The expected content of the log, Redis and Prometheus follows from this file alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from tests.integration.kill.traffic import Message

PREDEFINED = frozenset(("page_view", "engagement", "ping", "identify", "consent"))

Id = tuple[str, int]  # page instance, number


class Line(NamedTuple):
    """`at`: ms since 1970, when the answer came; `took`: ms; `answer`: HTTP status, 0 for none."""

    at: int
    took: float
    answer: int
    page: str
    n: int
    type: str
    path: str
    engaged_ms: int
    is_bot: bool

    @property
    def id(self) -> Id:
        return self.page, self.n

    @property
    def is_promised(self) -> bool:
        return 200 <= self.answer < 300


@dataclass
class Counted:
    """Numbers derived from events, whatever their source."""

    events: int = 0
    bot_events: int = 0
    engaged_ms: int = 0
    views: Counter[str] = field(default_factory=Counter)  # of people, by path
    custom: Counter[str] = field(default_factory=Counter)  # of people, by name

    def add(self, line: Line) -> None:
        self.events += 1
        if line.is_bot:
            self.bot_events += 1
            return
        self.engaged_ms += line.engaged_ms
        if line.type == "page_view":
            self.views[line.path] += 1
        elif line.type not in PREDEFINED:
            self.custom[line.type] += 1

    def beyond(self, other: Self) -> int:
        """Lower bound for the number of events that this counts and `other` does not."""
        named = (self.views - other.views).total() + (self.custom - other.custom).total()
        named += max(0, self.bot_events - other.bot_events)
        return max(self.events - other.events, named, int(self.engaged_ms > other.engaged_ms), 0)


class Ledger:
    """A file that gets a line for each event of an answered message."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a")

    def enter(self, message: Message, *, answer: int, at: int, took: float) -> None:
        """`at`: ms since 1970, `took`: ms."""
        for event in message.events:
            self._file.write(json.dumps(_line(message, event, answer, at, took)) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _line(message: Message, event: dict[str, Any], answer: int, at: int, took: float) -> Line:
    path = "/" + event["url"].split("/", 3)[3]
    engaged_ms = event.get("engaged_ms", 0)
    return Line(at, round(took, 1), answer, event["page"], event["n"], event["type"], path, engaged_ms, message.is_bot)


def lines_of(path: Path) -> Iterator[Line]:
    """Lines of a ledger file; an incomplete last line is ignored."""
    with path.open() as file:
        for text in file:
            if text.endswith("\n"):
                yield Line(*json.loads(text))


def promised(lines: Iterable[Line]) -> tuple[set[Id], Counted]:
    """The events answered 2xx, each once."""
    ids: set[Id] = set()
    counted = Counted()
    for line in lines:
        if line.is_promised and line.id not in ids:
            ids.add(line.id)
            counted.add(line)
    return ids, counted
