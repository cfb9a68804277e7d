"""Limits by the memory of the server that holds profiles, and the log or its position, in three steps.

room        no restriction
count only  events are accepted, but no new profiles are created, see `budget`
refuse      503, and nothing is spooled, as the spool would be drained into the same memory. The rest is reserved for
            the processor, to fold accepted events and to expire old data

The log's backlog needs memory too, to detect duplicates and for new profiles: a flood must not use up memory that the
processor needs for it. A step ends only some way below where it began. In a cluster the fullest node counts. There are
no limits if a server has no `maxmemory`, does not allow INFO, or evicts: such a server is nearly full by design, and
loses accepted events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wakeline.keys import DEPLOYMENT, VERSION, Keys
from wakeline.log import Log, LogUnavailable
from wakeline.memory import COUNT_ONLY, PROFILE_BYTES, REFUSE, SLACK, eviction, share_of
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES, is_away
from wakeline.redis.url import is_cluster

logger = logging.getLogger("wakeline.collector")

ASK_EVERY_S = 0.5
PATIENCE_S = 1.0  # timeout for the log, whose outage must not hide full memory


class Step(IntEnum):
    """The restriction; higher is stricter."""

    ROOM = 0
    COUNT_ONLY = 1
    REFUSE = 2


SAID = {
    Step.ROOM: "memory is available again",
    Step.COUNT_ONLY: "new visitors are only counted, without profiles",
    Step.REFUSE: "events are refused with 503",
}


class Use(NamedTuple):
    """Shares of maxmemory. With the log on Kafka `counted` is `now`, as the backlog does not use Redis memory."""

    now: float  # in use
    counted: float  # in use once each record of the backlog is counted
    profiles: float  # in use once each of them has created a profile
    waiting: int = 0  # records in the backlog


UNKNOWN = Use(0, 0, 0)


def step_of(use: Use, before: Step) -> Step:
    """The step for this usage, coming from step `before`."""
    if use.counted >= _first(REFUSE, is_taken=before >= Step.REFUSE):
        return Step.REFUSE
    if use.profiles >= _first(COUNT_ONLY, is_taken=before >= Step.COUNT_ONLY):
        return Step.COUNT_ONLY
    return Step.ROOM


def _first(share: float, *, is_taken: bool) -> float:
    return share - SLACK if is_taken else share


class Memory:
    """The current step. `ask` returns the usage; None: there is no limit, or it is unknown."""

    def __init__(self, ask: Callable[[], Awaitable[Use | None]]) -> None:
        self.step = Step.ROOM
        self.use = UNKNOWN
        self._ask = ask
        self._is_said = False  # failure to read the usage was logged

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(ASK_EVERY_S)

    async def look(self) -> None:
        """Ask once. On failure the step stays, as full memory does not empty by itself."""
        try:
            use = await self._ask()
        except FAILURES:
            return
        except Exception:  # a bug here must not stop the intake
            if not self._is_said:
                logger.exception("the server's memory usage cannot be read")
            self._is_said = True
            return
        self.use = use or UNKNOWN
        before, self.step = self.step, step_of(use, self.step) if use else Step.ROOM
        if self.step != before:
            logger.warning("%s: %s", _cause(self.use, self.step, before), SAID[self.step])


def _cause(use: Use, step: Step, before: Step) -> str:
    """Why `step` follows `before`, as text: memory in use, or the backlog."""
    if use is UNKNOWN:
        return "the server's memory limit or usage is unknown now"
    in_use = f"{100 * use.now:.0f} % of the server's memory is in use"
    if step_of(Use(use.now, use.now, use.now), before) is step:
        return in_use
    then = use.counted if step is Step.REFUSE else use.profiles
    return f"{in_use}, {100 * then:.0f} % once the backlog of {use.waiting:,} records is folded"


class Asking:
    """Asks the server of `url`, or all primaries of a cluster. `log` returns the log, None while down, and lanes."""

    def __init__(self, url: str, *, log: Callable[[], tuple[Log | None, int]], counted_bytes: int) -> None:
        self._url = url
        self._counted_bytes = counted_bytes  # least memory per backlog record; 0: the backlog can wait for memory
        self._evictions: set[str] = set()  # as last logged
        self._log = log
        self._redis: Redis | None = None
        self._waiting = 0  # records, when the log was last asked

    async def __call__(self) -> Use | None:
        """Raises redis-py's errors and OSError if no server answers."""
        self._redis = self._redis or connect(self._url)
        try:
            infos = await self._infos(self._redis)
        except ResponseError as error:
            if is_away(error):
                raise
            return None  # a managed server, or a user that may not
        self._say_evictions(set(filter(None, map(eviction, infos))))
        bounded = [(share, int(info["maxmemory"])) for info in infos if (share := share_of(info)) is not None]
        if not bounded:
            return None
        with suppress(LogUnavailable, *FAILURES):
            async with asyncio.timeout(PATIENCE_S):
                self._waiting = await self._records_that_wait(self._redis)
        waiting = self._waiting / len(infos)
        now, counted, profiles = (
            max(share + waiting * size / most for share, most in bounded)
            for size in (0, self._counted_bytes, PROFILE_BYTES)
        )
        return Use(now, counted, profiles, self._waiting)

    async def close(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.aclose()

    def _say_evictions(self, evictions: set[str]) -> None:
        """Log it once per change."""
        if evictions and evictions != self._evictions:
            logger.error(
                "the server evicts (maxmemory-policy %s): when its memory is full it deletes profiles and the log, "
                "including acknowledged events, and the collector cannot see how full it is. CONFIG SET "
                "maxmemory-policy noeviction, and the same in the server's configuration file",
                ", ".join(sorted(evictions)),
            )
        self._evictions = evictions

    async def _infos(self, redis: Any) -> list[Mapping[str, Any]]:
        if not is_cluster(self._url):
            return [await redis.info("memory")]
        await redis.initialize()
        asked = [node.execute_command("INFO", "memory") for node in redis.get_primaries()]
        found = await asyncio.gather(*asked, return_exceptions=True)
        answers = [info for info in found if not isinstance(info, BaseException)]
        for error in found:
            if isinstance(error, BaseException) and (not answers or not isinstance(error, FAILURES)):
                raise error
        return answers

    async def _records_that_wait(self, redis: Any) -> int:
        """Records of the log that are not folded yet. Places are read first, so no lane is ahead of its log."""
        log, lanes = self._log()
        if log is None:
            return self._waiting
        (version,) = await redis.hmget(DEPLOYMENT, "version")
        keys = Keys(int(version or VERSION))
        pipe = redis.pipeline(transaction=False)
        for lane in range(lanes):
            pipe.hmget(keys.lane(lane), "offset")
        places = [int(offset or 0) for (offset,) in await pipe.execute()]
        bounds = await log.bounds(range(lanes))
        return sum(max(0, bounds[lane].end - max(place, bounds[lane].first)) for lane, place in enumerate(places))
