"""Folds the records of the stand, lane by lane, as the processor does, but at a past time.

    python -m benchmarks.stand_builder events|told REDIS_URL COPIES END LANES

`events` folds the visitors' records, which are not in the log; then `told` folds the deltas that they caused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop

from benchmarks.services import FILL
from benchmarks.stand import Template, templates
from benchmarks.visitors import SITE
from crm.sites import SiteFacts
from processor.fold import Fold
from processor.store import Store
from processor.worker import LaneWorker
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import FIELDS, Deployment, lane_of, stored_deployment
from wakeline.log import Bounds, Entry
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.process import collect_rarely
from wakeline.redis.connect import connect

BATCH = 4_000  # records


class PastLog(RedisStreamsLog):
    """A log whose appends all have time `time` (ms), and which claims to begin at offset 0."""

    def __init__(self, url: str, lanes: int, time: int) -> None:
        super().__init__(url, lanes)
        self._time = time
        self._streams = [keys.log_lane(lane) for lane in range(lanes)]
        self._client = connect(url)
        self._fill = self._client.register_script(FILL)

    async def append(self, records: Sequence[tuple[int, bytes]]) -> dict[int, int]:
        args = [part for lane, record in records for part in (lane + 1, self._time, record)]
        await self._fill(keys=self._streams, args=args)
        return {}  # nobody asks

    async def bounds(self, lanes: Sequence[int]) -> dict[int, Bounds]:
        return {lane: Bounds(0, found.end) for lane, found in (await super().bounds(lanes)).items()}

    async def close(self) -> None:
        await self._client.aclose()
        await super().close()


def batches(
    made: Sequence[Template], copies: int, lanes: int, mine: set[int], time: int
) -> Iterator[tuple[int, list[Entry]]]:
    """(lane, entries) of these lanes, all appended at `time`."""
    waiting: dict[int, list[Entry]] = {lane: [] for lane in mine}
    offsets = dict.fromkeys(mine, 0)
    for copy in range(copies):
        for one in made:
            id = one.id(copy)
            lane = lane_of(SITE.key, id, lanes)
            if lane not in mine:
                continue
            entries = waiting[lane]
            entries += (Entry(offset, time, value) for offset, value in enumerate(one.records_of(id), offsets[lane]))
            offsets[lane] += len(one.records)
            if len(entries) >= BATCH:
                yield lane, entries
                waiting[lane] = []
    yield from waiting.items()


async def build(what: str, url: str, copies: int, end: int, mine: set[int]) -> None:
    redis = connect(url)
    found: Any = await redis.hmget(keys.DEPLOYMENT, *FIELDS)
    deployment = stored_deployment(found)
    log = PastLog(url, deployment.lanes, end)
    workers = {lane: await _worker(lane, deployment, Store(redis, key_space=Keys()), log) for lane in mine}
    collect_rarely()
    if what == "events":
        for lane, entries in batches(templates(end), copies, deployment.lanes, mine, end):
            await workers[lane].apply(entries)
    else:
        for lane, worker in workers.items():
            while found := await log.read({lane: worker.place.offset}, limit=BATCH, wait_ms=0):
                await worker.apply(found[lane])
    await log.close()
    await redis.aclose()


async def _worker(lane: int, deployment: Deployment, store: Store, log: PastLog) -> LaneWorker:
    fold = Fold(lane, sites={SITE.key: SiteFacts(SITE)}, deployment=deployment, key_space=store.keys)
    worker = LaneWorker(fold, store, log, writer=f"stand:{lane}")
    await worker.open()
    return worker


if __name__ == "__main__":
    asked_what, asked_url, asked_copies, asked_end, asked_lanes = sys.argv[1:]
    uvloop.run(build(asked_what, asked_url, int(asked_copies), int(asked_end), set(map(int, asked_lanes.split(",")))))
