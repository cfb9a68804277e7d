"""How records lie in a segment of the spool: a header, then one frame for each, found again after damage.

Header: MAGIC (its last byte is the version), number of lanes, crc32 of both. Frame: MARK, crc32 of what follows it,
lane, length, record. Little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from zlib import crc32

Records = Sequence[tuple[int, bytes]]  # (lane, record)

MAGIC = b"WLSPOOL1"
HEADER = struct.Struct("<8sII")
MARK = b"\xf5\xfa"  # neither byte occurs in UTF-8: a frame cannot begin within a record
FRAME = struct.Struct("<2sIHI")
BODY = struct.Struct("<HI")  # the end of a frame's head, which the checksum covers
CHECKED = FRAME.size - BODY.size


class UnknownVersion(Exception):
    """A segment that another version of Wakeline wrote."""


def encode_header(lanes: int) -> bytes:
    checked = MAGIC + lanes.to_bytes(4, "little")
    return checked + crc32(checked).to_bytes(4, "little")


def decode_header(data: bytes) -> int:
    """The number of lanes that the records' lanes were chosen for; 0 where the header is damaged.

    Raises UnknownVersion.
    """
    if len(data) < HEADER.size:
        return 0
    magic, lanes, checksum = HEADER.unpack_from(data)
    if crc32(data[: HEADER.size - 4]) != checksum:
        return 0
    if magic != MAGIC:
        raise UnknownVersion(repr(magic))
    return int(lanes)


def encode_frames(records: Records) -> bytes:
    parts: list[bytes] = []
    for lane, value in records:
        body = BODY.pack(lane, len(value))
        parts += (MARK, crc32(value, crc32(body)).to_bytes(4, "little"), body, value)
    return b"".join(parts)


def frame_at(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """(lane, record, where the next frame begins); None where no whole frame begins at `at`."""
    start = at + FRAME.size
    if start > len(data):
        return None
    mark, checksum, lane, length = FRAME.unpack_from(data, at)
    end = start + length
    if mark != MARK or end > len(data):
        return None
    value = data[start:end]
    if crc32(value, crc32(data[at + CHECKED : start])) != checksum:
        return None
    return lane, value, end


def next_frame(data: bytes, at: int) -> int | None:
    """Where the first whole frame at or after `at` begins."""
    while (at := data.find(MARK, at)) >= 0:
        if frame_at(data, at) is not None:
            return at
        at += 1
    return None


def count_frames(data: bytes, at: int) -> tuple[int, int]:
    """How many whole frames there are from `at` on, and where the last of them ends (`at` if there is none)."""
    count, end = 0, at
    found: int | None = at
    while found is not None:
        while (frame := frame_at(data, found)) is not None:
            count += 1
            end = found = frame[2]
        found = next_frame(data, found + 1)
    return count, end
