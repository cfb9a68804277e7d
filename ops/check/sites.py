"""Sites in the live numbers that are not configured: of a demo shop, or with a former key."""

from __future__ import annotations

import time
from collections.abc import Collection

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ops.check.finding import Finding, ok, warn
from ops.check.node import deployment_in
from wakeline.keys import Keys, whose_totals
from wakeline.redis.connect import connect
from wakeline.settings import Config

LOOKED_S = 5.0  # time limit; a site has numbers in each lane, so most sites are found early
AT_ONCE = 10_000  # keys


async def check_sites(config: Config) -> list[Finding]:
    """A warning that names such sites; no finding without a server, a deployment or the permission to scan keys."""
    url = config.settings.redis
    try:
        deployment = await deployment_in(url)
        if deployment is None:
            return []
        async with connect(url) as redis:
            found = await unconfigured(redis, Keys(deployment.version), config.sites)
    except (RedisError, OSError):
        return []
    if not found:
        return [ok("every site in the data is configured")]
    return [
        warn(
            f"in the data, but not configured: {', '.join(found)}",
            "add its [[site]] again: without it its events are refused, and become dead letters in a replay. If it "
            "comes from a demo shop, name another folder with data, or move this one away while nothing runs",
        )
    ]


async def unconfigured(redis: Redis, live: Keys, sites: Collection[str]) -> list[str]:
    """Sorted keys of sites with numbers in `live` that are not in `sites`. Raises redis-py's errors."""
    found: set[str] = set()
    until = time.monotonic() + LOOKED_S
    async for name in redis.scan_iter(match=live.all_totals, count=AT_ONCE):
        found.add(whose_totals(name.decode()))
        if time.monotonic() > until:
            break
    return sorted(found.difference(sites))
