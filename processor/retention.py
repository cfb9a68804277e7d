"""How long the log keeps what was processed: by number and by age, never past a lane's place nor past the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from wakeline.history.identity import archived
from wakeline.history.opening import archive_url
from wakeline.log import Bounds, Log
from wakeline.settings import Settings

ArchiveEnds = Callable[[], Awaitable[Mapping[int, int] | None]]
"""Lane -> the offset before which the history holds everything, 0 where left out; None: no history is kept."""


class Trimmed(NamedTuple):
    first: int  # that the log still holds
    waiting: int  # records that it keeps only until the history holds them


def archive_ends(settings: Settings, redis: Redis, log: Log) -> ArchiveEnds:
    """As the archiver publishes them. Raises redis-py's errors and LogUnavailable when called."""

    async def ends() -> Mapping[int, int] | None:
        return None if archive_url(settings) is None else await archived(redis, await log.identity())

    return ends


async def trim(
    log: Log, lane: int, *, place: int, ends: Mapping[int, int] | None, max_records: int, oldest: int
) -> Trimmed:
    """Forget what is more than `max_records` old or was appended before `oldest` (ms).

    What lies at or after `place` was not applied yet and stays, however old; so does what the history does not hold.
    """
    bounds = (await log.bounds([lane]))[lane]
    upto = max(bounds.end - max_records, await first_since(log, lane, bounds, oldest))
    wanted = max(bounds.first, min(upto, place))
    upto = wanted if ends is None else max(bounds.first, min(wanted, ends.get(lane, 0)))
    if upto > bounds.first:
        await log.trim(lane, upto=upto)
    return Trimmed(upto, wanted - upto)


async def first_since(log: Log, lane: int, bounds: Bounds, oldest: int) -> int:
    """The first offset appended at `oldest` or later. Append times never go back, so halving finds it."""
    low, high = bounds.first, bounds.end
    while low < high:
        middle = (low + high) // 2
        time = await log.append_time(lane, middle)
        if time is not None and time < oldest:
            low = middle + 1
        else:
            high = middle
    return low
