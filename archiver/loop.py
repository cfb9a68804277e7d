"""The archiver's main loop: acquires the lease, then reads and seals until it is stopped; waits for unavailable
services.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from archiver import metrics
from archiver.archiving import Archiver, NotNow
from archiver.resume import Mismatch
from wakeline.history import HistoryDamaged, HistoryUnavailable
from wakeline.log import LogGap, LogUnavailable
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES
from wakeline.redis.lease import Lease

logger = logging.getLogger("wakeline.archiver")

POLL_S = 1.0  # between two reads: a thousand records at once take a tenth of a thousand reads
MEASURE_S = 5.0
RETRY_S = 2.0
SAY_S = 60.0  # between repeated log messages
STOP_S = 8.0  # to seal held records; unsealed ones are read again later


async def live(
    archiver: Archiver, lease: Lease, stop: asyncio.Event, *, tidy: Callable[[], Coroutine[Any, Any, None]]
) -> int:
    """Exit code: 0 after `stop`, 1 after the lease was lost. `tidy` runs concurrently once the history is open."""
    stopped = asyncio.create_task(stop.wait())
    acquiring = asyncio.create_task(lease.acquire())
    await asyncio.wait({stopped, acquiring}, return_when=asyncio.FIRST_COMPLETED)
    if not acquiring.done():
        acquiring.cancel()
        return 0
    keeping = asyncio.create_task(lease.keep())
    working = asyncio.create_task(_work(archiver, stop))
    tidying = asyncio.create_task(_tidy_once_open(archiver, tidy))
    tasks = {stopped, keeping, working, tidying}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    code = 0 if stop.is_set() else 1
    stop.set()
    try:
        if code == 0:
            await _finish(archiver, working)
        elif keeping.done():
            logger.warning("another archiver writes the history now")
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                logger.error("the archiver ends: %s", error, exc_info=error)
        await lease.close()
    return code


async def _work(archiver: Archiver, stop: asyncio.Event) -> None:
    outage = Outage(logger, again_s=SAY_S)

    def failed(what: str, words: str, level: int = logging.WARNING) -> None:
        metrics.FAILURES.labels(what).inc()
        outage.say(words, level)

    measured = 0.0
    while not stop.is_set():
        pause = RETRY_S
        try:
            if not archiver.is_open:
                await archiver.open()
            pause = 0.0 if await archiver.step() else POLL_S
            if time.monotonic() - measured >= MEASURE_S:
                await archiver.measure()
                measured = time.monotonic()
            if outage.is_over():
                logger.info("going on")
        except (Mismatch, HistoryDamaged) as error:
            metrics.STUCK.set(1)
            archiver.close()
            failed("mismatch" if isinstance(error, Mismatch) else "damaged", f"{error}", logging.ERROR)
        except HistoryUnavailable as error:
            failed("history", f"{error}; nothing is lost, it is tried again", logging.ERROR)
        except (LogUnavailable, LogGap, *FAILURES, NotNow) as error:
            failed("log", f"waiting: {error}")
        if pause:
            await _wait(stop, pause)


async def _tidy_once_open(archiver: Archiver, tidy: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await archiver.opened.wait()
    await tidy()


async def _finish(archiver: Archiver, working: asyncio.Task[None]) -> None:
    try:
        async with asyncio.timeout(STOP_S):
            await asyncio.shield(working)
            if archiver.is_open:
                await archiver.seal_all()
    except (TimeoutError, LogUnavailable, *FAILURES, NotNow) as error:
        logger.warning("not all was sealed, the next start reads it again: %s", str(error) or "it took too long")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
