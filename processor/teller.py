"""The teller: merges what the lanes have said into the one stream that others read, `keys.MESSAGES`.

Lanes and that stream lie in different slots of a cluster, so a message is read, appended and removed by separate calls.
The stream's own slot says how far each lane is told, and one script compares that, appends and moves it: two processes
that both believe to be the teller tell nothing twice. A lane keeps what was told for KEPT_S longer, in case that a
replica without the latest appends takes over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import Redis

from processor import metrics
from processor.messages import moment_of
from wakeline import keys
from wakeline.clock import now_ms
from wakeline.keys import FORGOTTEN
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES
from wakeline.redis.lease import Lease

logger = logging.getLogger("wakeline.processor")

AT_ONCE = 500  # messages of a lane
TRIMMED_AT_ONCE = 1_000
PAUSE_S = 0.2
KEPT_S = 30.0
START = "0-0"

# KEYS: MESSAGES, MESSAGES_TOLD, MESSAGES_ABOUT; ARGV: lane, id up to which it is expected to be told, id up to which it
# is told then, messages as one msgpack argument: id, who, kind, time, body. Returns whether they were told, and up to
# where the lane is.
TELL = f"""
local call = redis.call
local stream, told, about = KEYS[1], KEYS[2], KEYS[3]
local at = call('HMGET', told, ARGV[1])[1] or '{START}'
if at ~= ARGV[2] then return {{0, at}} end
for _, one in ipairs(cmsgpack.unpack(ARGV[4])) do
  if one[3] == '{FORGOTTEN}' then
    for _, found in ipairs(call('ZRANGE', about, '[' .. one[2] .. ' ', '(' .. one[2] .. '!', 'BYLEX')) do
      call('XDEL', stream, string.match(found, '%S+$'))
      call('ZREM', about, found)
    end
  end
  local id = call('XADD', stream, '*', 'id', one[1], 'who', one[2], 'kind', one[3], 'time', one[4], 'body', one[5])
  call('ZADD', about, 0, one[2] .. ' ' .. id)
  if not call('HMGET', told, 'began')[1] then call('HSET', told, 'began', string.match(id, '^%d+')) end
end
call('HSET', told, ARGV[1], ARGV[3])
return {{1, ARGV[3]}}
"""

# KEYS: as above; ARGV: ms before which nothing is kept, how many are. Returns how many it removed for their age, and
# for their number.
TRIM = f"""
local call = redis.call
local stream, told, about = KEYS[1], KEYS[2], KEYS[3]
local aged, cut, last = 0, 0, nil
for _ = 1, {TRIMMED_AT_ONCE} do
  local one = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not one then break end
  if tonumber(string.match(one[1], '^%d+')) < tonumber(ARGV[1]) then aged = aged + 1
  elseif call('ZCARD', about) > tonumber(ARGV[2]) then cut = cut + 1
  else break end
  call('XDEL', stream, one[1])
  call('ZREM', about, one[2][4] .. ' ' .. one[1])
  last = one[1]
end
if last then call('HSET', told, 'trimmed', last) end
return {{aged, cut}}
"""

_pack = msgspec.msgpack.Encoder().encode


class Teller:
    """One of the processes that fold `lanes` is it, by a lease under `token`. `clock`: this machine's, ms."""

    def __init__(
        self,
        redis: Redis,
        *,
        lanes: int,
        token: str,
        most: int = keys.MESSAGES_KEPT,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._redis = redis
        self._lanes = range(lanes)
        self._most = most
        self._clock = clock
        self._lease = Lease(
            redis, key=keys.MESSAGES_LEASE, token=token, work="tells the lanes' messages", logger=logger
        )
        self._tell = redis.register_script(TELL)
        self._trim = redis.register_script(TRIM)
        self._names = [keys.MESSAGES, keys.MESSAGES_TOLD, keys.MESSAGES_ABOUT]
        self._told: dict[int, str] = {}  # lane -> id of the last one
        self._removable: dict[int, str] = {}  # up to where they were told KEPT_S ago

    async def run(self) -> None:
        """Never returns. Waits while Redis is away."""
        outage = Outage(logger)
        while True:
            await self._lease.acquire()
            keeping = asyncio.create_task(self._lease.keep())
            try:
                refreshed = float("-inf")
                while not keeping.done():
                    try:
                        if time.monotonic() - refreshed >= KEPT_S:
                            refreshed = time.monotonic()
                            await self.refresh()
                        moved = await self.move()
                        outage.is_over()
                    except FAILURES as error:
                        outage.say(f"messages are not told: {error}")
                        moved = 0
                    if not moved:
                        await asyncio.sleep(PAUSE_S)
            finally:
                keeping.cancel()
                metrics.MESSAGES_WAITING.set(0)

    async def close(self) -> None:
        """Let another process be it at once."""
        await self._lease.close()

    async def refresh(self) -> None:
        """Learn how far each lane is told, and remove from the lanes what was told when this was called before.

        Raises redis-py's errors, as the others do.
        """
        found: Any = await self._redis.hgetall(keys.MESSAGES_TOLD)
        told = {lane: found.get(str(lane).encode(), START.encode()).decode() for lane in self._lanes}
        before, self._told, self._removable = self._removable, told, dict(told)
        for lane, upto in before.items():
            if upto != START and moment_of(upto) <= moment_of(told[lane]):
                await self._redis.xtrim(keys.lane_messages(lane), minid=_next(upto), approximate=False)

    async def move(self) -> int:
        """Tell what waits, at most AT_ONCE of each lane, and trim the stream; returns how many were told."""
        pipe = self._redis.pipeline(transaction=False)
        for lane in self._lanes:
            pipe.xrange(keys.lane_messages(lane), f"({self._told.get(lane, START)}", "+", count=AT_ONCE)
        found = dict(zip(self._lanes, await pipe.execute(), strict=True))
        waiting = sum(map(len, found.values()))
        metrics.MESSAGES_WAITING.set(waiting)
        moved = 0
        for lane, rows in found.items():
            if rows:
                moved += await self._tell_lane(lane, rows)
        metrics.MESSAGES_WAITING.set(waiting - moved)
        await self._trim_stream()
        return moved

    async def _tell_lane(self, lane: int, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> int:
        packed = _pack([_message(lane, id.decode(), fields) for id, fields in rows])
        args: list[Any] = [lane, self._told.get(lane, START), rows[-1][0], packed]
        is_told, upto = await self._tell(keys=self._names, args=args)
        self._told[lane] = upto.decode()
        if not is_told:  # by another process, or by a call whose answer was lost; or that is lost
            return 0
        metrics.MESSAGES_TOLD.inc(len(rows))
        return len(rows)

    async def _trim_stream(self) -> None:
        oldest = self._clock() - keys.MESSAGES_TTL_MS
        removed = TRIMMED_AT_ONCE
        while removed == TRIMMED_AT_ONCE:
            aged, cut = await self._trim(keys=self._names, args=[oldest, self._most])
            metrics.MESSAGES_TRIMMED.labels("age").inc(aged)
            metrics.MESSAGES_TRIMMED.labels("length").inc(cut)
            removed = aged + cut


def _message(lane: int, id: str, fields: dict[bytes, bytes]) -> list[str]:
    who, kind, at, body = (fields[name].decode() for name in (b"who", b"kind", b"time", b"body"))
    site = who.partition("/")[0]
    return ["/".join(map(str, (site, lane, *moment_of(id)))), who, kind, at, body]


def _next(id: str) -> str:
    offset, _, rest = id.partition("-")
    return f"{offset}-{int(rest) + 1}"
