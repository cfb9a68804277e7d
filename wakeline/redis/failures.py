"""What a Redis server, or the way to it, raises, and which of it passes: the server is away, and is asked again."""

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
"""All that a call may raise but for what is broken in ours: a server that is away, and one that refuses it."""

AWAY = (ConnectionError, TimeoutError, OSError, ReadOnlyError, OutOfMemoryError, TryAgainError, ClusterError)
AWAY_WORDS = ("BUSY", "MISCONF", "NOREPLICAS")  # redis-py has no classes for these, and cuts the words off the others


def is_away(error: BaseException | None) -> bool:
    """Whether it passes by itself or by an operator's hand: restarting, loading, failing over, full, busy. Such a reply
    comes before anything was written. What else a server says is a mistake, or hides a command.
    """
    return isinstance(error, AWAY) or (isinstance(error, RedisError) and str(error).startswith(AWAY_WORDS))


def is_failure(error: BaseException | None) -> bool:
    """Whether it is one of FAILURES."""
    return isinstance(error, FAILURES)


class failures_as:
    """Within it a failure becomes `kind`, "`what`: why": any, or only what passes."""

    def __init__(self, kind: type[Exception], what: str, *, only_away: bool = False) -> None:
        self._kind = kind
        self._what = what
        self._is_meant = is_away if only_away else is_failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._is_meant(error):
            raise self._kind(f"{self._what}: {error}") from error
