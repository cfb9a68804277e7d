"""Lines as a compressed file, and back.

A file consists of gzip members, each with its own checksum. They are checked before use, one at a time to save memory;
every gzip tool reads them as one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from wakeline.history.lines import entries_of
from wakeline.history.names import Segment
from wakeline.history.store import HistoryDamaged
from wakeline.log import Entry

GZIP = zlib.MAX_WBITS | 16
LEVEL = 6
READ_BYTES = 65_536


def member(lines: bytes) -> bytes:
    """One gzip member."""
    press = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    return press.compress(lines) + press.flush()


def members(file: BinaryIO) -> Iterator[bytes]:
    """The content of each member in turn, checked. Raises zlib.error and EOFError."""
    data = file.read(READ_BYTES)
    while data:
        press = zlib.decompressobj(GZIP)
        parts = []
        while not press.eof:
            if not data:
                raise EOFError("it is truncated")
            parts.append(press.decompress(data))
            data = press.unused_data or file.read(READ_BYTES)
        yield b"".join(parts)


def entries(file: BinaryIO, segment: Segment, *, where: str) -> Iterator[list[Entry]]:
    """All entries of a segment, some hundred at a time.

    Raises HistoryDamaged, with the file's name, if they are not exactly the entries that the name promises.
    """
    place = segment.first
    try:
        for lines in members(file):
            found = list(entries_of(lines))
            for offset, entry in enumerate(found, start=place):
                if entry.offset != offset:
                    raise ValueError(f"offset {entry.offset} where {offset} belongs")
            place += len(found)
            yield found
        if place != segment.end:
            raise EOFError(f"it ends at offset {place}")
    except (zlib.error, EOFError, ValueError, msgspec.MsgspecError) as error:
        raise HistoryDamaged(f"{where} is damaged: {error}; put it back from a copy") from error
