"""`AsyncServer`: `Server` for asyncio. Its requests run in threads, so it needs no other package."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar, Unpack
from uuid import UUID

from wakeline.server.answers import Result
from wakeline.server.client import Options, Server
from wakeline.server.events import prepare
from wakeline.server.queue import QueueFull

if TYPE_CHECKING:
    from typing import Self

THREADS = 8  # calls at the same time; more wait for one of these

T = TypeVar("T")


class AsyncServer:
    """Tells Wakeline, without holding up the event loop; for the arguments see `Server`.

    async with AsyncServer("https://stats.your-site.example", key) as wakeline:
        await wakeline.event("purchase", transaction_id="A-1001", value="154.80", currency="EUR")
    """

    def __init__(self, url: str, key: str, **options: Unpack[Options]) -> None:
        self._server = Server(url, key, **options)
        self._full_wait_s = self._server.full_wait_s
        self._threads: tuple[int, ThreadPoolExecutor] | None = None  # with the process that has them

    async def event(
        self,
        type: str,
        /,
        *,
        id: str | int | UUID | None = None,
        time: datetime | int | str | None = None,
        customer: str | int | None = None,
        visitor: str | None = None,
        **fields: object,
    ) -> str:
        """See `Server.event`."""
        said = {"type": type, "id": id, "time": time, "customer": customer, "visitor": visitor, **fields}
        event = prepare(said)
        try:
            return self._server.queue_prepared(event, 0)
        except QueueFull:
            if self._full_wait_s == 0:
                raise
        return await self._in_thread(self._server.queue_prepared, event, self._full_wait_s)

    async def send(self, events: Iterable[Mapping[str, object]], *, timeout_s: float = 30.0) -> list[Result]:
        """See `Server.send`. If this is cancelled, the events may still be told."""
        return await self._in_thread(partial(self._server.send, timeout_s=timeout_s), list(events))

    async def flush(self, timeout_s: float | None = 30.0) -> bool:
        """See `Server.flush`."""
        return await self._in_thread(self._server.flush, timeout_s)

    async def close(self, timeout_s: float = 10.0) -> None:
        """See `Server.close`."""
        try:
            await asyncio.to_thread(self._server.close, timeout_s)
        finally:
            if self._threads is not None:
                self._threads[1].shutdown(wait=False)
                self._threads = None

    @property
    def queued(self) -> int:
        """See `Server.queued`."""
        return self._server.queued

    @property
    def trouble(self) -> str:
        """See `Server.trouble`."""
        return self._server.trouble

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        if self._threads is None or self._threads[0] != os.getpid():
            self._threads = os.getpid(), ThreadPoolExecutor(THREADS, "wakeline-server")
        return await asyncio.get_running_loop().run_in_executor(self._threads[1], call, *arguments)
