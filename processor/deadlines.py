"""The deadlines that the records of one call may reach, in order of time, then of the person.

They lie in the lane's due set: "<site>/<id>" and the append time at which that person's deadlines are looked at, which
may be too early, never too late. The worker fills in what is due up to the last record of the call; what a rule adds
meanwhile comes by `Changes.wake`. An entry that was moved since is no longer what the person waits for, and is skipped.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from processor.batch import Who
from wakeline.durations import NEVER

Due = tuple[int, str, Who]  # append time (ms), member of the due set, whom it means


class Deadlines:
    """Those up to `horizon`, the append time (ms) of the last record of the call."""

    def __init__(self) -> None:
        self.next = NEVER  # append time of the first one, or of where those that were filled in end
        self.horizon = 0
        self._heap: list[Due] = []
        self._end: tuple[int, str] = (NEVER, "")  # more lie in the due set behind this one

    def fill(self, due: list[Due], *, horizon: int, is_all: bool) -> None:
        """Those of the due set, in its order; `is_all`: there are no more up to the horizon."""
        self._heap = due
        heapify(self._heap)
        self.horizon = horizon
        self._end = (NEVER, "") if is_all else due[-1][:2]
        self._settle()

    def push(self, at: int, member: str, who: Who) -> None:
        """Somebody waits for `at` now."""
        if at <= self.horizon:
            heappush(self._heap, (at, member, who))
            self._settle()

    def pop(self, now: int) -> tuple[int, Who] | None:
        """The first one that append time `now` has reached: its time, and whom it means.

        None: there is none, or, if `next` is not later than `now`, more are to be filled in first.
        """
        if not self._heap or self._heap[0][0] > now or self._heap[0][:2] > self._end:
            return None
        at, _, who = heappop(self._heap)
        self._settle()
        return at, who

    def _settle(self) -> None:
        self.next = min(self._heap[0][0] if self._heap else NEVER, self._end[0])


def whose(member: str) -> Who:
    """Whom a member of the due set means."""
    site, _, id = member.partition("/")
    return site, id
