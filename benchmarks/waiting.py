"""Polling until a condition holds, with a time limit."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 40.0
PAUSE_S = 0.005


async def until(is_so: Callable[[], Any], what: str = "it is so", *, within: float = PATIENCE_S) -> Any:
    """The first true answer of `is_so`, which may be a coroutine function. Raises AssertionError after `within` s."""
    deadline = time.monotonic() + within
    while True:
        found = is_so()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        _still_waits(deadline, what, within, found)
        await asyncio.sleep(PAUSE_S)


def wait_until(is_so: Callable[[], Any], what: str = "it is so", *, within: float = PATIENCE_S) -> Any:
    """The same without an event loop."""
    deadline = time.monotonic() + within
    while not (found := is_so()):
        _still_waits(deadline, what, within, found)
        time.sleep(PAUSE_S)
    return found


def _still_waits(deadline: float, what: str, within: float, found: Any) -> None:
    if time.monotonic() > deadline:
        raise AssertionError(f"{what}: not within {within:g} s; the last answer was {found!r}")
