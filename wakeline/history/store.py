"""What a place for the files can do, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from wakeline.log import LogUnavailable


class HistoryUnavailable(LogUnavailable):
    """The history cannot be reached now; retry."""


class HistoryDamaged(Exception):
    """A file of the history is not what was written; names it. It does not heal by itself."""


Check = Callable[[], None]


def allowed() -> None:
    """Whoever asks may write."""


class Store(Protocol):
    """Files by their paths below a root. All methods raise HistoryUnavailable when it is away."""

    def names(self) -> Iterator[str]:
        """Every file, in no order; none where the root does not exist."""

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError where it does not exist."""

    def size(self, name: str) -> int:
        """Bytes. Raises FileNotFoundError."""

    def write(self, name: str, content: bytes, *, check: Check = allowed) -> None:
        """The whole file, durably, in place of another one, or nothing.

        `check` is called right before it gets its name: what it raises leaves all as it was.
        """

    def delete(self, name: str) -> None:
        """Fine where it does not exist."""

    def clean(self) -> None:
        """Remove what a crash has left of writes that were not finished. Only for who alone writes here."""
