"""The tree of files, by their names alone: date=YYYY-MM-DD/lane=NNN/<first offset>-<end offset>.jsonl.gz."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

NAME = re.compile(r"date=(\d{4}-\d\d-\d\d)/lane=(\d{3,4})/(\d{16})-(\d{16})\.jsonl\.gz")


class Segment(NamedTuple):
    """One sealed file: the records first .. end-1 of a lane, all appended on one UTC day. In order of their offsets."""

    lane: int
    first: int
    end: int
    date: str  # YYYY-MM-DD

    @property
    def name(self) -> str:
        """Its path below the root of the tree."""
        return f"date={self.date}/lane={self.lane:03}/{self.first:016}-{self.end:016}.jsonl.gz"


def segment_of(name: str) -> Segment | None:
    """The segment that a path below the root names; None for any other file."""
    found = NAME.fullmatch(name)
    if not found or int(found[3]) >= int(found[4]):
        return None
    return Segment(int(found[2]), int(found[3]), int(found[4]), found[1])


def day_of(ms: int) -> str:
    """The UTC day of an append time."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def chains(segments: Iterable[Segment]) -> dict[int, list[Segment]]:
    """Lane -> the segments to read, in order.

    Files that were merged into one and not deleted yet lie wholly within it and are left out. Two that overlap in
    part, which two archivers at once might leave, stay both: the same offset is the same record in either.
    """
    found: dict[int, list[Segment]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: (segment.lane, segment.first, -segment.end)):
        chain = found[segment.lane]
        if not chain or segment.end > chain[-1].end:
            chain.append(segment)
    return dict(found)
