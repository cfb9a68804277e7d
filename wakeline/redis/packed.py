"""Connections that encode commands with hiredis, for single servers and clusters, and whose end never fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import TimeoutError

READ_BYTES = 4_194_304  # at once. With 64 KB a batch takes about fifty turns of an event loop that is busy folding


class EndingConnection(AbstractConnection):
    """Gives a connection up that does not close in time, as when the server reads no more or this machine is busy.

    redis-py raises TimeoutError then, which would end a caller that closes a client because its server is away.
    """

    async def disconnect(self, *args: Any, **named: Any) -> None:
        writer = self._writer
        try:
            await super().disconnect(*args, **named)
        except TimeoutError:
            if writer is not None:
                writer.transport.abort()


class PackedConnection(EndingConnection, Connection):
    """Encodes with hiredis. redis-py takes 400 us for a script call with 350 keys: it copies 6 KB for each."""

    _serializer = HiredisRespSerializer()

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "limit": READ_BYTES}

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._serializer.pack(*args)
        return packed


class PackedSSLConnection(SSLConnection, PackedConnection):
    """The same with TLS."""


class SocketConnection(EndingConnection, UnixDomainSocketConnection):
    """By a file's name, in redis-py's own encoding."""
