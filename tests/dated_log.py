"""A real log with the append times of a test, which the server would not take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakeline.log import Entry, Log


class DatedLog:
    """`log`, which must be empty and not be written by others, as if each record had been appended at `clock` (ms)."""

    def __init__(self, log: Log, lanes: int, clock: Callable[[], int]) -> None:
        self._log = log
        self._clock = clock
        self._latest = 0
        self._times: list[list[int]] = [[] for _ in range(lanes)]

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        self._latest = max(self._latest, self._clock())
        ends = await self._log.append(records)
        for lane, _ in records:
            self._times[lane].append(self._latest)
        return ends

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        places = {lane: place for lane, place in places.items() if place < len(self._times[lane])}
        found: dict[int, list[Entry]] = {}
        while places and not found:
            found = await self._log.read(places, limit=limit, wait_ms=max(wait_ms, 500))
        return {
            lane: [Entry(one.offset, self._times[lane][one.offset], one.value) for one in entries]
            for lane, entries in found.items()
        }

    async def append_time(self, lane: int, offset: int) -> int | None:
        return self._times[lane][offset] if await self._log.append_time(lane, offset) is not None else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
