"""The history: whether it is writable, belongs to this log, and an archiver has run."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from ops.check.finding import Finding, fail, ok, warn
from wakeline.history import History, HistoryDamaged, HistoryUnavailable, archive_url
from wakeline.history.identity import archived, stored_identity
from wakeline.log import LogMismatch, LogUnavailable
from wakeline.log.chain import links_of, places
from wakeline.log.links import Link, identity_of
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.settings import Settings


async def check_history(settings: Settings) -> Finding:
    url = archive_url(settings)
    if url is None:
        return ok("no history is kept (archive is off): records trimmed from the log are lost")
    try:
        history = History(url)
        stored = stored_identity(history.store)
        lanes = history.lanes()
        gaps = sum(gap.end - gap.first for lane in lanes for gap in history.gaps(lane))
        held = sum(file.end - file.first for lane in lanes for file in history.segments(lane))
    except LogMismatch as mismatch:
        return fail(*str(mismatch).split("\n", 1))
    except HistoryUnavailable as error:
        return fail(str(error), "set archive to a writable folder, or to off")
    except HistoryDamaged as damaged:
        return fail(str(damaged), "restore it from a copy")
    try:
        async with connect(settings.redis) as redis:
            links = await links_of(redis)
            ends = await archived(redis, identity_of(links)) if links else {}
            wait = sum(max(0, end - ends.get(lane, 0)) for lane, end in enumerate(await _ends(settings, redis, links)))
    except (*FAILURES, LogUnavailable):
        return ok(f"the history at {url} can be read")
    if not links:
        return ok(f"nothing to archive yet to {url}")
    if stored not in (None, identity_of(links)):
        return fail(
            f"the history at {url} belongs to another log: nothing is archived, and the log grows",
            "set archive to another folder; the old history can still be replayed and queried",
        )
    if not ends:
        return warn(
            "no archiver has run: the log is never trimmed, and will fill its memory or disk",
            'run `wakeline archiver` (`wakeline up` does), or set archive = "off"',
        )
    if gaps:
        return warn(
            f"{gaps:,} records are missing in the history at {url}: the log lost them before they were archived",
            "a replay stops there; let Kafka keep records for longer than an archiver may be down",
        )
    return ok(
        f"the history at {url} holds {held:,} records; {wait:,} wait to be sealed, "
        f"{settings.archive_seal_s:g} s at most (archive_seal_s)"
    )


async def _ends(settings: Settings, redis: Redis, links: Sequence[Link]) -> list[int]:
    """The end of each lane. On Kafka only applied records count: opening the topic might create it."""
    if not links:
        return []
    begins = links[-1].begins
    if settings.log:
        return await places(redis, len(begins))
    log = RedisStreamsLog(settings.redis, len(begins))
    try:
        bounds = await log.bounds(range(len(begins)))
    finally:
        await log.close()
    return [begin + bounds[lane].end for lane, begin in enumerate(begins)]
