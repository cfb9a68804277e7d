"""File names of the history: date=YYYY-MM-DD/lane=NNN/<first offset>-<end offset>.jsonl.gz."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

NAME = re.compile(r"date=(\d{4}-\d\d-\d\d)/lane=(\d{3,4})/(\d{16})-(\d{16})\.jsonl\.gz")


class Segment(NamedTuple):
    """One sealed file: the records first .. end-1 of a lane, all appended on one UTC day. Sorted by offset."""

    lane: int
    first: int
    end: int
    date: str  # YYYY-MM-DD

    @property
    def name(self) -> str:
        """Its path relative to the root."""
        return f"date={self.date}/lane={self.lane:03}/{self.first:016}-{self.end:016}.jsonl.gz"


def segment_of(name: str) -> Segment | None:
    """The segment with this path; None for other files."""
    found = NAME.fullmatch(name)
    if not found or int(found[3]) >= int(found[4]):
        return None
    return Segment(int(found[2]), int(found[3]), int(found[4]), found[1])


def day_of(ms: int) -> str:
    """The UTC day of an append time."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def chains(segments: Iterable[Segment]) -> dict[int, list[Segment]]:
    """Lane -> the segments to read, in order.

    Files that lie within a merged file, and are not deleted yet, are left out. Files that overlap in part, which two
    concurrent archivers might leave, are both kept: they hold the same record at the same offset.
    """
    found: dict[int, list[Segment]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: (segment.lane, segment.first, -segment.end)):
        chain = found[segment.lane]
        if not chain or segment.end > chain[-1].end:
            chain.append(segment)
    return dict(found)
