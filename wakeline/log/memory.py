"""The log in memory, for tests of pure logic; not persistent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence

from wakeline.clock import now_ms
from wakeline.log import Bounds, Entry, LogGap


class MemoryLog:
    """Lanes as lists; `clock` gives append times in ms."""

    def __init__(self, lanes: int, *, clock: Callable[[], int] = now_ms) -> None:
        self._id = secrets.token_hex(8)
        self._lanes: list[list[Entry]] = [[] for _ in range(lanes)]
        self._first = [0] * lanes
        self._clock = clock
        self._latest = 0
        self._appended = asyncio.Event()

    async def identity(self) -> str:
        return self._id

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        self._latest = max(self._latest, self._clock())
        for lane, value in records:
            self._lanes[lane].append(Entry(self._end(lane), self._latest, value))
        self._appended.set()
        return {lane: self._end(lane) for lane, _ in records}

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        found = self._read(places, limit)
        if not found and wait_ms:
            self._appended.clear()
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    await self._appended.wait()
            except TimeoutError:
                return {}
            found = self._read(places, limit)
        return found

    def _read(self, places: Mapping[int, int], limit: int) -> dict[int, list[Entry]]:
        found = {}
        for lane, place in places.items():
            if not self._first[lane] <= place <= self._end(lane):
                raise LogGap(f"lane {lane}: place {place}, the log holds {self._first[lane]} to {self._end(lane)}")
            start = place - self._first[lane]
            if entries := self._lanes[lane][start : start + limit]:
                found[lane] = entries
        return found

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        return {lane: Bounds(self._first[lane], self._end(lane)) for lane in lanes}

    async def trim(self, lane: int, *, upto: int) -> None:
        upto = min(upto, self._end(lane))
        if upto > self._first[lane]:
            del self._lanes[lane][: upto - self._first[lane]]
            self._first[lane] = upto

    async def append_time(self, lane: int, offset: int) -> int | None:
        index = offset - self._first[lane]
        return self._lanes[lane][index].time if 0 <= index < len(self._lanes[lane]) else None

    async def close(self) -> None:
        pass

    def _end(self, lane: int) -> int:
        return self._first[lane] + len(self._lanes[lane])
