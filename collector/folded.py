"""Waits until a lane is folded up to now: who follows a link is to arrive after what the click says.

One poller reads the places of all lanes that somebody waits for. Nobody waits longer than MOST_S, and without Redis
nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from collector.live_redis import LiveRedis
from collector.metrics import Metrics
from wakeline.log import Log, LogUnavailable
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.collector")

MOST_S = 0.15
LOOK_S, LONGEST_LOOK_S = 0.003, 0.01  # between two looks: longer while none finds that anything was folded

Waits = list[asyncio.Future[bool]]


class Folded:
    """Asks the server of `url`. `log` returns the log, None while it is down, and the number of lanes."""

    def __init__(self, url: str, metrics: Metrics, *, log: Callable[[], tuple[Log | None, int]]) -> None:
        self._redis = LiveRedis(url)
        self._metrics = metrics
        self._log = log
        self._new: defaultdict[int, Waits] = defaultdict(list)  # lane -> who came since the last look
        self._known: defaultdict[int, list[tuple[int, asyncio.Future[bool]]]] = defaultdict(list)  # with their offsets
        self._poller: asyncio.Task[None] | None = None
        self._outage = Outage(logger)

    async def wait(self, lane: int) -> bool:
        """Until all that the lane's log has now is folded; False: that was not seen within MOST_S."""
        began = time.monotonic()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._new[lane].append(done)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        is_folded = False
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_S):
                is_folded = await done
        self._metrics.link_wait_seconds.observe(time.monotonic() - began)
        if not is_folded:
            self._metrics.link_timeouts += 1
        return is_folded

    async def close(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        await self._redis.close()

    async def _poll(self) -> None:
        """Until nobody waits."""
        pause = LOOK_S
        try:
            while self._new or self._known:
                pause = LOOK_S if await self._look() else min(1.5 * pause, LONGEST_LOOK_S)
                self._drop_gone()
                if self._new or self._known:
                    await asyncio.sleep(pause)
        except (LogUnavailable, *FAILURES):
            pass  # reported by the writer to the log
        except Exception:  # a bug here must not keep people from where they go
            self._outage.say("it cannot be seen how far lanes are folded", logging.ERROR)
        finally:
            left = [one for waits in self._new.values() for one in waits]
            left += [one for waits in self._known.values() for _, one in waits]
            self._new.clear()
            self._known.clear()
            for one in left:
                if not one.done():
                    one.set_result(False)

    async def _look(self) -> bool:
        """Whether anybody has waited long enough."""
        log, _ = self._log()
        if log is None:
            raise LogUnavailable("the log is away")
        new, self._new = self._new, defaultdict(list)
        for lane, waits in new.items():  # so that a failure finds them
            self._known[lane] += [(-1, one) for one in waits]
        if new:
            ends = await log.bounds(list(new))
            for lane in new:
                self._known[lane] = [(ends[lane].end if at < 0 else at, one) for at, one in self._known[lane]]
        lanes = list(self._known)
        keys = await self._redis.keys()
        pipe = self._redis.client.pipeline(transaction=False)
        for lane in lanes:
            pipe.hmget(keys.lane(lane), "offset")
        places = zip(lanes, await pipe.execute(), strict=True)
        released = [self._release(lane, int(offset or 0)) for lane, (offset,) in places]  # of every lane
        return any(released)

    def _release(self, lane: int, offset: int) -> bool:
        """Whether anybody waited for this place of a lane."""
        was, left = len(self._known[lane]), []
        for end, one in self._known[lane]:
            if end > offset:
                left.append((end, one))
            elif not one.done():
                one.set_result(True)
        self._known[lane] = left
        return len(left) < was

    def _drop_gone(self) -> None:
        """Those that waited long enough, and lanes that nobody waits for."""
        for lane in list(self._known):
            self._known[lane] = [(end, one) for end, one in self._known[lane] if not one.done()]
            if not self._known[lane]:
                del self._known[lane]
