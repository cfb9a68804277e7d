"""How full the server is that holds profiles, and the log or its place: a ladder of what is still taken.

room        all is normal
count only  events go on; no new profile begins, see `budget`
refuse      503, and nothing is spooled: the spool would only be drained into the same memory. What is left is the
            processor's, to fold what was accepted and to let the old expire

What the log holds and the processor has not folded yet needs room too, for what tells its records when they come again
or for new profiles: a flood that is ahead of the processor must not fill what is the processor's. Each step is taken
back only some way below where it began. Of a cluster the fullest node counts. There is no ladder where a server has no
`maxmemory`, does not say (INFO is not allowed to us), or evicts: such a server is nearly full by design, and loses what
was accepted.
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
PATIENCE_S = 1.0  # with the log, whose outage must not hide that the memory is full


class Step(IntEnum):
    """How little is still taken: the higher, the less."""

    ROOM = 0
    COUNT_ONLY = 1
    REFUSE = 2


SAID = {
    Step.ROOM: "there is room again",
    Step.COUNT_ONLY: "new visitors are only counted, no profile begins",
    Step.REFUSE: "events are refused with 503",
}


class Use(NamedTuple):
    """Shares of maxmemory. With the log on Kafka `counted` is `now`: what waits there can wait for room."""

    now: float  # in use
    counted: float  # in use once each record that waits to be folded is counted
    profiles: float  # in use once each of them has begun a profile
    waiting: int = 0  # records that wait to be folded


UNKNOWN = Use(0, 0, 0)


def step_of(use: Use, before: Step) -> Step:
    """The step where so much is in use, coming from another."""
    if use.counted >= _first(REFUSE, is_taken=before >= Step.REFUSE):
        return Step.REFUSE
    if use.profiles >= _first(COUNT_ONLY, is_taken=before >= Step.COUNT_ONLY):
        return Step.COUNT_ONLY
    return Step.ROOM


def _first(share: float, *, is_taken: bool) -> float:
    return share - SLACK if is_taken else share


class Memory:
    """Where on the ladder we are. `ask` gives what is in use; None: there is no bound, or nobody says."""

    def __init__(self, ask: Callable[[], Awaitable[Use | None]]) -> None:
        self.step = Step.ROOM
        self.use = UNKNOWN
        self._ask = ask
        self._is_said = False  # that it cannot be asked

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(ASK_EVERY_S)

    async def look(self) -> None:
        """Ask once. While nobody answers the step stays: what is full does not empty by itself."""
        try:
            use = await self._ask()
        except FAILURES:
            return
        except Exception:  # a bug here must not end the intake
            if not self._is_said:
                logger.exception("how full the server is cannot be asked")
            self._is_said = True
            return
        self.use = use or UNKNOWN
        before, self.step = self.step, step_of(use, self.step) if use else Step.ROOM
        if self.step != before:
            logger.warning("%s: %s", _cause(self.use, self.step, before), SAID[self.step])


def _cause(use: Use, step: Step, before: Step) -> str:
    """Why `step` follows `before`, in words: what is in use, or what waits to be folded."""
    if use is UNKNOWN:
        return "the server has no bound any more, or does not say how full it is"
    in_use = f"{100 * use.now:.0f} % of the server's memory are in use"
    if step_of(Use(use.now, use.now, use.now), before) is step:
        return in_use
    then = use.counted if step is Step.REFUSE else use.profiles
    return f"{in_use}, and would be {100 * then:.0f} % once the {use.waiting:,} records are folded that wait"


class Asking:
    """Asks the server of `url`, or all primaries of a cluster. `log` gives the log, None while away, and its lanes."""

    def __init__(self, url: str, *, log: Callable[[], tuple[Log | None, int]], counted_bytes: int) -> None:
        self._url = url
        self._counted_bytes = counted_bytes  # that a record which waits needs at least; 0: it may wait for them
        self._evictions: set[str] = set()  # that were said last
        self._log = log
        self._redis: Redis | None = None
        self._waiting = 0  # records, when the log was asked last

    async def __call__(self) -> Use | None:
        """Raises redis-py's errors and OSError where none answers."""
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
        """Once, as soon as it is seen."""
        if evictions and evictions != self._evictions:
            logger.error(
                "the server evicts (maxmemory-policy %s): when its memory is full it throws profiles and the log away, "
                "also events that were answered 202, and the collector cannot see how full it is. CONFIG SET "
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
        """Records of the log that are not folded yet. Places are read first: no lane is ahead of its log."""
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
