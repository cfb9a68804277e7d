"""Selects the files for a query, and loads their lines into the database, in chunks."""

from __future__ import annotations

import glob
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from reports.events import RECORD
from wakeline.history import History, HistoryDamaged, Segment
from wakeline.history.folder import Folder
from wakeline.history.members import members
from wakeline.history.opening import FILE

CHUNK = 100_000  # records per chunk, at least one file
BEFORE = timedelta(days=2)  # a visit may have begun before the first day, and local time may be behind UTC
AFTER = timedelta(days=10)  # an event may arrive a week late, and extend a visit of the last day

READ = f"""
CREATE OR REPLACE TABLE history.line AS
SELECT filename, lane, "offset", "at", record FROM read_json(
    $files, format = 'newline_delimited', compression = $compression, ignore_errors = true,
    columns = {{"offset": 'BIGINT', "at": 'BIGINT', "record": 'STRUCT({RECORD})'}},
    filename = true, hive_partitioning = true, hive_types = {{'lane': 'SMALLINT', 'date': 'DATE'}}
)
"""


class Needed(NamedTuple):
    """Files of the history: some are read completely, others only for events that affect the queried days."""

    whole: list[Segment]
    beside: list[Segment]

    @property
    def records(self) -> int:
        return sum(segment.end - segment.first for segment in (*self.whole, *self.beside))


def needed(history: History, first: date | None, last: date | None, *, reads_days: bool = True) -> Needed:
    """The files for the days from `first` to `last`; none is read completely unless all events of the days are needed.

    Erasures, withdrawals and identifications at any time affect them; orders may be repeated or refunded later, or
    repeat an earlier one; a fact may be about any time.
    """
    found = Needed([], [])
    for segment in (segment for lane in history.lanes() for segment in history.segments(lane)):
        day = date.fromisoformat(segment.date)
        is_beside = not reads_days or (first and first - day > BEFORE) or (last and day - last > AFTER)
        (found.beside if is_beside else found.whole).append(segment)
    return found


def chunks(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    chunk: list[Segment] = []
    records = 0
    for segment in segments:
        chunk.append(segment)
        records += segment.end - segment.first
        if records >= CHUNK:
            yield chunk
            chunk, records = [], 0
    if chunk:
        yield chunk


def read(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    segments: Sequence[Segment],
    folder: Path,
    keep: Callable[[], None],
    step: Callable[[int], None],
) -> None:
    """Read these files into `history.line` in chunks; `keep` takes each from there, `step` counts records.

    Remote files pass through `folder`. Raises FileNotFoundError if a file was merged meanwhile, HistoryDamaged and
    HistoryUnavailable.
    """
    for chunk in chunks(segments):
        files = [_local(history, segment, folder) for segment in chunk]
        try:
            connection.execute(READ, _of(files, "gzip"))
        except duckdb.Error as error:
            for segment in chunk:
                history.store.size(segment.name)  # raises if it no longer exists
            raise HistoryDamaged(f"the history is damaged: {error}; restore the file from a copy") from error
        _check(connection, files, chunk)
        keep()
        shutil.rmtree(folder, ignore_errors=True)
        step(sum(segment.end - segment.first for segment in chunk))


def read_some(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    segments: Sequence[Segment],
    folder: Path,
    words: Sequence[str],
    keep: Callable[[], None],
    step: Callable[[int], None],
) -> None:
    """The same for lines that contain one of these words as a whole text, and possibly some others.

    They are few, and finding them without parsing is much faster than reading everything.
    """
    hints = [f'"{word}"'.encode() for word in words]
    with ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 1))) as threads:  # decompress in parallel
        for chunk in chunks(segments):
            files = [file for file in threads.map(partial(_sift, history, folder, hints), chunk) if file is not None]
            if files:
                connection.execute(READ, _of(files, "none"))
                keep()
            shutil.rmtree(folder, ignore_errors=True)
            step(sum(segment.end - segment.first for segment in chunk))


def _sift(history: History, folder: Path, hints: Sequence[bytes], segment: Segment) -> Path | None:
    """A file in `folder` with the segment's lines that contain a hint; None if there are none."""
    found, lines = [], 0
    try:
        with history.store.open(segment.name) as file:
            for part in members(file):
                lines += part.count(b"\n")
                found += with_hints(part, hints)
    except (zlib.error, EOFError) as error:
        raise HistoryDamaged(f"{segment.name} of the history is damaged: {error}; restore it from a copy") from error
    _refuse_other_than(segment, lines)
    if not found:
        return None
    path = folder / segment.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(found))
    return path


def with_hints(lines: bytes, hints: Sequence[bytes]) -> list[bytes]:
    """Those of the lines, with their line breaks, that contain one of the hints, in order."""
    found: dict[int, int] = {}
    for hint in hints:
        at = lines.find(hint)
        while at >= 0:
            end = lines.find(b"\n", at) + 1 or len(lines)
            found[lines.rfind(b"\n", 0, at) + 1] = end
            at = lines.find(hint, end)
    return [lines[begin:end] for begin, end in sorted(found.items())]


def _of(files: Sequence[Path], compression: str) -> dict[str, object]:
    return {"files": [glob.escape(str(file)) for file in files], "compression": compression}


def _local(history: History, segment: Segment, folder: Path) -> Path:
    if isinstance(history.store, Folder):
        return Path(history.where(segment).removeprefix(FILE))
    path = folder / segment.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with history.store.open(segment.name) as remote, path.open("wb") as local:
        shutil.copyfileobj(remote, local)
    return path


def _check(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], chunk: Sequence[Segment]) -> None:
    """Check that every record promised by the files' names is there, so that none is silently missing."""
    read = dict(connection.execute("SELECT filename, count(*) FROM history.line GROUP BY ALL").fetchall())
    for file, segment in zip(files, chunk, strict=True):
        _refuse_other_than(segment, read.get(str(file), 0))


def _refuse_other_than(segment: Segment, found: int) -> None:
    promised = segment.end - segment.first
    if found != promised:
        raise HistoryDamaged(
            f"{segment.name} of the history is damaged: {found} records, but its name promises {promised}; "
            "restore it from a copy"
        )
