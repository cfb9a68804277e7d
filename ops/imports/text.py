"""The text of a file: its encoding, its lines, and a hash over its bytes, found in one pass with little memory."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

CHUNK = 1 << 20
SAMPLE = 65_536  # bytes of lines that are not UTF-8, by which the encoding is guessed
PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, which it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LIKELY = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_15", "cp850", "mac_roman"),
    *("shift_jis", "gb18030", "big5", "euc_kr"),
)
OLD = frozenset(("cp850", "mac_roman"))  # hardly used any more
LENIENT = 0.1  # how much less sense Windows-1252 may make than these, by charset-normalizer's measure
HALF = "\udc80-\udcff"  # how Python writes bytes that are not of the encoding
UNREADABLE = re.compile(f"[{HALF}\ufffd]")
SEEN_HALVES = re.compile(f"[{HALF}]")


class Text(NamedTuple):
    """A file of text."""

    path: Path
    digest: str  # sha256 of its bytes as they are stored
    lines: int  # about as many
    encoding: str
    is_broken: bool  # some of it is not in that encoding


def read_through(path: Path, encoding: str = "") -> Text:
    """Look through a file once. `encoding`: that is said to be its own; else it is found out."""
    said = _Encoding()
    lines, last = 0, b""
    with unpacked(path) as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            lines += chunk.count(b"\n") or chunk.count(b"\r")
            last = chunk[-4:]
            if not encoding:
                said.see(chunk)
    with path.open("rb") as stored:
        digest = hashlib.file_digest(stored, "sha256").hexdigest()
    found, is_broken = (encoding, True) if encoding else said.found()
    return Text(path, digest, lines + (not last.rstrip(b"\0").endswith((b"\n", b"\r"))), found, is_broken)


class _Encoding:
    """UTF-8 if it is, also if few characters are not; else the likeliest of those with one byte for a letter."""

    def __init__(self) -> None:
        self._start = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._good = self._bad = 0
        self._sample = b""

    def see(self, chunk: bytes) -> None:
        if not self._start:
            self._start = chunk[:4_096]
        state, _ = self._decoder.getstate()
        if not state and chunk.isascii():
            return
        text = self._decoder.decode(chunk)
        bad = len(SEEN_HALVES.findall(text))
        self._bad += bad
        self._good += len(text) - len(text.encode("ascii", "ignore")) - bad
        if bad and len(self._sample) < SAMPLE:
            lines = (line for line in chunk.splitlines(keepends=True) if not line.isascii())
            self._sample = (self._sample + b"".join(lines))[:SAMPLE]

    def found(self) -> tuple[str, bool]:
        for bom, name in BOMS.items():
            if self._start.startswith(bom):
                return name, self._bad > 0
        for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = self._start[offset::2]
            if half.count(0) > len(half) / 2:
                return name, True
        if self._bad == 0 or self._good > self._bad:
            return "utf-8", self._bad > 0
        return _likeliest(self._sample), True


def _likeliest(sample: bytes) -> str:
    """Windows-1252 unless another one makes more sense of it: it is what shops in the West export."""
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=list(LIKELY)))
    if not matches:
        return LIKELY[0]
    best = matches[0]
    lenient = LENIENT if best.encoding in OLD else 0.0
    is_usual = any(LIKELY[0] in one.could_be_from_charset and one.chaos <= best.chaos + lenient for one in matches)
    return LIKELY[0] if is_usual else str(best.encoding)


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if its name says that it is packed."""
    opener = PACKED.get(path.suffix.lower())
    with path.open("rb") if opener is None else opener(path) as file:
        yield cast(BinaryIO, file)


@contextmanager
def opened(text: Text) -> Iterator[TextIO]:
    """The file as text with its line ends as they are; `UNREADABLE` finds what is not in its encoding."""
    wide = text.encoding.startswith(("utf-16", "utf-32"))
    errors = "replace" if wide else "surrogateescape"
    with unpacked(text.path) as file:
        yield io.TextIOWrapper(file, encoding=text.encoding, errors=errors, newline="")
