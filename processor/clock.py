"""A lane's time, and whether it is to be believed.

Append times never go back, so a log server's clock that was once a year ahead holds the lane's time there for a year.
Whatever ends by age in that year would be gone for good. So after a jump such ends wait until time has gone on from
there, which it does where the lane was idle, and does not where a clock was wrong and has been set right.
"""

from __future__ import annotations

from wakeline.definitions import LATE_MS
from wakeline.durations import DAY_MS
from wakeline.log import Entry

JUMP_MS = LATE_MS  # between two records of a lane
CONFIRMED_MS = DAY_MS // 2  # less than a jump, so that the tick that waits for it is none


class LaneClock:
    """Follows the append times of a lane's records. A function of them alone, however they are cut into batches."""

    __slots__ = ("doubted", "folded", "time")

    def __init__(self, time: int = 0, doubted: int = 0) -> None:
        self.time = time  # append time of the last record that was met, ms; 0: there was none
        self.folded = time  # of the last one that was folded, which may be the one before
        self.doubted = doubted  # append time (ms) before which nothing ends by age; past: it is as it should be

    def meet(self, time: int) -> None:
        """Go on to a record's append time."""
        if time - self.time > JUMP_MS and self.time:
            self.doubted = time + CONFIRMED_MS
        self.time = time


def keep_order(entries: list[Entry], clock: int) -> None:
    """Make append times non-decreasing: another broker or log may have a clock that is behind."""
    for entry in entries:
        if entry.time < clock:
            entry.time = clock
        else:
            clock = entry.time
