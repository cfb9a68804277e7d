"""The interface of a place for the history's files, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from wakeline.log import LogUnavailable


class HistoryUnavailable(LogUnavailable):
    """The history cannot be reached now; retry."""


class HistoryDamaged(Exception):
    """A file of the history is damaged; the message names it. It needs manual repair."""


Check = Callable[[], None]


def allowed() -> None:
    """Allows every write."""


class Store(Protocol):
    """Files by their paths relative to a root. All methods raise HistoryUnavailable if it cannot be reached."""

    def names(self) -> Iterator[str]:
        """All files, unsorted; none if the root does not exist."""

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError if it does not exist."""

    def size(self, name: str) -> int:
        """Bytes. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes, *, check: Check = allowed) -> None:
        """Write the whole file durably and atomically, replacing an existing one.

        `check` is called right before the file becomes visible; if it raises, nothing changes.
        """

    def delete(self, name: str) -> None:
        """Does nothing if it does not exist."""

    def clean(self) -> None:
        """Remove unfinished writes left by a crash. Call it only if no other process writes here."""
