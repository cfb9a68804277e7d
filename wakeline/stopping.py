"""How a process is told to end, and what it had begun ends with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CANCEL_EVERY_S = 3.0

T = TypeVar("T")


def told_to_stop() -> asyncio.Event:
    """Set at one of SIGNALS, of which the running loop is told from now on."""
    told = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def unless_told(stop: asyncio.Event, call: Coroutine[Any, Any, T]) -> T | None:
    """What `call` returns; None, and it is cancelled, where `stop` is set before."""
    told, calling = asyncio.create_task(stop.wait()), asyncio.create_task(call)
    try:
        await asyncio.wait({told, calling}, return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        told.cancel()
        calling.cancel()
        await asyncio.wait({calling})


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Once all have ended. A client that times out just then may swallow a cancel: it is said again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_EVERY_S)
