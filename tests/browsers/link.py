"""The network between the browsers and the collector, with controlled losses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Any

from tests.relay import Relay, relaying

Alter = Callable[[bytes], bytes]


class State(Enum):
    WHOLE = "passes on what either side says"
    CUT = "ends every connection"
    LOSES_REQUESTS = "takes what browsers send, and it never arrives"
    LOSES_ANSWERS = "the collector gets what is sent; then the connection ends instead of an answer"


class Link(Relay):
    """Connections to the collector, in one state at a time."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.lost = 0  # reads of requests or answers that were lost
        self.alter_request: Alter = bytes  # what is read of a request, and what is passed on instead
        self.alter_answer: Alter = bytes
        self._state = State.WHOLE

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, state: State) -> None:
        self._state = state
        if state is State.CUT:
            self.cut()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state is State.CUT:
            writer.transport.abort()
        else:
            super().accept(reader, writer)

    async def requests(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, shared: Any) -> None:
        while data := await reader.read(1 << 16):
            if self._state is State.LOSES_REQUESTS:
                self.lost += 1
                continue
            to.write(self.alter_request(data))
            await to.drain()

    async def answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, shared: Any) -> None:
        while data := await there.read(1 << 16):
            if self._state is State.LOSES_ANSWERS:
                self.lost += 1
                return
            writer.write(self.alter_answer(data))
            await writer.drain()


def link(target: int) -> AbstractAsyncContextManager[Link]:
    """A link to the collector on port `target`."""
    return relaying(Link(target))
