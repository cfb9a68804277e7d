"""The log including its history: sealed records are read from the history's files, the others from the log.

Also those that the log has not trimmed yet: the records of an erased person are rewritten in the files alone, and half
of them under each id would be two persons.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence

from wakeline.history.identity import stored_identity
from wakeline.history.reading import History
from wakeline.history.store import HistoryDamaged
from wakeline.log import Bounds, Entry, Log, LogGap, LogMismatch


class HistoryLog:
    """A read-only `Log`. Closing it does not close the live log.

    Raises LogMismatch if the history belongs to another log, LogGap if records are in neither, and HistoryDamaged.
    """

    def __init__(self, history: History, log: Log) -> None:
        self._history = history
        self._log = log
        self._identity = ""
        self._firsts: dict[int, int] = {}  # first offsets of the live log, when last asked

    async def identity(self) -> str:
        if not self._identity:
            identity = await self._log.identity()
            stored = await asyncio.to_thread(stored_identity, self._history.store)
            if stored not in (None, identity):
                raise LogMismatch(
                    f"the history at {self._history.url} is of the log {stored}, but this log is {identity}: "
                    "name the right one by archive"
                )
            self._identity = identity
        return self._identity

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        await self.identity()
        try:
            return await self._read(places, limit, wait_ms)
        except LogGap:  # trimmed or sealed since the last refresh
            self._firsts = {}
            await asyncio.to_thread(self._history.refresh)
            return await self._read(places, limit, wait_ms)

    async def _read(self, places: Mapping[int, int], limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        if not places.keys() <= self._firsts.keys():
            await self._ask(list(places))
        found = await asyncio.to_thread(self._read_files, places, limit)
        live = {lane: place for lane, place in places.items() if lane not in found}
        if live:
            found |= await self._log.read(live, limit=limit, wait_ms=0 if found else wait_ms)
        return found

    def _read_files(self, places: Mapping[int, int], limit: int) -> dict[int, list[Entry]]:
        """Of the lanes whose place the files hold; the log must hold that of the others."""
        found = {}
        for lane, place in places.items():
            first = self._firsts[lane]
            try:
                entries = self._history.read(lane, place, limit)
            except (LogGap, HistoryDamaged):
                if place < first:
                    raise
                continue
            if entries:
                found[lane] = entries
            elif place < first:
                raise LogGap(
                    f"lane {lane}: the history ends at {place} and the log starts at {first}: "
                    f"{first - place} records are in neither"
                )
        return found

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        """From the first record of the history to the log's end. `read` reports gaps between them."""
        await self.identity()
        live = await self._ask(lanes)
        await asyncio.to_thread(self._history.refresh)
        found = {}
        for lane, bounds in live.items():
            sealed = self._history.bounds(lane)
            first = min(sealed.first, bounds.first) if sealed.end else bounds.first
            found[lane] = Bounds(first, bounds.end)
        return found

    async def _ask(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        bounds = await self._log.bounds(lanes)
        self._firsts |= {lane: found.first for lane, found in bounds.items()}
        return bounds

    async def append_time(self, lane: int, offset: int) -> int | None:
        time = await self._log.append_time(lane, offset)
        if time is not None:
            return time
        try:
            found = await asyncio.to_thread(self._history.read, lane, offset, 1)
        except LogGap:
            return None
        return found[0].time if found else None

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        raise io.UnsupportedOperation("a history is read-only")

    async def trim(self, lane: int, *, upto: int) -> None:
        raise io.UnsupportedOperation("a history is read-only")

    async def close(self) -> None:
        """Does nothing: the caller closes the log."""
