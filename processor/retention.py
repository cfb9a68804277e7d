"""How long the log keeps what was processed: by number and by age, never past a lane's place."""

from __future__ import annotations

from wakeline.log import Bounds, Log


async def trim(log: Log, lane: int, *, place: int, max_records: int, oldest: int) -> int:
    """Forget what is more than `max_records` old or was appended before `oldest` (ms); returns the first kept.

    What lies at or after `place` was not applied yet and stays, however old.
    """
    bounds = (await log.bounds([lane]))[lane]
    upto = max(bounds.end - max_records, await _first_since(log, lane, bounds, oldest))
    upto = max(bounds.first, min(upto, place))
    if upto > bounds.first:
        await log.trim(lane, upto=upto)
    return upto


async def _first_since(log: Log, lane: int, bounds: Bounds, oldest: int) -> int:
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
