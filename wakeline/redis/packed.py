"""Connections that encode commands with hiredis, for single servers and clusters, whose end never fails and whose
calls can be cancelled at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError, TimeoutError

READ_BYTES = 4_194_304  # at once. With 64 KB a batch takes about fifty turns of an event loop that is busy folding


class EndingConnection(AbstractConnection):
    """Gives a connection up that does not close in time, as when the server reads no more or this machine is busy.

    redis-py raises TimeoutError then, which would end a caller that closes a client because its server is away. And it
    forgets its socket only after it has closed, when somebody else may have connected again and loses the new one.
    """

    async def disconnect(self, nowait: bool = False, *args: Any, **named: Any) -> None:
        writer = self._writer
        await super().disconnect(True, *args, **named)
        if nowait or writer is None:
            return
        try:
            async with asyncio.timeout(self.socket_connect_timeout):
                await writer.wait_closed()
        except OSError:  # TimeoutError too
            writer.transport.abort()

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send `command` within `socket_timeout` (s).

        redis-py's own makes a task of each command by `asyncio.wait_for`, which before Python 3.12 loses a cancellation
        that comes just as the task ends: whoever cancels a call and waits for its end would wait for ever.
        """
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        if isinstance(command, str):
            command = command.encode()
        writer: Any = self._writer
        try:
            writer.writelines([command] if isinstance(command, bytes) else command)
            async with asyncio.timeout(self.socket_timeout):
                await writer.drain()
        except BaseException as error:  # half a command may be sent: nothing else can follow it
            await self.disconnect(nowait=True)
            if isinstance(error, asyncio.TimeoutError):
                raise TimeoutError("Timeout writing to socket") from None
            if isinstance(error, OSError):
                raise ConnectionError(f"Error while writing to socket: {error}") from error
            raise


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
