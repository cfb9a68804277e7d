"""What a call tells the lanes of customers, as records of the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from crm.changes import Changes
from processor.memory import LaneMemory
from wakeline.lanes import lane_of
from wakeline.record import CustomerShare, Delta

SHARES_SIZE = 4_000  # shares and interests of one delta: some 400 KB, a record of the log may have ten times that


def deltas(changes: Changes, memory: LaneMemory, *, lanes: int, upto: int) -> Iterator[tuple[int, Delta]]:
    """The shares of a call, each delta with the lane of customers that it is for; `upto` is the call's place."""
    by_lane: defaultdict[int, list[CustomerShare]] = defaultdict(list)
    for share in changes.shares:
        by_lane[lane_of(share.site, share.customer, lanes)].append(share)
    for target, shares in by_lane.items():
        after = memory.sent.get(target, 0)
        for portion, end in portions(shares, upto):
            yield target, Delta(source=changes.lane, after=after, upto=end, shares=portion)
            after = end


def portions(shares: list[CustomerShare], upto: int) -> Iterator[tuple[list[CustomerShare], int]]:
    """Runs of shares that one record of the log can hold, each with the offset before which all of its records lie."""
    start = size = 0
    for index, share in enumerate(shares):
        if size >= SHARES_SIZE and share.at != shares[index - 1].at:
            yield shares[start:index], share.at
            start, size = index, 0
        size += 1 + len(share.interests)
    yield shares[start:], upto
