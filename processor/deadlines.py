"""The deadlines that are due during one call, ordered by time, then by person.

They are stored in the lane's due set: "<site>/<id>" with the append time at which that person's deadlines are checked,
which may be too early, but never too late. The worker loads the entries due up to the last record of the call;
`Changes.wake` adds those that rules set meanwhile. An entry that was moved since then is skipped.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import isfinite
from typing import Any

from processor.batch import Who
from wakeline.durations import NEVER

Due = tuple[int, str, Who]  # append time (ms), member of the due set, its person


class Deadlines:
    """The deadlines up to `horizon`, the append time (ms) of the call's last record."""

    def __init__(self) -> None:
        self.next = NEVER  # append time of the first entry, or of the last loaded one if it is earlier
        self.horizon = 0
        self._heap: list[Due] = []
        self._end: tuple[int, str] = (NEVER, "")  # the last loaded entry, if the due set has more

    def fill(self, due: list[Due], *, horizon: int, is_all: bool) -> None:
        """Take the first entries of the due set, in its order; `is_all`: there are no more up to the horizon."""
        self._heap = due
        heapify(self._heap)
        self.horizon = horizon
        self._end = (NEVER, "") if is_all else due[-1][:2]
        self._settle()

    def push(self, at: int, member: str, who: Who) -> None:
        """Add an entry at `at`, if it is within the horizon."""
        if at <= self.horizon:
            heappush(self._heap, (at, member, who))
            self._settle()

    def pop(self, now: int) -> tuple[int, Who] | None:
        """Remove the first entry due at append time `now`; returns its time and person.

        None: none is due or, if `next` is not later than `now`, more must be loaded first.
        """
        if not self._heap or self._heap[0][0] > now or self._heap[0][:2] > self._end:
            return None
        at, _, who = heappop(self._heap)
        self._settle()
        return at, who

    def _settle(self) -> None:
        self.next = min(self._heap[0][0] if self._heap else NEVER, self._end[0])


def time_of(score: Any) -> int:
    """The append time (ms) that a score of the due set names; one that is no time is due at once, or never."""
    return int(score) if isfinite(score) else NEVER if score > 0 else 1


def scheduled_at(score: float) -> int:
    """The same for a person who is looked at anyway: one who would wait for ever does not wait."""
    at = time_of(score)
    return at if at < NEVER else 0


def whose(member: str) -> Who:
    """The person of a member of the due set."""
    site, _, id = member.partition("/")
    return site, id
