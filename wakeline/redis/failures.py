"""Errors of a Redis server or its connection, and which of them are temporary and worth a retry."""

from __future__ import annotations

from redis.exceptions import (
    ClusterError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
    TryAgainError,
)

FAILURES = (RedisError, OSError)
"""All errors of a call except bugs: of a server that is down, and of one that refuses the call."""

AWAY = (ConnectionError, TimeoutError, OSError, ReadOnlyError, OutOfMemoryError, TryAgainError, ClusterError)
AWAY_WORDS = ("BUSY", "MISCONF", "NOREPLICAS")  # redis-py has no classes for these; it strips such prefixes from others


def is_away(error: BaseException | None) -> bool:
    """Whether it is temporary, or cured by an operator: restarting, loading, failing over, full, busy.

    The server sends such a reply before it writes anything. Its other errors mean a bug or a forbidden command.
    """
    return isinstance(error, AWAY) or (isinstance(error, RedisError) and str(error).startswith(AWAY_WORDS))


def is_failure(error: BaseException | None) -> bool:
    """Whether it is one of FAILURES."""
    return isinstance(error, FAILURES)


class failures_as:
    """A context that turns failures, or only temporary ones (`only_away`), into `kind` with "`what`: reason"."""

    def __init__(self, kind: type[Exception], what: str, *, only_away: bool = False) -> None:
        self._kind = kind
        self._what = what
        self._is_meant = is_away if only_away else is_failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._is_meant(error):
            raise self._kind(f"{self._what}: {error}") from error
