"""One worker's folder of the spool: segments that are appended to, read in order, and deleted once drained.

lock              held (flock) by the process that owns the folder
0000000012.spool  a segment; numbers only increase
drained           position up to which the log holds the records: a segment's number, and an offset in it
refused.jsonl     records that the log permanently rejects, for inspection

Every method blocks and may raise OSError; one thread calls them.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.spool_disk import AppendFile, cut, read_from, replace, write, write_new
from collector.spool_frames import (
    CARD,
    HEADER,
    Records,
    UnknownVersion,
    count_frames,
    decode_header,
    encode_frames,
    encode_header,
    frame_at,
    next_frame,
)
from wakeline.clock import now_ms
from wakeline.disk import sync_folder

logger = logging.getLogger("wakeline.collector")

SEGMENT_BYTES = 8 * 1_048_576
SEGMENTS = 4  # minimum number of segments in a small spool: each drained one frees space
SUFFIX = ".spool"
PROBE_BYTES = 65_536
STOCK_FRAMES = 2_000  # among which there is a record: cards come first, but no more than one for each record of a group


class Trouble(StrEnum):
    """Problems of a spool; the label of its metric."""

    FULL = "full"  # no space: answered 503
    WRITE = "write"  # the disk rejected a write: answered 503
    READ = "read"  # spooled data cannot be read now; retried
    TORN = "torn"  # an incomplete write, cut short by a crash and never acknowledged; cut off
    DAMAGED = "damaged"  # acknowledged records that are unreadable; skipped
    REFUSED = "refused"  # records that the log permanently rejects; set aside


class SpoolHeld(Exception):
    """Another process owns the folder."""


class SpoolFull(Exception):
    """The records do not fit."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Position of the next record to drain."""

    segment: int
    offset: int


class Segment(msgspec.Struct):
    """One file; `size` is the end of its last complete group, `lanes` is from its header."""

    number: int
    size: int
    lanes: int


class Batch(NamedTuple):
    """Consecutive records of one segment, and the cards between them; `after` is the position after them."""

    records: Records
    cards: Sequence[bytes]  # whatever they are told by is among the records, or follows
    lanes: int  # number of lanes that their lanes are based on; 0: unknown
    after: Place


class _Received(msgspec.Struct):
    received: int = 0


_read_received = msgspec.json.Decoder(_Received).decode
_read_place = msgspec.json.Decoder(Place).decode


