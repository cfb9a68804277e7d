"""Whether all collectors of a deployment have the same daily salts: with others each anonymous visitor would be two.

A collector that lives keeps a mark of each of its salts in Redis: a hash of the secret, which gives nothing away. The
marks of one that is gone are gone three minutes later, so a folder that was lost or restored needs nobody's help.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from collector.metrics import Metrics
from collector.salts import Salts
from wakeline.keys import SALTS_TTL_MS
from wakeline.patience import Outage
from wakeline.redis.connect import connect

logger = logging.getLogger("wakeline.collector")


KEEP_S = 60.0


class OtherSalts(Exception):
    """Another collector of the deployment lives and has other salts for the same day."""


class Marks:
    """Publishes the marks of this process's salts, and compares them with those of other collectors."""

    def __init__(self, salts: Salts, metrics: Metrics) -> None:
        self._salts = salts
        self._metrics = metrics
        self._outage = Outage(logger)

    async def keep(self, redis: Redis) -> None:
        """Set the marks, or keep them up; to be called each minute. Raises OtherSalts, and redis-py's errors.

        OtherSalts only while no event was taken: ending would drop visitors that the other does not know. Later it is
        said once, and a metric.
        """
        try:
            marks = self._salts.marks()
        except OSError as error:
            self._say(f"no mark of the daily salts can be made: {error}")
            return
        try:
            others = await set_marks(redis, marks)
        except NoPermissionError as error:
            self._say(f"whether all collectors have the same daily salts is not known: {error} (see docs/redis.md)")
            return
        self._metrics.salts_differ = bool(others)
        if not others:
            self._assert_own()
        elif self._metrics.accepted:
            self._say(said(self._salts.folder))
        else:
            raise OtherSalts(said(self._salts.folder))

    async def keep_up(self, url: str) -> None:
        """Until cancelled: the salts of the days to come are made, and the marks kept in the server of `url`."""
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                self._salts.keep()
                async with connect(url) as redis:
                    await self.keep(redis)
            except RedisError:  # who writes to the log says so
                continue
            except OSError:
                logger.exception("the daily salts cannot be kept up")

    def _assert_own(self) -> None:
        try:
            self._salts.assert_own()
        except OSError as error:
            self._say(f"{self._salts.folder} holds other daily salts than the deployment counts with: {error}")
        else:
            self._outage.is_over()

    def _say(self, what: str) -> None:
        self._outage.say(what, logging.ERROR)


def said(folder: Path) -> str:
    """What is wrong, and what to do."""
    return (
        "another collector of this deployment has other daily salts, so anonymous visitors that meet both are counted "
        f"twice: give all of them one folder {folder}, or stop the other. If it has stopped and these salts are new, "
        f"because the folder was lost or restored, wait: its marks in Redis last {SALTS_TTL_MS / 60_000:g} minutes"
    )


async def set_marks(redis: Redis, marks: Mapping[str, str]) -> list[str]:
    """Set each mark (key -> value) where there is none, and keep ours up; the keys that hold another's.

    Raises redis-py's errors.
    """
    others = []
    for key, mark in marks.items():
        found: Any = await redis.set(key, mark, nx=True, get=True, px=SALTS_TTL_MS)
        if found is None:
            continue
        if found.decode() == mark:
            await redis.set(key, mark, xx=True, px=SALTS_TTL_MS)
        else:
            others.append(key)
    return others
