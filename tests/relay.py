"""Connections to a port of this machine that are passed on, as whoever stands between the two sides decides."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar


class Relay(ABC):
    """Passes on connections to port `target`, until either side ends one; then both ends of it are cut.

    `requests` and `answers` carry one way each, of one connection; one that returns ends it.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._open: set[asyncio.Task[None]] = set()

    def connect(self) -> Any:
        """What both ways of a new connection share."""
        return None

    @abstractmethod
    async def requests(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, shared: Any) -> None: ...

    @abstractmethod
    async def answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, shared: Any) -> None: ...

    def cut(self) -> None:
        """End every connection."""
        for connection in self._open:
            connection.cancel()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        shared = self.connect()
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(to)
            ways.append(asyncio.create_task(self.requests(reader, to, shared)))
            ways.append(asyncio.create_task(self.answers(there, writer, shared)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (ConnectionError, asyncio.CancelledError):
            pass  # either side is gone, or it was cut
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def end(self) -> None:
        self.cut()
        await asyncio.gather(*self._open, return_exceptions=True)


Made = TypeVar("Made", bound=Relay)


@asynccontextmanager
async def relaying(made: Made) -> AsyncIterator[Made]:
    """It listens on a `port` of its own."""
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()
        await asyncio.sleep(0)  # connections that were cut are closed by the loop's next round
        await server.wait_closed()
