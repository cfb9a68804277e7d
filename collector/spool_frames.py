"""File format of spool segments: a header, then one frame per record, recoverable after damage.

Header: MAGIC (its last byte is the version), number of lanes, crc32 of both. Frame: MARK, crc32 of the rest, lane,
length, record. Little-endian. A frame with CARD in place of the lane holds an encrypted card (`cards.sealing.Sealed`,
JSON), which lies before the record that told it. Version 1 had none.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from zlib import crc32

Records = Sequence[tuple[int, bytes]]  # (lane, record)

CARD = 0xFFFF  # no lane has this number
MAGIC = b"WLSPOOL2"
FORMER = (b"WLSPOOL1",)
HEADER = struct.Struct("<8sII")
MARK = b"\xf5\xfa"  # neither byte occurs in UTF-8, so no record contains it
FRAME = struct.Struct("<2sIHI")
BODY = struct.Struct("<HI")  # the end of a frame's head, covered by the checksum
CHECKED = FRAME.size - BODY.size


class UnknownVersion(Exception):
    """A segment written by another version of Wakeline."""


def encode_header(lanes: int) -> bytes:
    checked = MAGIC + lanes.to_bytes(4, "little")
    return checked + crc32(checked).to_bytes(4, "little")


def decode_header(data: bytes) -> int:
    """The number of lanes that the records' lanes are based on; 0 if the header is damaged.

    Raises UnknownVersion.
    """
    if len(data) < HEADER.size:
        return 0
    magic, lanes, checksum = HEADER.unpack_from(data)
    if crc32(data[: HEADER.size - 4]) != checksum:
        return 0
    if magic != MAGIC and magic not in FORMER:
        raise UnknownVersion(repr(magic))
    return int(lanes)


def encode_frames(records: Records) -> bytes:
    parts: list[bytes] = []
    for lane, value in records:
        body = BODY.pack(lane, len(value))
        parts += (MARK, crc32(value, crc32(body)).to_bytes(4, "little"), body, value)
    return b"".join(parts)


def frame_at(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """(lane, record, start of the next frame); None if no complete frame begins at `at`."""
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
    """Start of the first complete frame at or after `at`."""
    while (at := data.find(MARK, at)) >= 0:
        if frame_at(data, at) is not None:
            return at
        at += 1
    return None


def count_frames(data: bytes, at: int) -> tuple[int, int]:
    """Number of records from `at` on, and the end of the last complete frame (`at` if there is none)."""
    count, end = 0, at
    found: int | None = at
    while found is not None:
        while (frame := frame_at(data, found)) is not None:
            count += frame[0] != CARD
            end = found = frame[2]
        found = next_frame(data, found + 1)
    return count, end
