"""Stops a process on a signal, and cancels its tasks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CANCEL_EVERY_S = 3.0

T = TypeVar("T")


def told_to_stop() -> asyncio.Event:
    """An event that is set by one of SIGNALS; installs handlers in the running loop."""
    told = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def unless_told(stop: asyncio.Event, call: Coroutine[Any, Any, T]) -> T | None:
    """The result of `call`; None if `stop` is set first, which cancels the call."""
    told, calling = asyncio.create_task(stop.wait()), asyncio.create_task(call)
    try:
        await asyncio.wait({told, calling}, return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        told.cancel()
        calling.cancel()
        await asyncio.wait({calling})


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended; repeatedly, as a client may swallow a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_EVERY_S)
