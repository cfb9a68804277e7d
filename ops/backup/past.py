"""The history brought in line with the restored place: what it has of later moves aside, what it lacks comes from the
backup. Every step may be the last before a crash, and may be taken again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from wakeline.history import History, Segment
from wakeline.history.identity import store_identity, stored_identity
from wakeline.history.lines import line_of
from wakeline.history.members import member
from wakeline.log.links import Link

ASIDE = "aside"  # folder at the root of the tree, which no reader looks into
MEMBER_LINES = 1_000


def cut(history: History, *, keep: Sequence[int], identity: str, stamp: str, links: Sequence[Link] = ()) -> int:
    """Leave nothing behind the places `keep` (by lane), and make it the history of log `identity`, the last of `links`;
    returns how many files moved aside.
    """
    if stored_identity(history.store) == identity:
        return 0
    history.refresh()
    moved = 0
    later = [
        segment
        for segment in chain(history.left_over(), *(history.segments(lane) for lane in history.lanes()))
        if segment.end > keep[segment.lane]
    ]
    for segment in later:
        with history.store.open(segment.name) as file:
            content = file.read()
        history.store.write(f"{ASIDE}/{stamp}/{segment.name}", content)
        if segment.first < keep[segment.lane]:
            write_part(history, history, segment, end=keep[segment.lane])
        history.store.delete(segment.name)
        moved += 1
    store_identity(history.store, identity, links)
    return moved


def fill(history: History, backup: History, *, ends: Sequence[int]) -> int:
    """Write what the backup has up to the places `ends` and the history lacks; returns how many files."""
    history.refresh()
    written = 0
    for lane in backup.lanes():
        for segment in backup.segments(lane):
            end = min(segment.end, ends[lane])
            if segment.first < end and not _holds(history, lane, segment.first, end):
                write_part(backup, history, segment, end=end)
                written += 1
    return written


def _holds(history: History, lane: int, first: int, end: int) -> bool:
    for segment in history.segments(lane):
        if segment.first <= first < segment.end:
            first = segment.end
        if first >= end:
            return True
    return False


def write_part(source: History, target: History, segment: Segment, *, end: int) -> None:
    """The records of a file before offset `end`, as a file of their own."""
    if end >= segment.end:
        with source.store.open(segment.name) as file:
            target.store.write(segment.name, file.read())
        return
    lines = [line_of(entry) for entries in source.entries(segment) for entry in entries if entry.offset < end]
    parts = [b"".join(lines[start : start + MEMBER_LINES]) for start in range(0, len(lines), MEMBER_LINES)]
    part = segment._replace(end=end)
    target.store.write(part.name, b"".join(map(member, parts)))
