"""Page instances of a visitor."""

from __future__ import annotations

from msgspec import Struct


class Page(Struct, array_like=True, gc=False):
    """One page instance: which of its events were seen, whether it is open, what it is about."""

    upto: int = 0  # events 0 .. upto-1 were all seen
    seen_bitmap: str = ""  # hex bitmap of those seen from `upto` on: the newest often arrive first
    last_heartbeat: int = 0  # time of the latest event that shows it open, ms
    left: int = 0  # time of the latest leave, ms
    interests: list[str] | None = None  # known once its page view came
    pending: float = 0.0  # stored score of engagement that came before the page view


class Outside:
    """Page instances that lie outside of a visitor's state: as JSON, those that the present batch names or moved."""

    __slots__ = ("known", "unwritten")

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.unwritten: set[str] = set()
