"""Bytes in Redis per visitor: state, profile and interests."""

from __future__ import annotations

from statistics import fmean

import redis

from benchmarks.figures import Figure, Run
from benchmarks.visitors import SITE
from wakeline.keys import Keys
from wakeline.lanes import lane_of

SAMPLED = 2_000

FIGURES = (
    Figure("redis_bytes_per_profile", "state, profile and interests of a visitor of the stand, who came once"),
    Figure("redis_bytes_per_state", "of these, what the fold needs to go on"),
)


def measure(run: Run) -> dict[str, float]:
    stand = run.stand()
    sizes = [_sizes(stand.client, stand.deployment.lanes, visitor) for visitor in stand.visitors[:SAMPLED]]
    return {
        "redis_bytes_per_profile": fmean(sum(size) for size in sizes),
        "redis_bytes_per_state": fmean(size[0] for size in sizes),
    }


def _sizes(client: redis.Redis, lanes: int, visitor: str) -> list[int]:
    names, lane = Keys(), lane_of(SITE.key, visitor, lanes)
    return [
        client.memory_usage(key(lane, SITE.key, visitor), samples=0) or 0
        for key in (names.state, names.profile, names.interests)
    ]
