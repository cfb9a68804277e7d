"""Whether the key of the cards is there, readable by its owner alone, and the one that they were encrypted with."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError

from ops.check.finding import Finding, fail, ok, warn
from wakeline import card_keys
from wakeline.cards import NoCardKey, key_file, read_ring
from wakeline.process import NOT_FOR_OTHERS
from wakeline.redis.connect import connect
from wakeline.settings import Config


async def check_cards(config: Config) -> list[Finding]:
    """Nothing where no card was ever written; nor where Redis is away."""
    try:
        async with connect(config.settings.redis) as redis:
            known: Any = await redis.smembers(card_keys.FINGERPRINTS)
    except (RedisError, OSError):
        return []
    if not known:
        return []
    return judge_key(config, {one.decode() for one in known})


def judge_key(config: Config, known: set[str]) -> list[Finding]:
    """`known`: fingerprints of the keys that encrypted cards."""
    path = key_file(config)
    try:
        ring = read_ring(path)
    except NoCardKey as error:
        return [fail(str(error), "put back your copy: without it events with personal values are refused")]
    if missing := known - {key.id for key in ring.keys}:
        return [
            fail(
                f"{path} does not hold the key that the cards were encrypted with ({', '.join(sorted(missing))})",
                "put back your copy of that file, or add its lines below those of this one",
            )
        ]
    if len(known) > 1:
        return [
            warn("the cards are encrypted with several keys", "wakeline key rotate-cards, which may run at any time")
        ]
    if path.stat().st_mode & NOT_FOR_OTHERS:
        return [warn(f"{path} can be read by other users of this machine", f"chmod 600 {path}")]
    return [ok(f"the key of the cards is in {path}: keep a copy of it, apart from the backups")]
