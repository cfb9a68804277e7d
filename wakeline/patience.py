"""Waiting for what is not there yet: it is said once, and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from logging import Logger
from typing import TypeVar

PAUSE_S = 1.0

T = TypeVar("T")


async def patiently(
    call: Callable[[], Awaitable[T]],
    missing: tuple[type[Exception], ...],
    log: Logger,
    waiting: str,
    *,
    pause_s: float = PAUSE_S,
) -> T:
    """What `call` returns, as soon as it raises none of `missing` any more.

    The log gets "`waiting`: why", again only once the reason is another one. Every other error is raised at once.
    """
    said = ""
    while True:
        try:
            return await call()
        except missing as error:
            if str(error) != said:
                said = str(error)
                log.warning("%s: %s", waiting, said)
        await asyncio.sleep(pause_s)
