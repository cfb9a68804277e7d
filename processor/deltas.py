"""Groups what a call tells other homes into deltas, the records for their lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from processor.batch import touched_by
from processor.changes import Changes
from processor.memory import LaneMemory
from wakeline.lanes import lane_of
from wakeline.record import CustomerShare, Delta, Position, Share, ToldFact, encode_record

SHARES_SIZE = 4_000  # shares and interests of one delta: about 400 KB, a tenth of a log record's maximum
BYTES_OF_ONE = 100  # that count as one of them, of facts


def deltas(changes: Changes, memory: LaneMemory, *, lanes: int, upto: Position) -> Iterator[tuple[int, Delta]]:
    """The deltas of a call, each with its target lane; `upto` is the call's place.

    Shares that were already sent are left out: the place of a rebuilt lane may be before them.
    """
    by_lane: defaultdict[int, list[Share]] = defaultdict(list)
    for share in changes.shares:
        target = lane_of(*touched_by(share)[0], lanes)
        if (share.at, share.step) >= memory.sent.get(target, (0, 0)):
            by_lane[target].append(share)
    for target, shares in by_lane.items():
        after = memory.sent.get(target, (0, 0))
        for portion, end in portions(shares, upto):
            yield (
                target,
                Delta(
                    source=changes.lane, after=after[0], after_step=after[1], upto=end[0], upto_step=end[1],
                    shares=[share for share in portion if isinstance(share, CustomerShare)],
                    facts=[share for share in portion if isinstance(share, ToldFact)],
                ),
            )  # fmt: skip
            after = end


def portions(shares: list[Share], upto: Position) -> Iterator[tuple[list[Share], Position]]:
    """Runs of shares that fit into one record, each with the position before which all of them were made."""
    start = size = 0
    for index, share in enumerate(shares):
        at = share.at, share.step
        if size >= SHARES_SIZE and at != (shares[index - 1].at, shares[index - 1].step):
            yield shares[start:index], at
            start, size = index, 0
        size += 1
        if isinstance(share, CustomerShare) and not share.record:
            size += len(share.interests)
        else:
            size += len(encode_record(share)) // BYTES_OF_ONE
    yield shares[start:], upto
