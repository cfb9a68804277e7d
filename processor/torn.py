"""Rebuilds a torn lane in place: empties it and folds the log again up to its place.

Tombstones are not affected, and deltas for other lanes stay in its outbox. It can be repeated after a crash.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from redis.asyncio import Redis

from processor.replay import Replay, patiently
from processor.replay_protocol import EMPTY, FINISH, KEEP
from processor.store import LaneLost, Store, unavailable
from processor.switch import take_back_deltas
from processor.versions import START, looked_through, starting_places, unlink
from wakeline.keys import Keys
from wakeline.log import Log, LogMismatch
from wakeline.record import Position


class NotTorn(Exception):
    """There is nothing to rebuild, or another process holds the lane; the message says what to do."""


class TornLane:
    """One lane of the live version `live`. `since`: where to begin, see `versions.begin`.

    Every method waits while Redis or the log is down.
    """

    def __init__(self, redis: Redis, log: Log, *, live: Keys, lane: int, since: str) -> None:
        self._redis = redis
        self._log = log
        self._live = live
        self._lane = lane
        self._since = since or START
        self._names = [live.lane(lane), live.kept(lane)]
        self._keep = redis.register_script(KEEP)
        self._empty = redis.register_script(EMPTY)
        self._finish = redis.register_script(FINISH)

    async def prepare(self) -> int:
        """Save the lane's facts and empty it; returns the place up to which it must be folded.

        Raises NotTorn, LogMismatch, and LogGap if the log does not reach back; then nothing was changed.
        """
        lanes = range(self._lane, self._lane + 1)
        start = (await starting_places(self._log, lanes, self._since))[self._lane]
        first = (await looked_through(self._log, lanes, self._since))[self._lane]
        await patiently(self._check_log)
        state = await patiently(self._kept)
        if state == 0:
            raise NotTorn(f"lane {self._lane} is not torn: there is nothing to rebuild")
        if state == -1:
            raise NotTorn(f"lane {self._lane} is part of a switch: complete it, or revert it with --abort")
        place = await patiently(self._place)
        if state == 1:
            owed = Store(self._redis, key_space=self._live)
            await take_back_deltas(self._redis, owed, self._lane, place=place, hash=self._live.kept(self._lane))
            await patiently(self._unlink)
            await patiently(partial(self._emptied, min(first, place[0]), min(start, place[0])))
        return place[0]

    async def rebuild(self, replay: Replay, upto: int) -> None:
        """Fold it up to its place and let processors have it. Raises what `Replay.advance` raises."""
        await replay.advance({self._lane: upto})
        revision = (await replay.place(self._lane)).revision
        if not await patiently(partial(self._finished, revision)):
            raise LaneLost(f"lane {self._lane} is being rebuilt by another replay")
        replay.release(self._lane)

    async def _check_log(self) -> None:
        identity = await self._log.identity()
        with unavailable():
            named: Any = await self._redis.hget(self._live.lane(self._lane), "log")
        if named and named.decode() != identity:
            raise LogMismatch(f"lane {self._lane} belongs to log {named.decode()}, but this is {identity}")

    async def _kept(self) -> int:
        with unavailable():
            return int(await self._keep(keys=self._names, args=[self._live.version]))

    async def _place(self) -> Position:
        with unavailable():
            offset, step = await self._redis.hmget(self._live.kept(self._lane), "offset", "step")
        return int(offset or 0), int(step or 0)

    async def _unlink(self) -> None:
        # each definition is kept with the offset from which it holds
        names = (*self._names, self._live.outbox(self._lane), self._live.definitions(self._lane))
        with unavailable():
            await unlink(self._redis, f"{self._live.prefix}{{{self._lane}}}:*", keep=names, dropped=lambda keys: None)

    async def _emptied(self, first: int, begins: int) -> None:
        with unavailable():
            await self._empty(keys=self._names, args=[self._live.version, first, begins])

    async def _finished(self, revision: int) -> bool:
        with unavailable():
            return bool(await self._finish(keys=self._names, args=[revision]))
