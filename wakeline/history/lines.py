"""A log record as one line of JSON, and back, byte for byte."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from wakeline.log import Entry


class Line(Struct):
    """`record` if the log's value is a JSON object on one line, as expected; otherwise `raw`, base64."""

    offset: int
    at: int  # append time, ms since 1970
    record: Raw = Raw(b"")
    raw: str = ""


class AnyObject(Struct):
    """Decodes any JSON object."""


decode_lines = msgspec.json.Decoder(Line).decode_lines
is_syntax = msgspec.json.Decoder(AnyObject).decode


def line_of(entry: Entry) -> bytes:
    value = entry.value
    if is_one_object(value):
        return b'{"offset":%d,"at":%d,"record":%b}\n' % (entry.offset, entry.time, value)
    return b'{"offset":%d,"at":%d,"raw":"%b"}\n' % (entry.offset, entry.time, b64encode(value))


def is_one_object(value: bytes) -> bool:
    if value[:1] != b"{" or value[-1:] != b"}" or b"\n" in value or b"\r" in value:
        return False
    try:
        if not value.isascii():
            value.decode()
        is_syntax(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def entries_of(lines: bytes) -> Iterator[Entry]:
    """Raises msgspec.DecodeError and ValueError if these are not valid lines."""
    for line in decode_lines(lines):
        yield Entry(line.offset, line.at, bytes(line.record) or b64decode(line.raw, validate=True))
