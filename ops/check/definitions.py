"""Whether what the configuration defines is what holds."""

from __future__ import annotations

from redis.exceptions import RedisError

from ops.check.finding import Finding, ok, warn
from ops.definitions import called, compare
from wakeline.applied import applied
from wakeline.redis.connect import connect
from wakeline.settings import Config


async def check_definitions(config: Config) -> list[Finding]:
    """Nothing where nothing was ever applied, for then the configuration holds; nor where Redis is away."""
    try:
        async with connect(config.settings.redis) as redis:
            said = await applied(redis)
    except (RedisError, OSError):
        return []
    if not said:
        return []
    cut = [of for of, one in said.items() if not one.is_everywhere]
    differing = dict.fromkeys([*cut, *(change.of for change in compare(config, said, {}))])
    if not differing:
        return [ok("what the configuration defines holds in every lane")]
    return [
        warn(
            f"wakeline.toml contains changes that are not applied: {'; '.join(map(called, differing))}",
            "`wakeline apply --dry-run` shows the difference, `wakeline apply` puts them into effect",
        )
    ]