class SpoolFolder:
    """At most `limit` bytes of records in `path`. `troubles` counts problems."""

    def __init__(self, path: Path, *, limit: int, troubles: Counter[Trouble]) -> None:
        self.path = path
        self.bytes = 0
        self.records = 0  # not yet drained
        self.oldest = 0  # when the first of them was received, ms since 1970; 0 if empty
        self._limit = limit
        self._segment_bytes = min(SEGMENT_BYTES, limit // SEGMENTS)
        self._troubles = troubles
        self._lock: int | None = None
        self._segments: list[Segment] = []
        self._place = Place(0, 0)
        self._number = 0  # of the newest segment ever
        self._active: AppendFile | None = None  # the last segment, while it is appended to

    # ---- opening: what a crash may have left ------------------------------------------------------

    def open(self) -> None:
        """Own the folder and count its records. Raises SpoolHeld."""
        if self._lock is not None:
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.path.parent, self.path.parent.parent):
            sync_folder(folder)  # otherwise a power failure could lose the folder with its content
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._take_stock()
        except BlockingIOError:
            os.close(lock)
            raise SpoolHeld(f"another process owns {self.path}") from None
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def _take_stock(self) -> None:
        self._segments, self.bytes, self.records = [], 0, 0
        self._place = self._stored_place()
        self._number = self._place.segment
        for number in sorted(int(path.stem) for path in self.path.glob(f"*{SUFFIX}") if path.stem.isdecimal()):
            self._number = max(self._number, number)
            if number < self._place.segment:
                self._file(number).unlink()  # drained, but a crash came before its deletion
                continue
            try:
                self._take_stock_of(number)
            except UnknownVersion as error:
                self._troubles[Trouble.DAMAGED] += 1
                logger.error("%s was written by another version (%s) and is ignored", self._file(number), error)
        if self.records:
            self.read(STOCK_FRAMES)  # sets `oldest`
            logger.info("%s holds %d records that may not be in the log", self.path, self.records)

    def _take_stock_of(self, number: int) -> None:
        path = self._file(number)
        data = read_from(path, 0)
        if lost := path.stat().st_size - len(data):
            self._troubles[Trouble.DAMAGED] += 1
            logger.error("%s cannot be read: the events in %d bytes are lost", path, lost)
        lanes = decode_header(data)
        start = max(HEADER.size, self._place.offset if number == self._place.segment else 0)
        count, end = count_frames(data, start)
        if end < len(data):
            self._troubles[Trouble.TORN] += 1
            logger.warning("%s ends with an incomplete write: %d bytes cut", path, len(data) - end)
            cut(path, end)
        self._segments.append(Segment(number, end, lanes))
        self.bytes += end
        self.records += count

    def _stored_place(self) -> Place:
        path = self.path / "drained"
        try:
            return _read_place(path.read_bytes())
        except FileNotFoundError:
            return Place(0, 0)
        except msgspec.DecodeError:
            self._troubles[Trouble.DAMAGED] += 1
            logger.error("%s is damaged: the oldest segment is appended again", path)
            return Place(0, 0)

    def close(self) -> None:
        """Release the folder, if it is open."""
        self._close_active()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ---- appending ------------------------------------------------------------------------------

    def append(self, records: Records, *, lanes: int, cards: Sequence[bytes] = ()) -> None:
        """On disk when it returns. Raises SpoolFull; after that, and after OSError, it can be retried."""
        data = encode_frames([*((CARD, card) for card in cards), *records])
        last = self._segments[-1] if self._active is not None and self._active.is_open else None
        if last is None or last.size >= self._segment_bytes or last.lanes != lanes:
            last, data = None, encode_header(lanes) + data
        if self.bytes + len(data) > self._limit:
            raise SpoolFull(f"{self.bytes} of {self._limit} bytes are used")
        if last is None or self._active is None:
            self._close_active()
            self._number += 1
            self._active = AppendFile(self._file(self._number), data)
            self._segments.append(Segment(self._number, len(data), lanes))
        else:
            self._active.append(data)
            last.size += len(data)
        self.bytes += len(data)
        self.oldest = self.oldest if self.records else now_ms()
        self.records += len(records)

    def _close_active(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None

    def probe(self) -> bool:
        """Whether there is room, and the disk accepts writes."""
        if self.bytes + PROBE_BYTES > self._limit:
            return False
        path = self.path / "probe"
        try:
            write_new(path, bytes(PROBE_BYTES))
            path.unlink()
        except OSError:
            return False
        return True

    # ---- draining -------------------------------------------------------------------------------

    def read(self, limit: int) -> Batch | None:
        """The next records to drain, at most `limit`; None if none are left."""
        while self._segments:
            segment = self._segments[0]
            at = self._place.offset if self._place.segment == segment.number else HEADER.size
            if at >= segment.size:
                self._delete_first()
                continue
            data = read_from(self._file(segment.number), at)[: segment.size - at]
            records: list[tuple[int, bytes]] = []
            cards: list[bytes] = []
            end = 0
            while len(records) + len(cards) < limit and (frame := frame_at(data, end)) is not None:
                if frame[0] == CARD:
                    cards.append(frame[1])
                else:
                    records.append(frame[:2])
                end = frame[2]
            if end:
                self.oldest = _received(records) if records else self.oldest
                return Batch(records, cards, segment.lanes, Place(segment.number, at + end))
            found = next_frame(data, 1)
            self._skip(segment, at, segment.size if found is None else at + found)
        self.records = self.oldest = 0
        return None

    def _skip(self, segment: Segment, start: int, end: int) -> None:
        self._troubles[Trouble.DAMAGED] += 1
        logger.error(
            "%s is damaged from byte %d to %d: the events there are lost", self._file(segment.number), start, end
        )
        self._place = Place(segment.number, end)

    def drained(self, batch: Batch) -> None:
        """Delete the batch, which the log holds. If that cannot be recorded, a crash repeats at most one segment."""
        self._place = batch.after
        self.records = max(0, self.records - len(batch.records))
        try:
            replace(self.path / "drained", msgspec.json.encode(self._place))
        except OSError as error:  # a full disk, for instance: deletion helps then
            self._troubles[Trouble.WRITE] += 1
            logger.warning("the drained position of the spool cannot be stored: %s", error)
        while self._segments and Place(self._segments[0].number, self._segments[0].size) <= self._place:
            self._delete_first()
        if not self._segments:
            self.records = self.oldest = 0

    def set_aside(self, value: bytes) -> None:
        """Keep a record that the log rejects, one per line."""
        self._troubles[Trouble.REFUSED] += 1
        descriptor = os.open(self.path / "refused.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            write(descriptor, value + b"\n")
        finally:
            os.close(descriptor)

    def _delete_first(self) -> None:
        segment = self._segments.pop(0)
        if not self._segments:
            self._close_active()
        self.bytes -= segment.size
        self._file(segment.number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self.path / f"{number:010}{SUFFIX}"


def _received(records: Records) -> int:
    try:
        return _read_received(records[0][1]).received
    except msgspec.DecodeError:
        return 0
