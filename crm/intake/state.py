"""Page instances of a visitor."""

from __future__ import annotations

from msgspec import Struct


class Page(Struct, array_like=True, gc=False):
    """One page instance: the events seen, whether it is open, its interests, and how far it was scrolled.

    Of `last_heartbeat` and `left` only the later is kept, the other is 0; earlier versions stored both.
    """

    upto: int = 0  # events 0 .. upto-1 were all seen
    seen_bitmap: str = ""  # hex bitmap of those seen from `upto` on, as events may arrive out of order
    last_heartbeat: int = 0  # time of the latest event that shows the page open, ms
    left: int = 0  # time of the latest leave, ms
    interests: list[str] | None = None  # None until the page view arrives
    pending: int | float = 0  # not 0.0, which takes more; stored score of engagement that arrived before the page view
    scroll: int = 0  # percent: the deepest point that the site has counted; -1: it counts under another id
    measured: int = 0  # what it told of its speed, so that it counts once: see `crm.content.speed`

    def leave(self, time: int) -> None:
        """Note that it was left at `time`, ms."""
        if time > self.left and time >= self.last_heartbeat:
            self.left, self.last_heartbeat = time, 0


class Outside:
    """Page instances outside a visitor's state, as JSON: those that the current batch names or moved."""

    __slots__ = ("known", "unwritten")

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.unwritten: set[str] = set()
