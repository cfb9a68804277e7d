"""A history created directly with the archiver's parts, without a log or a clock."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from archiver.segment import OpenSegment
from wakeline.history import History
from wakeline.history.names import day_of
from wakeline.lanes import lane_of
from wakeline.log import Entry
from wakeline.record import Event, Record, encode_record

LANES = 4


def seal(folder: Path, came: Iterable[tuple[int, Record | bytes]], *, files_of: int = 1_000) -> History:
    """Records with their append times (ms), in that order; each file holds at most this many."""
    lanes: dict[int, list[Entry]] = {}
    for at, record in came:
        id = getattr(record, "home", None) or getattr(record, "visitor", None) or getattr(record, "id", "")
        lane = lane_of(getattr(record, "site", ""), id, LANES)
        entries = lanes.setdefault(lane, [])
        entries.append(Entry(len(entries), at, record if isinstance(record, bytes) else encode_record(record)))
    history = History(str(folder))
    for lane, entries in lanes.items():
        for date, of_day in groupby(entries, key=lambda entry: day_of(entry.time)):
            found = list(of_day)
            for begin in range(0, len(found), files_of):
                write(history, lane, date, found[begin : begin + files_of])
    history.refresh()
    return history


def write(history: History, lane: int, date: str, entries: list[Entry]) -> None:
    filling = OpenSegment(lane, entries[0].offset, date, since=0.0, member_bytes=10_000)
    for entry in entries:
        filling.add(entry)
    history.store.write(filling.segment.name, filling.content())


def as_they_happened(events: Iterable[Event]) -> list[tuple[int, Event]]:
    """Each arrives a moment after it happened."""
    return [(event.time + 20, event) for event in sorted(events, key=lambda event: event.time)]
