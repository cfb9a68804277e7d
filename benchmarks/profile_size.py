"""Bytes in Redis of what is kept of one visitor: state, profile and interests."""

from __future__ import annotations

import asyncio
import time
from statistics import fmean

import redis

from benchmarks.figures import Figure, Run
from benchmarks.services import SmallPath, fill_log
from benchmarks.visitors import SITE, events
from crm.sites import SiteFacts
from processor.replay import replay
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.lanes import Deployment, lane_of
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect

VISITORS = 2_000
EVENTS = 20_000

FIGURES = (
    Figure("redis_bytes_per_profile", "state, profile and interests of a visitor with ten events"),
    Figure("redis_bytes_per_state", "of these, what the fold needs to go on"),
)


def measure(run: Run) -> dict[str, float]:
    now = time.time_ns() // 1_000_000
    deployment = Deployment(lanes=16, decay_zero=now - 30 * DAY_MS, half_life=7 * DAY_MS)
    scale = 10 if run.quick else 1
    made = events(EVENTS // scale, visitors=VISITORS // scale, end=now)
    laned = [(lane_of(event.site, event.visitor, deployment.lanes), event) for event in made]
    with SmallPath(run.folder) as path:
        path.start("server")
        client = path.client()
        fill_log(client, laned, lanes=deployment.lanes)
        asyncio.run(_fold(path.config.settings.redis, deployment))
        people = sorted({(lane, event.visitor) for lane, event in laned if not event.bot})
        sizes = [_sizes(client, lane, visitor) for lane, visitor in people]
    return {
        "redis_bytes_per_profile": fmean(sum(size) for size in sizes),
        "redis_bytes_per_state": fmean(size[0] for size in sizes),
    }


async def _fold(url: str, deployment: Deployment) -> None:
    log, writer = RedisStreamsLog(url, deployment.lanes), connect(url)
    await replay(log, writer, sites={SITE.key: SiteFacts(SITE)}, deployment=deployment, key_space=Keys())
    await log.close()
    await writer.aclose()


def _sizes(client: redis.Redis, lane: int, visitor: str) -> list[int]:
    names = Keys()
    return [
        client.memory_usage(key(lane, SITE.key, visitor), samples=0) or 0
        for key in (names.state, names.profile, names.interests)
    ]
