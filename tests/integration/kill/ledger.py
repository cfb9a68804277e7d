"""What a sender was answered, event by event, in a file: what was answered 2xx must be found again, once.

A line for each event and each attempt: its id, the answer (0 for none), when and how long that took, and what it adds
to the numbers. The file alone says what the log, Redis and Prometheus must show.
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
    """Numbers that follow from events, whoever says them."""

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
        """Events that this counts and `other` does not: at least so many."""
        named = (self.views - other.views).total() + (self.custom - other.custom).total()
        named += max(0, self.bot_events - other.bot_events)
        return max(self.events - other.events, named, int(self.engaged_ms > other.engaged_ms), 0)


class Ledger:
    """A file that grows by a line for each event of a message, as it is answered."""

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
    """A ledger as it lies on disk; a last line that was cut is left out."""
    with path.open() as file:
        for text in file:
            if text.endswith("\n"):
                yield Line(*json.loads(text))


def promised(lines: Iterable[Line]) -> tuple[set[Id], Counted]:
    """What was answered 2xx, each event once."""
    ids: set[Id] = set()
    counted = Counted()
    for line in lines:
        if line.is_promised and line.id not in ids:
            ids.add(line.id)
            counted.add(line)
    return ids, counted
