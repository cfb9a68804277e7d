"""Values of keys in `memory_redis`: hashes, sorted sets and streams, with replies as scripts get them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def encoded(word: Any) -> bytes:
    return word if type(word) is bytes else word.encode() if type(word) is str else str(word).encode()


def position(id: Any) -> tuple[int, int]:
    """An entry's id in a stream."""
    first, _, second = encoded(id).partition(b"-")
    return int(first), int(second or 0)


def id_of(position: tuple[int, int]) -> bytes:
    return b"%d-%d" % position


class Hash(dict[bytes, bytes]):
    def flat(self) -> list[bytes]:
        return [word for pair in self.items() for word in pair]


class Sorted(dict[bytes, float]):
    """Member -> score."""

    def ordered(self) -> list[tuple[bytes, float]]:
        return sorted(self.items(), key=lambda pair: (pair[1], pair[0]))

    def flat(self) -> list[Any]:
        return [word for pair in self.ordered() for word in pair]

    def first(self) -> list[Any]:
        return list(min(self.items(), key=lambda pair: (pair[1], pair[0]))) if self else []


class Stream(dict[tuple[int, int], tuple[bytes, ...]]):
    """Id -> fields and values, in order. `last`: the latest id that there was."""

    last = (0, 0)

    def add(self, id: str, words: Iterable[Any]) -> bytes:
        """`id`: "*" for the next one. Returns the id. Raises ValueError if it is not later than the others."""
        next = (self.last[0] + 1, 0) if id == "*" else position(id)
        if next <= self.last:
            raise ValueError(f"{id} is not later than {self.last}")
        self.last = next
        self[next] = tuple(map(encoded, words))
        return id_of(next)

    def trim(self, most: int) -> int:
        """Keep the latest; returns how many went."""
        gone = list(self)[: max(0, len(self) - most)]
        for id in gone:
            del self[id]
        return len(gone)
