"""A network between a service and Redis, with controlled losses."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum

from processor.lane_protocol import WRITE
from tests.relay import Relay, relaying
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


class Proxy(Relay):
    """`decide` is called for each such request; `lost` when one, or its reply, has been lost.

    A loss also closes the connection, as if a network or a process had died.
    """

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.losses = 0
        self.held = asyncio.Event()
        self.decide: Callable[[Word], Fate] = lambda word: Fate.PASS
        self.lost: Callable[[], None] = lambda: None

    def connect(self) -> asyncio.Event:
        """Set while a reply is to be lost."""
        return asyncio.Event()

    async def requests(
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

    async def answers(
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


def proxy(target: int) -> AbstractAsyncContextManager[Proxy]:
    """A proxy for the server on port `target`."""
    return relaying(Proxy(target))
