"""Brings rows together that have the same key, wherever they are in a file of any size, with little memory.

Rows are spread over many small files by a hash of the key; then each of these is read at once.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

PART_BYTES = 4 << 20  # of the file that come into one part, on average
MOST_PARTS = 4_096
BUFFERED = 64  # rows of a part
MOST_ROWS = 50_000  # of one key

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(list[tuple[str, int, list[str]]]).decode
HEAD = 4  # bytes of a block's length


class Groups:
    """`add` all rows, then `each` gives the groups. `folder` is emptied by whoever made it."""

    def __init__(self, folder: Path, size: int) -> None:
        self._parts = max(1, min(MOST_PARTS, size // PART_BYTES))
        self._folder = folder
        self._waiting: list[list[tuple[str, int, Sequence[str]]]] = [[] for _ in range(self._parts)]

    def add(self, key: str, line: int, cells: Sequence[str]) -> None:
        part = crc32(key.encode()) % self._parts
        waiting = self._waiting[part]
        waiting.append((key, line, cells))
        if len(waiting) >= BUFFERED:
            self._write(part)

    def _write(self, part: int) -> None:
        block = pack(self._waiting[part])
        self._waiting[part] = []
        with (self._folder / str(part)).open("ab") as file:
            file.write(len(block).to_bytes(HEAD, "big") + block)

    def each(self) -> Iterator[tuple[str, list[tuple[int, list[str]]], bool]]:
        """(key, its rows in the file's order, whether some beyond MOST_ROWS were left out); in an order that depends
        on the file alone.
        """
        for part in range(self._parts):
            found: dict[str, list[tuple[int, list[str]]]] = {}
            cut = set()
            for key, line, cells in self._read(part):
                rows = found.setdefault(key, [])
                if len(rows) < MOST_ROWS:
                    rows.append((line, cells))
                else:
                    cut.add(key)
            for key, rows in found.items():
                yield key, rows, key in cut

    def _read(self, part: int) -> Iterator[Any]:
        path = self._folder / str(part)
        if path.exists():
            with path.open("rb") as file:
                while head := file.read(HEAD):
                    yield from unpack(file.read(int.from_bytes(head, "big")))
            path.unlink()
        yield from self._waiting[part]
        self._waiting[part] = []
