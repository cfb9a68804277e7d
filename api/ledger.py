"""The lanes' ledgers: log end = the sum of the outcomes in SETTLED + pending.

A lane's place and its ledger are in one hash written by one script, so they always agree. The lanes are read before the
log's ends, which only grow: a healthy lane is never ahead of its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SETTLED = ("applied", "duplicate", "conflict", "too_late", "erased", "dead", "derived", "skipped")
"""Fields of `keys.lane`: the possible outcomes of a record."""

PENDING = "pending"


@dataclass
class Ledger:
    """The sum over lanes, in records."""

    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*SETTLED, PENDING), 0))
    difference: int = 0  # absolute values per lane, so that two errors cannot cancel out

    def add(self, lane: Mapping[bytes, bytes], *, end: int) -> None:
        """Add one lane: its hash, and the end of its log, which was read later."""
        settled = {state: int(lane.get(state.encode(), 0)) for state in SETTLED}
        for state, count in settled.items():
            self.records[state] += count
        place = place_of(lane)
        self.records[PENDING] += max(0, end - place)
        self.difference += abs(place - sum(settled.values())) + max(0, place - end)


def place_of(lane: Mapping[bytes, bytes]) -> int:
    """The next offset that the lane's processor reads; 0 for a lane that was never written."""
    return int(lane.get(b"offset", 0))
