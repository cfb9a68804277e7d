"""Bytes in Redis per visitor: state, profile, interests and its next deadline."""

from __future__ import annotations

from statistics import fmean

import redis

from benchmarks.figures import Figure, Run
from benchmarks.visitors import SITE
from wakeline.keys import Keys
from wakeline.lanes import lane_of

SAMPLED = 2_000

FIGURES = (
    Figure("redis_bytes_per_profile", "state, profile, interests and deadline of a visitor of the stand"),
    Figure("redis_bytes_per_state", "of these, what the fold needs to go on"),
    Figure("redis_bytes_per_deadline", "of these, its place in the due set"),
)


def measure(run: Run) -> dict[str, float]:
    stand = run.stand()
    sizes = [_sizes(stand.client, stand.deployment.lanes, visitor) for visitor in stand.visitors[:SAMPLED]]
    due = [Keys().due(lane) for lane in range(stand.deployment.lanes)]
    waiting = sum(stand.client.zcard(key) for key in due)
    deadline = sum(stand.client.memory_usage(key, samples=0) or 0 for key in due) / waiting
    return {
        "redis_bytes_per_profile": fmean(sum(size) for size in sizes) + deadline,
        "redis_bytes_per_state": fmean(size[0] for size in sizes),
        "redis_bytes_per_deadline": deadline,
    }


def _sizes(client: redis.Redis, lanes: int, visitor: str) -> list[int]:
    names, lane = Keys(), lane_of(SITE.key, visitor, lanes)
    return [
        client.memory_usage(key(lane, SITE.key, visitor), samples=0) or 0
        for key in (names.state, names.profile, names.interests)
    ]
