"""Waits until a lane is folded up to a place: who follows a link is to arrive after what the click says.

One poller reads the places of all lanes that somebody waits for. Nobody waits longer than MOST_S, and without Redis
nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from collector.live_redis import LiveRedis
from collector.metrics import Metrics
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.collector")

MOST_S = 0.15
LOOK_S, LONGEST_LOOK_S = 0.002, 0.006

Waits = list[tuple[int, asyncio.Future[bool]]]


class Folded:
    """Asks the server of `url`."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._redis = LiveRedis(url)
        self._metrics = metrics
        self._waiting: dict[int, Waits] = {}  # lane -> the places that are waited for
        self._poller: asyncio.Task[None] | None = None
        self._outage = Outage(logger)

    async def wait(self, lane: int, end: int) -> bool:
        """Until all of a lane's log before the offset `end` is folded; False: that was not seen within MOST_S."""
        began = time.monotonic()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(lane, []).append((end, done))
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
            while self._waiting:
                await asyncio.sleep(pause)
                pause = LOOK_S if await self._look() else min(1.5 * pause, LONGEST_LOOK_S)
        except FAILURES:
            pass  # reported by the writer to the log
        except Exception:  # a bug here must not keep people from where they go
            self._outage.say("it cannot be seen how far lanes are folded", logging.ERROR)
        finally:
            left = [one for waits in self._waiting.values() for _, one in waits]
            self._waiting.clear()
            for one in left:
                if not one.done():
                    one.set_result(False)

    async def _look(self) -> bool:
        """Whether anybody has waited long enough."""
        lanes = list(self._waiting)
        keys = await self._redis.keys()
        pipe = self._redis.client.pipeline(transaction=False)
        for lane in lanes:
            pipe.hmget(keys.lane(lane), "offset")
        places = zip(lanes, await pipe.execute(), strict=True)
        released = [self._release(lane, int(offset or 0)) for lane, (offset,) in places]  # of every lane
        return any(released)

    def _release(self, lane: int, offset: int) -> bool:
        """Whether anybody waited for this place of a lane; who waited for too long is gone."""
        waits, left = self._waiting.pop(lane), []
        for end, one in waits:
            if end > offset and not one.done():
                left.append((end, one))
            elif not one.done():
                one.set_result(True)
        if left:
            self._waiting[lane] = left
        return len(left) < len(waits)
