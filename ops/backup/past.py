"""Adapts the history to the restored log: later files move aside, missing files come from the backup.

Every step can be interrupted and repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain

from archiver.erased import NAME as ERASED
from wakeline.history import History, Segment
from wakeline.history.identity import store_identity, stored_identity
from wakeline.history.lines import line_of
from wakeline.history.members import member
from wakeline.log.links import Link

ASIDE = "aside"  # folder at the root of the tree that readers ignore
MEMBER_LINES = 1_000


def cut(history: History, *, keep: Sequence[int], identity: str, stamp: str, links: Sequence[Link] = ()) -> int:
    """Remove everything after the places `keep` (by lane), and assign the history to log `identity`, the last of
    `links`.

    Returns the number of files moved aside.
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
    """Copy from the backup, up to the places `ends`, what the history lacks; returns the number of files."""
    history.refresh()
    written = 0
    for lane in backup.lanes():
        for segment in backup.segments(lane):
            end = min(segment.end, ends[lane])
            if segment.first < end and not _holds(history, lane, segment.first, end):
                write_part(backup, history, segment, end=end)
                written += 1
    if written and not set(history.store.names()) & {ERASED}:
        with suppress(FileNotFoundError), backup.store.open(ERASED) as file:
            history.store.write(ERASED, file.read())
    return written


def _holds(history: History, lane: int, first: int, end: int) -> bool:
    for segment in history.segments(lane):
        if segment.first <= first < segment.end:
            first = segment.end
        if first >= end:
            return True
    return False


def write_part(source: History, target: History, segment: Segment, *, end: int) -> None:
    """Write the records of a file before offset `end` as a new file."""
    if end >= segment.end:
        with source.store.open(segment.name) as file:
            target.store.write(segment.name, file.read())
        return
    lines = [line_of(entry) for entries in source.entries(segment) for entry in entries if entry.offset < end]
    parts = [b"".join(lines[start : start + MEMBER_LINES]) for start in range(0, len(lines), MEMBER_LINES)]
    part = segment._replace(end=end)
    target.store.write(part.name, b"".join(map(member, parts)))
