"""The daily salts: whether the collectors that run have those of this folder."""

from __future__ import annotations

import time
from typing import Any

from ops.check.finding import Finding, fail, ok, warn
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.salts import marks_in
from wakeline.settings import Config


async def check_salts(config: Config) -> list[Finding]:
    """Nothing where no collector runs, or Redis is away: others say that."""
    folder = config.settings.data / "salts"
    zones = {key: site.time_zone for key, site in config.sites.items()}
    try:
        ours = marks_in(folder, zones, time.time_ns() // 1_000_000)
    except OSError as error:
        return [warn(f"the daily salts cannot be read: {error}", "run this as the user of the collector")]
    try:
        async with connect(config.settings.redis) as redis:
            theirs: list[Any] = [await redis.get(key) for key in ours]
    except FAILURES:
        return []
    known = [(mark, found.decode()) for mark, found in zip(ours.values(), theirs, strict=True) if found]
    if not known:
        return []
    if all(mark == found for mark, found in known):
        return [ok("the collectors that run have one set of daily salts")]
    return [
        fail(
            f"a collector that runs has other daily salts than {folder}: anonymous visitors that meet both count twice",
            "give all collectors one folder `salts`, that in `data`; one that is gone is forgotten in 3 minutes",
        )
    ]
