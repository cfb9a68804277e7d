"""A network between a service and Redis, with controlled losses."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum

from processor.lane_protocol import WRITE
from wakeline.log.redis_streams import APPEND


class Word(Enum):
    """A relevant request, recognised by its first packet."""

    WRITE = hashlib.sha1(WRITE.encode()).hexdigest().encode()  # the store's script
    APPEND = hashlib.sha1(APPEND.encode()).hexdigest().encode()  # the log's script
    SENT = b"XDEL"  # deltas leave the outbox


class Fate(Enum):
    PASS = "pass"
    LOSE_REQUEST = "lose the request"  # Redis never sees it
    LOSE_REPLY = "lose the reply"  # Redis does it and nobody hears
    HOLD = "hold"  # Redis sees it once `Proxy.held` is set


class Proxy:
    """`decide` is called for each such request; `lost` when one, or its reply, has been lost.

    A loss also closes the connection, as if a network or a process had died.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.losses = 0
        self.held = asyncio.Event()
        self.decide: Callable[[Word], Fate] = lambda word: Fate.PASS
        self.lost: Callable[[], None] = lambda: None
        self._target = target

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side closes it or a loss occurs."""
        loses_reply = asyncio.Event()
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(to)
            ways.append(asyncio.create_task(self._requests(reader, to, loses_reply)))
            ways.append(asyncio.create_task(self._replies(there, writer, loses_reply)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except ConnectionError:
            pass  # the server is away, and so are we
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(
        self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, loses_reply: asyncio.Event
    ) -> None:
        while data := await reader.read(1 << 20):
            fate = next((self.decide(word) for word in Word if word.value in data[:400]), Fate.PASS)
            if fate is Fate.LOSE_REQUEST:
                self._lose()
                return
            if fate is Fate.LOSE_REPLY:
                loses_reply.set()
            if fate is Fate.HOLD:
                await self.held.wait()
            to.write(data)
            await to.drain()

    async def _replies(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, loses_reply: asyncio.Event
    ) -> None:
        while data := await there.read(1 << 20):
            if loses_reply.is_set() and not data.startswith(b"-NOSCRIPT"):
                self._lose()
                return
            loses_reply.clear()
            writer.write(data)
            await writer.drain()

    def _lose(self) -> None:
        self.losses += 1
        self.lost()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy for the server on port `target`."""
    made = Proxy(target)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # connections that were cut are closed by the loop's next round
        await server.wait_closed()
