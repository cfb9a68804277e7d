"""Waits for an unavailable service: logs it once, and retries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from logging import Logger
from math import inf
from typing import TypeVar

PAUSE_S = 1.0

T = TypeVar("T")


class Outage:
    """Logs a lasting failure once; again if the message changes, after `again_s`, or after it was over."""

    def __init__(self, log: Logger, *, again_s: float = inf) -> None:
        self._log = log
        self._again_s = again_s
        self._said = ""
        self._due = 0.0

    def say(self, words: str, level: int = logging.WARNING, *, kind: str = "") -> None:
        """Log `words`, unless already logged. `kind` identifies the failure if the words vary."""
        said, now = kind or words, time.monotonic()
        if said != self._said or now >= self._due:
            self._log.log(level, "%s", words)
            self._said, self._due = said, now + self._again_s

    def is_over(self) -> bool:
        """End the outage; returns whether there was one."""
        said, self._said = self._said, ""
        return said != ""


async def patiently(
    call: Callable[[], Awaitable[T]],
    missing: tuple[type[Exception], ...],
    log: Logger,
    waiting: str,
    *,
    pause_s: float = PAUSE_S,
) -> T:
    """The result of `call`, as soon as it no longer raises one of `missing`.

    Logs "`waiting`: reason" whenever the reason changes. Other errors are raised at once.
    """
    outage = Outage(log)
    while True:
        try:
            return await call()
        except missing as error:
            outage.say(f"{waiting}: {error}")
        await asyncio.sleep(pause_s)
