"""Connections to Redis. redis-py re-sends a command whose reply it lost; a script must never run twice."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TIMEOUT_S = 2.0  # of one command: above a group commit on a slow disk, below the collector's deadline


def connect(url: str, *, timeout: float = TIMEOUT_S, one_connection: bool = False) -> Redis:
    """A client for `url` (redis://, rediss://, unix://) that never retries by itself. Replies are bytes.

    With `one_connection` every command goes over the same connection, in order.
    """
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        single_connection_client=one_connection,
    )
