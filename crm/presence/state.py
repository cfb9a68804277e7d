"""The changes of one call to who is on a site, and who was seen there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeline.durations import NEVER


class Presence:
    """What a call changes of who is on a site, and of who was seen there.

    The result is as if each record had removed the entries that have expired at its time, so it does not depend on how
    the log is divided into calls. For speed, `crm.presence.signs` sets the attributes directly.
    """

    __slots__ = ("gone", "oldest", "over", "pages", "present", "seen")

    def __init__(self) -> None:
        self.present: dict[str, int] = {}  # visitor -> ms until which it counts as on the site; 0: no longer
        self.pages: dict[tuple[str, str], int] = {}  # path and id of a page instance -> ms until which it is open; or 0
        self.seen: dict[str, int] = {}  # visitor -> ms of its last sign
        self.gone: set[str] = set()  # visitors whose signs of before those in `seen` no longer count
        self.over = 0  # ms: what was there before this call, up to this, is removed
        self.oldest = NEVER  # ms: nothing that this call has added is older; nearly always younger than what is removed

    def unsee(self, visitor: str) -> None:
        """Nobody was seen under this id so far."""
        self.gone.add(visitor)
        self.seen.pop(visitor, None)

    def reach(self, upto: int) -> None:
        """What has expired up to `upto`, ms, is removed."""
        if upto > self.over:
            self.over = upto
        if upto >= self.oldest:
            self.expire(upto)

    def expire(self, upto: int) -> None:
        """Remove entries added by this call with a time up to `upto`, ms."""
        for visitor in [visitor for visitor, ms in self.present.items() if ms <= upto]:
            self.present[visitor] = 0
        for page in [page for page, ms in self.pages.items() if ms <= upto]:
            self.pages[page] = 0
        for visitor in [visitor for visitor, ms in self.seen.items() if ms <= upto]:
            del self.seen[visitor]  # one that was there before and is later stays
        marks: tuple[Mapping[Any, int], ...] = (self.present, self.pages, self.seen)
        self.oldest = min((ms for each in marks for ms in each.values() if ms), default=NEVER)
