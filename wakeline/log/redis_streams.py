"""The log on Redis Streams: one stream per lane, whose ids 0-1, 0-2, ... are offsets without gaps."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec

from wakeline import keys
from wakeline.log import Bounds, Entry, LogGap, LogUnavailable
from wakeline.log.fsync import FSYNC_MS, appendfsync, waits_for_fsync
from wakeline.redis.connect import connect
from wakeline.redis.failures import failures_as

# One call for all waiting records: redis-py takes 7 to 40 us per pipelined command, and 2 us per argument, so the
# records are a single argument: the msgpack array of index of the stream, record, index, record ... KEYS: LOG_TIME,
# then the streams. With `0-*` the server assigns ids, so that offsets have no gaps. Returns of each stream that was
# added to: index, number of its last id.
APPEND = """
local time = redis.call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(redis.call('GET', KEYS[1]) or 0))
local stamp = string.format('%.0f', now)
redis.call('SET', KEYS[1], stamp)
local records, last, ends = cmsgpack.unpack(ARGV[1]), {}, {}
for i = 1, #records, 2 do
  last[records[i]] = redis.call('XADD', KEYS[records[i]], '0-*', 't', stamp, 'v', records[i + 1])
end
for index, id in pairs(last) do
  ends[#ends + 1] = index
  ends[#ends + 1] = tonumber(string.sub(id, 3))
end
return ends
"""

CHECKED_EVERY_S = 5.0  # how often to check that places are within the log: a lane that lost its end only looks idle

pack = msgspec.msgpack.Encoder().encode


class RedisStreamsLog:
    """See `Log`. `url` names the server, `lanes` the number of streams."""

    def __init__(self, url: str, lanes: int) -> None:
        self._writer = connect(url, one_connection=True)
        self._reader = connect(url, timeout=10.0)  # above every wait_ms
        self._reader.set_response_callback("XREAD", _as_it_comes)  # saves 2 us per record
        self._append = self._writer.register_script(APPEND)
        self._keys = [keys.LOG_TIME, *(keys.log_lane(lane) for lane in range(lanes))]
        self._lane_of_key = {keys.log_lane(lane).encode(): lane for lane in range(lanes)}
        self._wait_for_fsync: bool | None = None  # determined once per connection to a server
        self._checked: Set[int] = frozenset()  # lanes whose places were within the log
        self._check_due = 0.0

    async def identity(self) -> str:
        with _unavailable():
            await self._reader.set(keys.LOG_ID, secrets.token_hex(8), nx=True)
            found: Any = await self._reader.get(keys.LOG_ID)
        return str(found.decode())

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        # as text: Lua's msgpack has no binary strings
        packed = pack([item for lane, value in records for item in (lane + 2, value.decode())])
        try:
            with _unavailable():
                if self._wait_for_fsync is None:
                    self._wait_for_fsync = await self._has_to_wait()
                last = await self._append(keys=self._keys, args=[packed])
                if self._wait_for_fsync:
                    await self._confirm_fsync()
        except LogUnavailable:
            self._wait_for_fsync = None  # after a reconnect the configuration may be different
            raise
        return {index - 2: end for index, end in zip(last[::2], last[1::2], strict=True)}

    async def _has_to_wait(self) -> bool:
        """Whether each append needs WAITAOF. Raises LogUnavailable if WAITAOF proves nothing."""
        policy = await appendfsync(self._writer)
        if policy == "everysec" and not await waits_for_fsync(self._writer):
            raise LogUnavailable(
                "appendfsync is everysec, and this server confirms writes before they are on disk: "
                "CONFIG SET appendfsync always"
            )
        return policy != "always"

    async def _confirm_fsync(self) -> None:
        local, _ = await self._writer.waitaof(1, 0, FSYNC_MS)
        if local < 1:
            raise LogUnavailable(f"Redis did not fsync its append-only file within {FSYNC_MS / 1000} s")

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        if time.monotonic() >= self._check_due or not places.keys() <= self._checked:
            await self._check(places)
            self._checked, self._check_due = places.keys(), time.monotonic() + CHECKED_EVERY_S
        streams: Any = {keys.log_lane(lane): f"0-{place}" for lane, place in places.items()}
        due, self._check_due = self._check_due, 0.0  # checked again at once if this read fails
        with _unavailable():
            reply: Any = await self._reader.xread(streams, count=limit, block=wait_ms or None)
        self._check_due = due
        found = {}
        for key, rows in reply.items() if isinstance(reply, dict) else reply or ():
            lane = self._lane_of_key[key]
            place = places[lane]
            first = int(rows[0][0][2:]) - 1
            if first != place:
                raise LogGap(f"lane {lane}: place {place}, the log starts at {first}")
            # ids have no gaps, and a record's fields are t and v, in this order
            found[lane] = [
                Entry(offset, int(fields[1]), fields[3]) for offset, (_, fields) in enumerate(rows, start=place)
            ]
        return found

    async def _check(self, places: Mapping[int, int]) -> None:
        for lane, bounds in (await self.bounds(list(places))).items():
            if not bounds.first <= places[lane] <= bounds.end:
                raise LogGap(f"lane {lane}: place {places[lane]}, the log holds {bounds.first} to {bounds.end}")

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        with _unavailable():
            pipe = self._reader.pipeline(transaction=False)
            for lane in lanes:
                pipe.xinfo_stream(keys.log_lane(lane))
            replies = await pipe.execute(raise_on_error=False)
        found = {}
        for lane, info in zip(lanes, replies, strict=True):
            if isinstance(info, Exception):
                if "no such key" not in str(info):
                    raise LogUnavailable(str(info))
                found[lane] = Bounds(0, 0)
                continue
            end = int(info["last-generated-id"].split(b"-")[1])
            first = int(info["first-entry"][0].split(b"-")[1]) - 1 if info["first-entry"] else end
            found[lane] = Bounds(first, end)
        return found

    async def trim(self, lane: int, *, upto: int) -> None:
        with _unavailable():
            await self._reader.xtrim(keys.log_lane(lane), minid=f"0-{upto + 1}", approximate=False)

    async def append_time(self, lane: int, offset: int) -> int | None:
        id = f"0-{offset + 1}"
        with _unavailable():
            rows: Any = await self._reader.xrange(keys.log_lane(lane), id, id)
        return int(rows[0][1][b"t"]) if rows else None

    async def close(self) -> None:
        await self._writer.aclose()
        await self._reader.aclose()


def _as_it_comes(response: Any, **kwargs: Any) -> Any:
    return response


def _unavailable() -> failures_as:
    """All failures, also a missing permission: the collector then waits, and spools events meanwhile."""
    return failures_as(LogUnavailable, "the log on Redis Streams is away")
