"""Merges small files of a lane, and removes overlaps between files.

The merged file is written before its parts are deleted; until then readers ignore the parts (`names.chains`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import groupby, pairwise

from archiver import metrics
from archiver.segment import OpenSegment
from wakeline.history import History, HistoryDamaged, Segment
from wakeline.history.members import entries

logger = logging.getLogger("wakeline.archiver")

MERGED_BYTES = 16_000_000  # of a merged file, compressed: it is held in memory
LAST_DAYS = 31  # days that are examined; older ones were before

GoOn = Callable[[], bool]


def merge_days(history: History, *, since: str, today: str, go_on: GoOn) -> None:
    """Merge the files of each lane and day from `since` to the day before `today` (YYYY-MM-DD)."""
    history.refresh()
    for lane in history.lanes():
        days = groupby(history.segments(lane), key=lambda segment: segment.date)
        for date, segments in [(date, list(segments)) for date, segments in days]:
            if not since <= date < today:
                continue
            for group in _groups(history, segments):
                if not go_on():
                    return
                try:
                    _merge(history, group)
                except HistoryDamaged as damaged:
                    metrics.FAILURES.labels("damaged").inc()
                    logger.error("%s", damaged)


def _groups(history: History, segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Runs of two or more consecutive files with at most MERGED_BYTES in total."""
    group: list[Segment] = []
    size = 0
    for segment in segments if len(segments) > 1 else ():
        its = history.store.size(segment.name)
        if group and (size + its > MERGED_BYTES or segment.first != group[-1].end):
            if len(group) > 1:
                yield group
            group, size = [], 0
        group.append(segment)
        size += its
    if len(group) > 1:
        yield group


def _merge(history: History, group: list[Segment]) -> None:
    """Concatenate: gzip members one after the other are a gzip file. All are checked before any is deleted."""
    first, last = group[0], group[-1]
    merged = Segment(first.lane, first.first, last.end, first.date)
    parts = []
    for segment in group:
        with history.store.open(segment.name) as file:
            content = file.read()
        for _ in entries(BytesIO(content), segment, where=history.where(segment)):
            pass
        parts.append(content)
    history.store.write(merged.name, b"".join(parts))
    for segment in group:
        history.store.delete(segment.name)
    metrics.MERGED_FILES.inc(len(group))


def fix_overlaps(history: History) -> None:
    """Clean up after an interrupted merge or two concurrent archivers: afterwards each record is in one file.

    Only for the active archiver, before it writes; `history` must be freshly listed.
    """
    left_over = history.left_over()
    for segment in left_over:
        history.store.delete(segment.name)
    cut = 0
    for lane in history.lanes():
        for before, after in pairwise(history.segments(lane)):
            if after.first < before.end:
                cut += 1
                _cut(history, after, begin=before.end)
    if left_over or cut:
        logger.info("%d files contained in others were deleted, %d overlapping ones were cut", len(left_over), cut)
        history.refresh()


def _cut(history: History, segment: Segment, *, begin: int) -> None:
    """Remove the records before `begin`."""
    filling = OpenSegment(segment.lane, begin, segment.date, since=0.0)
    for found in history.entries(segment):
        for entry in found:
            if entry.offset >= begin:
                filling.add(entry)
    history.store.write(filling.segment.name, filling.content())
    history.store.delete(segment.name)
