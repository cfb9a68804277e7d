"""Trims processed records from the log: by number and age, never past a lane's place or the end of the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from wakeline.history.identity import archived
from wakeline.history.opening import archive_url
from wakeline.log import Bounds, Log
from wakeline.settings import Settings

ArchiveEnds = Callable[[], Awaitable[Mapping[int, int] | None]]
"""Lane -> offset up to which the history holds everything, 0 if missing; None: no history is kept."""


class Trimmed(NamedTuple):
    first: int  # in the log
    waiting: int  # records kept only until they are archived


def archive_ends(settings: Settings, redis: Redis, log: Log) -> ArchiveEnds:
    """As published by the archiver. Raises redis-py's errors and LogUnavailable when called."""

    async def ends() -> Mapping[int, int] | None:
        return None if archive_url(settings) is None else await archived(redis, await log.identity())

    return ends


async def trim(
    log: Log, lane: int, *, place: int, ends: Mapping[int, int] | None, max_records: int, oldest: int
) -> Trimmed:
    """Delete records beyond the newest `max_records`, or appended before `oldest` (ms).

    Records from `place` on are not applied yet and are kept, as are records missing from the history.
    """
    bounds = (await log.bounds([lane]))[lane]
    upto = max(bounds.end - max_records, await first_since(log, lane, bounds, oldest))
    wanted = max(bounds.first, min(upto, place))
    upto = wanted if ends is None else max(bounds.first, min(wanted, ends.get(lane, 0)))
    if upto > bounds.first:
        await log.trim(lane, upto=upto)
    return Trimmed(upto, wanted - upto)


async def first_since(log: Log, lane: int, bounds: Bounds, oldest: int) -> int:
    """The first offset appended at `oldest` or later, by binary search: append times never decrease."""
    low, high = bounds.first, bounds.end
    while low < high:
        middle = (low + high) // 2
        time = await log.append_time(lane, middle)
        if time is not None and time < oldest:
            low = middle + 1
        else:
            high = middle
    return low
