"""The content of a log of either kind, read as its readers read it."""

from __future__ import annotations

from wakeline.log import Entry, Log


async def entries_of(log: Log, lane: int) -> list[Entry]:
    """All values of a lane, from the first remaining one to the current last."""
    first, end = (await log.bounds([lane]))[lane]
    found: list[Entry] = []
    while first + len(found) < end:
        found += (await log.read({lane: first + len(found)}, limit=100_000, wait_ms=100)).get(lane, [])
    return found


async def values_of(log: Log, lane: int) -> list[bytes]:
    return [entry.value for entry in await entries_of(log, lane)]
