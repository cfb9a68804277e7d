"""Replay: fold the log again into another key version. Nothing is appended to the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redis.asyncio import Redis

from processor.fold import Fold
from processor.sites import SiteFacts
from processor.store import Store
from processor.worker import LaneWorker
from wakeline.keys import Keys
from wakeline.lanes import Deployment
from wakeline.log import Log


async def replay(
    log: Log,
    redis: Redis,
    *,
    sites: Mapping[str, SiteFacts],
    deployment: Deployment,
    key_space: Keys,
    batch_records: int = 2_000,
    progress: Callable[[int], None] = lambda records: None,
) -> None:
    """Bring every lane of `key_space` to where the log ended when this was called.

    It goes on where an earlier, cut replay into the same version stopped. Deltas and ticks are taken from
    the log; `progress` is told how many records each write added. Raises LogGap where the log does not
    reach back far enough.
    """
    store = Store(redis, key_space=key_space)
    ends = await log.bounds(range(deployment.lanes))
    for lane, bounds in ends.items():
        fold = Fold(lane, sites=sites, deployment=deployment, key_space=key_space, emits=False)
        worker = LaneWorker(fold, store, log, writer=f"replay into {key_space.prefix}")
        place = await worker.open()
        while place < bounds.end:
            found = await log.read({lane: place}, limit=min(batch_records, bounds.end - place), wait_ms=0)
            await worker.apply(found[lane])
            progress(worker.place.offset - place)
            place = worker.place.offset
