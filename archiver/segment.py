"""An unsealed file: the records of one lane and one UTC day, compressed as they arrive."""

from __future__ import annotations

from wakeline.history.lines import line_of
from wakeline.history.members import member
from wakeline.history.names import Segment
from wakeline.log import Entry

FILE_BYTES = 64_000_000  # of lines: a larger file is sealed at once
MEMBER_BYTES = 262_144  # of lines per compressed member: larger ones save nothing
LINES_BYTES = 16_000_000  # of uncompressed lines, all lanes together


def member_bytes(lanes: int) -> int:
    """Bytes of lines that a lane may collect before they are compressed."""
    return min(MEMBER_BYTES, LINES_BYTES // lanes)


class OpenSegment:
    """Entries in order, from `first` on. `since`: when it was begun, by the caller's clock."""

    def __init__(self, lane: int, first: int, date: str, *, since: float, member_bytes: int = MEMBER_BYTES) -> None:
        self.lane = lane
        self.date = date
        self.since = since
        self.first = self.end = first
        self.bytes_of_lines = 0
        self._most = member_bytes
        self._lines: list[bytes] = []
        self._waiting = 0  # bytes of _lines
        self._members: list[bytes] = []
        self._compressed = 0  # bytes of _members

    def add(self, entry: Entry) -> None:
        line = line_of(entry)
        self._lines.append(line)
        self._waiting += len(line)
        self.bytes_of_lines += len(line)
        self.end = entry.offset + 1
        if self._waiting >= self._most:
            self._compress()

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return self._waiting + self._compressed

    @property
    def is_full(self) -> bool:
        return self.bytes_of_lines >= FILE_BYTES

    @property
    def segment(self) -> Segment:
        return Segment(self.lane, self.first, self.end, self.date)

    def content(self) -> bytes:
        """The complete file so far. More may be added afterwards."""
        if self._lines:
            self._compress()
        return b"".join(self._members)

    def _compress(self) -> None:
        done = member(b"".join(self._lines))
        self._members.append(done)
        self._compressed += len(done)
        self._lines.clear()
        self._waiting = 0
