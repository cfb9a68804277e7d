"""The daily salts: whether running collectors have those in this folder."""

from __future__ import annotations

from typing import Any

from ops.check.finding import Finding, fail, ok, warn
from wakeline.clock import now_ms
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.salts import marks_in
from wakeline.settings import Config


async def check_salts(config: Config) -> list[Finding]:
    """No findings if no collector runs or Redis is down, which other checks report."""
    folder = config.settings.data / "salts"
    zones = {key: site.time_zone for key, site in config.sites.items()}
    try:
        ours = marks_in(folder, zones, now_ms())
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
        return [ok("running collectors have the same daily salts")]
    return [
        fail(
            f"a running collector has other daily salts than {folder}: anonymous visitors who reach both count twice",
            "share the folder `salts` in `data` between all collectors; a stopped one is forgotten after 3 minutes",
        )
    ]
