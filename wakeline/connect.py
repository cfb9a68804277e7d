"""Connections to Redis. redis-py re-sends a command whose reply it lost; a script must never run twice."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer

TIMEOUT_S = 2.0  # of one command: above a group commit on a slow disk, below the collector's deadline
READ_BYTES = 4_194_304  # at once. At 64 KB a batch of records takes some fifty turns of a loop that is busy folding


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
        socket_read_size=READ_BYTES,
        connection_class=PackedConnection,  # of redis://; the others pack as redis-py does
    )


class PackedConnection(Connection):
    """Packs by hiredis. redis-py's own way costs a script's call with 350 keys 400 us: it copies 6 KB for each."""

    _serializer = HiredisRespSerializer()

    def _connection_arguments(self) -> dict[str, Any]:
        return {**super()._connection_arguments(), "limit": READ_BYTES}

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._serializer.pack(*args)
        return packed
