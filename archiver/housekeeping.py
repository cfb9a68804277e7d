"""At startup and once a day: merges the files of past days, deletes expired records, and rewrites erased persons'."""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from redis.asyncio import Redis

from archiver import metrics
from archiver.merging import LAST_DAYS, merge_days
from archiver.retention import expire
from archiver.rewriting import rewrite
from wakeline import keys
from wakeline.history import History, HistoryUnavailable
from wakeline.redis.failures import FAILURES
from wakeline.settings import Site

logger = logging.getLogger("wakeline.archiver")

LOOK_S = 600.0
TIME = "return redis.call('TIME')[1]"  # of the server that holds the key: a cluster has several clocks


async def keep_house(
    history: History,
    redis: Redis,
    sites: Mapping[str, Site],
    *,
    lanes: int,
    go_on: Callable[[], bool],
    free: asyncio.Lock,
) -> None:
    """Runs until cancelled. `history` is used by this alone; `go_on` is called before each file; `free` is held
    meanwhile.
    """
    done = None
    while True:
        try:
            today = await utc_day(redis)
            if today != done:
                async with free:
                    await asyncio.to_thread(tidy, history, sites, lanes=lanes, today=today, go_on=go_on)
                done = today if go_on() else None
        except HistoryUnavailable as error:
            metrics.FAILURES.labels("history").inc()
            logger.warning("the history is not tidied: %s", error)
        except FAILURES as error:
            logger.debug("not tidied: %s", error)
        await asyncio.sleep(LOOK_S)


async def utc_day(redis: Redis) -> datetime.date:
    """Today by this machine's clock or the server's, whichever is earlier, so that a wrong clock deletes nothing."""
    theirs: Any = await redis.eval(TIME, 1, keys.ARCHIVE)
    return datetime.datetime.fromtimestamp(min(time.time(), int(theirs)), datetime.UTC).date()


def tidy(
    history: History, sites: Mapping[str, Site], *, lanes: int, today: datetime.date, go_on: Callable[[], bool]
) -> None:
    """`lanes`: number of the log's."""
    expire(history, sites, today=today, go_on=go_on)
    since = (today - datetime.timedelta(days=LAST_DAYS)).isoformat()
    merge_days(history, since=since, today=today.isoformat(), go_on=go_on)
    rewrite(history, lanes=lanes, today=today, go_on=go_on)
