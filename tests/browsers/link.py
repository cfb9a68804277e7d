"""The way from the browsers to the collector, which may be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Link:
    """Passes bytes on. `cut` ends what is open and lets nothing through until `mend`; `mute` loses the answers."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.url = ""
        self._target = target
        self._is_cut = False
        self._is_mute = False
        self._open: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._is_cut = True
        for connection in self._open:
            connection.cancel()

    def mute(self) -> None:
        """From now on the collector gets what is sent, and the sender loses the connection instead of an answer."""
        self._is_mute = True

    def mend(self) -> None:
        self._is_cut = self._is_mute = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        try:
            if self._is_cut:
                return
            there, to = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(to)
            ways = [
                asyncio.create_task(self._copy(reader, to)),
                asyncio.create_task(self._copy(there, writer, is_answer=True)),
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

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while data := await reader.read(1 << 16):
            if is_answer and self._is_mute:
                return
            writer.write(data)
            await writer.drain()

    async def end(self) -> None:
        self.cut()
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
