"""Reads the log directly from its server: Redis Streams by commands, Kafka by a consumer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import redis

from wakeline import keys
from wakeline.log.kafka import KafkaLog

T = TypeVar("T")
AT_ONCE = 10_000


class Tail(Protocol):
    """A log, lane by lane."""

    def length(self, lane: int) -> int: ...

    def values(self, lane: int) -> list[bytes]: ...

    def append(self, lane: int, value: bytes) -> None:
        """Append anything, bypassing the collector."""

    def close(self) -> None: ...


class StreamsTail:
    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)

    def length(self, lane: int) -> int:
        return self._redis.xlen(keys.log_lane(lane))

    def values(self, lane: int) -> list[bytes]:
        return [fields[b"v"] for _, fields in self._redis.xrange(keys.log_lane(lane))]

    def append(self, lane: int, value: bytes) -> None:
        now = int(self._redis.get(keys.LOG_TIME) or 1)
        self._redis.xadd(keys.log_lane(lane), {"t": now, "v": value}, id="0-*")

    def close(self) -> None:
        self._redis.close()


class KafkaTail:
    """Its client runs in a thread, so that it can be used without an event loop."""

    def __init__(self, url: str, lanes: int) -> None:
        self._url, self._lanes = url, lanes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._log: KafkaLog | None = None

    def length(self, lane: int) -> int:
        return self._run(self._length(lane))

    def values(self, lane: int) -> list[bytes]:
        return self._run(self._values(lane))

    def append(self, lane: int, value: bytes) -> None:
        self._run(self._append(lane, value))

    def close(self) -> None:
        if self._log is not None:
            self._run(self._log.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, asked: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(30)

    async def _opened(self) -> KafkaLog:
        if self._log is None:
            self._log = await KafkaLog.open(self._url, self._lanes)
        return self._log

    async def _length(self, lane: int) -> int:
        return (await (await self._opened()).bounds([lane]))[lane].end

    async def _values(self, lane: int) -> list[bytes]:
        log, found = await self._opened(), list[bytes]()
        end = await self._length(lane)
        while len(found) < end:
            entries = (await log.read({lane: len(found)}, limit=AT_ONCE, wait_ms=0)).get(lane, [])
            found += [entry.value for entry in entries]
        return found

    async def _append(self, lane: int, value: bytes) -> None:
        await (await self._opened()).append([(lane, value)])
