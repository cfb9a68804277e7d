"""The network between the browsers and the collector, with controlled losses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum

Alter = Callable[[bytes], bytes]


class State(Enum):
    WHOLE = "passes on what either side says"
    CUT = "ends every connection"
    LOSES_REQUESTS = "takes what browsers send, and it never arrives"
    LOSES_ANSWERS = "the collector gets what is sent; then the connection ends instead of an answer"


class Link:
    """Connections to the collector on port `target`, in one state at a time."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.url = ""
        self.lost = 0  # reads of requests or answers that were lost
        self.alter_request: Alter = bytes  # what is read of a request, and what is passed on instead
        self.alter_answer: Alter = bytes
        self._target = target
        self._state = State.WHOLE
        self._open: set[asyncio.Task[None]] = set()

    def set(self, state: State) -> None:
        self._state = state
        if state is State.CUT:
            for connection in self._open:
                connection.cancel()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        try:
            if self._state is State.CUT:
                return
            there, to = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(to)
            ways = [
                asyncio.create_task(self._requests(reader, to)),
                asyncio.create_task(self._answers(there, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except (ConnectionError, asyncio.CancelledError):
            pass  # either side is gone, or the link was cut
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self._state is State.LOSES_REQUESTS:
                self.lost += 1
                continue
            to.write(self.alter_request(data))
            await to.drain()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(1 << 16):
            if self._state is State.LOSES_ANSWERS:
                self.lost += 1
                return
            writer.write(self.alter_answer(data))
            await writer.drain()

    async def end(self) -> None:
        self.set(State.CUT)
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def link(target: int) -> AsyncIterator[Link]:
    """A link to the collector on port `target`."""
    made = Link(target)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{made.port}"
    try:
        yield made
    finally:
        server.close()
        await made.end()
        await asyncio.sleep(0)  # connections that were aborted are closed by the loop's next round
        await server.wait_closed()
