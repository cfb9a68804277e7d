"""Detects whether all collectors of a deployment have the same daily salts; otherwise anonymous visitors count twice.

A running collector keeps a mark of each of its salts in Redis: a hash, which does not reveal it. Marks expire three
minutes after their collector stopped, so a lost or restored folder needs no manual action.
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
    """Another running collector of the deployment has different salts for the same day."""


class Marks:
    """Publishes the marks of this process's salts, and compares them with those of other collectors."""

    def __init__(self, salts: Salts, metrics: Metrics) -> None:
        self._salts = salts
        self._metrics = metrics
        self._outage = Outage(logger)

    async def keep(self, redis: Redis) -> None:
        """Set or renew the marks; call it each minute. Raises OtherSalts, and redis-py's errors.

        Raises OtherSalts only while no event was accepted: exiting later would drop visitors that the other does not
        know. Then it is only logged once and shown as a metric.
        """
        try:
            marks = self._salts.marks()
        except OSError as error:
            self._say(f"no mark of the daily salts can be created: {error}")
            return
        try:
            others = await set_marks(redis, marks)
        except NoPermissionError as error:
            self._say(f"cannot check whether all collectors have the same daily salts: {error} (see docs/redis.md)")
            return
        self._metrics.salts_differ = bool(others)
        if not others:
            self._assert_own()
        elif self._metrics.accepted:
            self._say(said(self._salts.folder))
        else:
            raise OtherSalts(said(self._salts.folder))

    async def keep_up(self, url: str) -> None:
        """Until cancelled, creates the salts of coming days, and keeps the marks in the server of `url`."""
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                self._salts.keep()
                async with connect(url) as redis:
                    await self.keep(redis)
            except RedisError:  # reported by the writer to the log
                continue
            except OSError:
                logger.exception("the daily salts cannot be kept up")

    def _assert_own(self) -> None:
        try:
            self._salts.assert_own()
        except OSError as error:
            self._say(f"{self._salts.folder} holds other daily salts than the deployment uses: {error}")
        else:
            self._outage.is_over()

    def _say(self, what: str) -> None:
        self._outage.say(what, logging.ERROR)


def said(folder: Path) -> str:
    """The problem, and what to do."""
    return (
        "another collector of this deployment has other daily salts, so anonymous visitors who reach both are counted "
        f"twice: give all of them one folder {folder}, or stop the other. If it has stopped and these salts are new, "
        f"because the folder was lost or restored, wait: its marks expire after {SALTS_TTL_MS / 60_000:g} minutes"
    )


async def set_marks(redis: Redis, marks: Mapping[str, str]) -> list[str]:
    """Set each mark (key -> value) if there is none, and renew ours; returns the keys with another's mark.

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
