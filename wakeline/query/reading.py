"""Which files a question needs, and their lines into the database, chunk by chunk."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from wakeline.history import History, HistoryDamaged, Segment
from wakeline.history.folder import Folder
from wakeline.history.opening import FILE
from wakeline.query.events import RECORD

CHUNK = 100_000  # records read at a time, at least one file
BEFORE = timedelta(days=2)  # a visit may have begun before the first day, and a site's clock be behind UTC
AFTER = timedelta(days=10)  # an event may come a week late, and tell that a visit of the last day went on

READ = f"""
CREATE OR REPLACE TABLE history.line AS
SELECT filename, lane, "offset", "at", record FROM read_json(
    $files, format = 'newline_delimited', compression = 'gzip', ignore_errors = true,
    columns = {{"offset": 'BIGINT', "at": 'BIGINT', "record": 'STRUCT({RECORD})'}},
    filename = true, hive_partitioning = true, hive_types = {{'lane': 'SMALLINT', 'date': 'DATE'}}
)
"""


class Needed(NamedTuple):
    """Files of the history: all of what is in some, in others only what says something about the former's days."""

    whole: list[Segment]
    beside: list[Segment]

    @property
    def records(self) -> int:
        return sum(segment.end - segment.first for segment in (*self.whole, *self.beside))


def needed(history: History, first: date | None, last: date | None, *, asks_orders: bool) -> Needed:
    """For the days from `first` to `last`.

    An erasure may come at any time after them; an order may be repeated or refunded then, or be the repetition of one
    before them.
    """
    found = Needed([], [])
    for segment in (segment for lane in history.lanes() for segment in history.segments(lane)):
        day = date.fromisoformat(segment.date)
        if first and first - day > BEFORE:
            if asks_orders:
                found.beside.append(segment)
        elif last and day - last > AFTER:
            found.beside.append(segment)
        else:
            found.whole.append(segment)
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
    """Read these files into `history.line`, a chunk at a time; `keep` takes each from there, `step` counts records.

    Files that are not on this machine pass through `folder`. Raises FileNotFoundError where one was merged into
    another meanwhile, HistoryDamaged and HistoryUnavailable.
    """
    for chunk in chunks(segments):
        files = [_local(history, segment, folder) for segment in chunk]
        try:
            connection.execute(READ, {"files": [glob.escape(str(file)) for file in files]})
        except duckdb.Error as error:
            for segment in chunk:
                history.store.size(segment.name)  # raises where it is no longer there
            raise HistoryDamaged(f"the history is damaged: {error}; put the file back from a copy") from error
        _check(connection, files, chunk)
        keep()
        shutil.rmtree(folder, ignore_errors=True)
        step(sum(segment.end - segment.first for segment in chunk))


def _local(history: History, segment: Segment, folder: Path) -> Path:
    if isinstance(history.store, Folder):
        return Path(history.where(segment).removeprefix(FILE))
    path = folder / segment.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with history.store.open(segment.name) as remote, path.open("wb") as local:
        shutil.copyfileobj(remote, local)
    return path


def _check(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], chunk: Sequence[Segment]) -> None:
    """Every record that the names of the files promise is there: nothing is left out in silence."""
    read = dict(connection.execute("SELECT filename, count(*) FROM history.line GROUP BY ALL").fetchall())
    for file, segment in zip(files, chunk, strict=True):
        found, promised = read.get(str(file), 0), segment.end - segment.first
        if found != promised:
            raise HistoryDamaged(
                f"{segment.name} of the history is damaged: {found} records where its name says {promised}; "
                "put it back from a copy"
            )
