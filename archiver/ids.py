"""Which ids a file of the history may hold, so that a person is found without reading all files.

One small file for each: the sorted CRC-32 of its ids, 4 bytes each, little-endian. What it does not hold, the file does
not either; about one file in 30,000 is read in vain for one person.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from zlib import crc32

from wakeline.history import Segment
from wakeline.history.store import Store

FOLDER = "ids"
SUFFIX = ".ids"


def name_of(segment: Segment) -> str:
    return f"{FOLDER}/{segment.name}{SUFFIX}"


def number(id: str) -> int:
    return crc32(id.encode())


def packed(numbers: Iterable[int]) -> bytes:
    found = array("I", sorted(numbers))
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def load(store: Store, segment: Segment) -> array[int]:
    """Raises FileNotFoundError."""
    found = array("I")
    with store.open(name_of(segment)) as file:
        content = file.read()
    found.frombytes(content[: len(content) // 4 * 4])
    if sys.byteorder == "big":
        found.byteswap()
    return found


def holds(found: array[int], number: int) -> bool:
    at = bisect_left(found, number)
    return at < len(found) and found[at] == number


def indexed(store: Store) -> set[str]:
    """Names of all such files."""
    return {name for name in store.names() if name.startswith(f"{FOLDER}/") and name.endswith(SUFFIX)}
