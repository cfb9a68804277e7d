"""Reads the sealed records of the history."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from itertools import pairwise

from wakeline.history.members import entries
from wakeline.history.names import Segment, chains, segment_of
from wakeline.history.opening import open_store
from wakeline.history.store import HistoryDamaged, HistoryUnavailable, Store
from wakeline.log import Bounds, Entry, LogGap

TRIES = 3  # a file may be merged between its listing and its opening


class History:
    """The history at `url`, as listed at first use or by the last `refresh`.

    Calls block; not thread-safe. All raise HistoryUnavailable if the store cannot be reached.
    """

    def __init__(self, url: str, store: Store | None = None) -> None:
        self.url = url
        self.store = store or open_store(url)
        self._files: list[Segment] = []
        self._chains: dict[int, list[Segment]] | None = None
        self._cursors: dict[int, _Cursor] = {}

    def refresh(self) -> None:
        """List the files again."""
        self._files = sorted(filter(None, map(segment_of, self.store.names())))
        self._chains = chains(self._files)

    def lanes(self) -> list[int]:
        """Lanes with sealed records, in order."""
        return sorted(self._listed())

    def segments(self, lane: int) -> Sequence[Segment]:
        """The files to read of a lane, in order."""
        return self._listed().get(lane, [])

    def left_over(self) -> list[Segment]:
        """Files that lie within another one: a merge was interrupted before it deleted them."""
        return sorted(set(self._files) - {segment for chain in self._listed().values() for segment in chain})

    def where(self, segment: Segment) -> str:
        """Path or URL of a file, for DuckDB and for people."""
        return f"{self.url.rstrip('/')}/{segment.name}"

    def bounds(self, lane: int) -> Bounds:
        """Range of a lane's sealed offsets, from its first file to its last; `gaps` returns missing ranges between."""
        chain = self.segments(lane)
        return Bounds(chain[0].first, chain[-1].end) if chain else Bounds(0, 0)

    def gaps(self, lane: int) -> list[Bounds]:
        """Ranges of offsets that no file holds: the log had lost them before they were archived."""
        chain = self.segments(lane)
        return [Bounds(before.end, after.first) for before, after in pairwise(chain) if before.end < after.first]

    def read(self, lane: int, place: int, limit: int) -> list[Entry]:
        """Up to `limit` entries of a lane from offset `place` on; none at the end of the sealed records.

        Continuing where the last call ended needs no seek. Raises LogGap if the history does not hold `place`, and
        HistoryDamaged.
        """
        cursor = self._cursors.pop(lane, None)
        if cursor is None or cursor.place != place:
            cursor = _Cursor(self, lane, place)
        found = cursor.take(limit)
        self._cursors[lane] = cursor
        return found

    def entries(self, segment: Segment) -> Iterator[list[Entry]]:
        """All entries of one file, some hundred at a time. Raises FileNotFoundError and HistoryDamaged."""
        try:
            with self.store.open(segment.name) as file:
                yield from entries(file, segment, where=self.where(segment))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise HistoryUnavailable(f"{self.where(segment)} cannot be read: {error}") from error

    def last(self, lane: int) -> Entry:
        """The last sealed entry of a lane; the lane must have one."""
        last: Entry | None = None
        for found in self.entries(self.segments(lane)[-1]):
            last = found[-1] if found else last
        assert last is not None  # a segment is never empty unless damaged
        return last

    def segment_at(self, lane: int, place: int) -> Segment | None:
        """The file that holds offset `place`; None at the end of the sealed records. Raises LogGap."""
        chain = self.segments(lane)
        bounds = self.bounds(lane)
        if place == bounds.end or not chain:
            return None
        at = bisect.bisect_right(chain, place, key=lambda segment: segment.first) - 1
        if at < 0 or place >= chain[at].end:
            but = "".join(f", but not {gap.first} to {gap.end}" for gap in self.gaps(lane))
            raise LogGap(f"lane {lane}: place {place}, the history holds {bounds.first} to {bounds.end}{but}")
        return chain[at]

    def _listed(self) -> dict[int, list[Segment]]:
        if self._chains is None:
            self.refresh()
            assert self._chains is not None
        return self._chains


class _Cursor:
    """The reading position in one lane."""

    def __init__(self, history: History, lane: int, place: int) -> None:
        self.place = place
        self._history = history
        self._lane = lane
        self._waiting: list[Entry] = []  # read but not returned yet
        self._open: Iterator[list[Entry]] | None = None

    def take(self, limit: int) -> list[Entry]:
        found: list[Entry] = []
        while len(found) < limit and (self._waiting or self._fill()):
            taken = self._waiting[: limit - len(found)]
            del self._waiting[: len(taken)]
            found += taken
            self.place += len(taken)
        return found

    def _fill(self) -> bool:
        """Read more; returns whether there is any."""
        tries = TRIES
        while True:
            try:
                if self._open is None:
                    segment = self._history.segment_at(self._lane, self.place)
                    if segment is None:
                        return False
                    self._open = self._history.entries(segment)
                for entries in self._open:
                    if entries and entries[-1].offset >= self.place:
                        self._waiting = entries[max(0, self.place - entries[0].offset) :]
                        return True
                self._open = None
            except FileNotFoundError as error:
                self._open = None
                tries -= 1
                if not tries:
                    raise HistoryDamaged(
                        f"lane {self._lane}: the file that holds offset {self.place} is listed and not there"
                    ) from error
                self._history.refresh()
