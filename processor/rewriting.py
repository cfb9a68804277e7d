"""After a card was erased, the server's append-only file is rewritten, which holds its values until then.

Half an hour or so after the first of several erasures, so that many cause one. Only where this user may ask for it:
INFO and BGREWRITEAOF. On a cluster each node, with the replicas, has its own file.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError

from wakeline import card_keys
from wakeline.clock import now_ms
from wakeline.durations import MINUTE_MS
from wakeline.patience import Outage
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.processor")

AFTER_MS = 20 * MINUTE_MS  # together with a rewrite, and another that is repeated, within the hour
LOOK_S = 60.0
CLOCKS_MS = MINUTE_MS  # by which the clocks of two processors may differ

# KEYS: ERASED; ARGV: now, ms.
NOTE = """
if not redis.call('HMGET', KEYS[1], 'first')[1] then redis.call('HSET', KEYS[1], 'first', ARGV[1]) end
redis.call('HSET', KEYS[1], 'last', ARGV[1])
"""

# KEYS: ERASED; ARGV: ms up to which the file holds nothing of them any more.
DONE = """
local last = redis.call('HMGET', KEYS[1], 'last')[1]
if not last or tonumber(last) < tonumber(ARGV[1]) then redis.call('DEL', KEYS[1])
else redis.call('HSET', KEYS[1], 'first', last) end
"""


async def note_erasure(redis: Redis) -> None:
    """To be called before a card is erased. Raises redis-py's errors."""
    await redis.eval(NOTE, 1, card_keys.ERASED, now_ms())


class Rewriting:
    """Looks once a minute whether a rewrite is due."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._began = 0  # ms; 0: none was asked for
        self._outage = Outage(logger)

    async def run(self) -> None:
        """Until it is cancelled; ends by itself if this user may not do it."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except NoPermissionError:
                logger.info("this user of Redis may not rewrite its file, which holds erased cards until it does")
                return
            except FAILURES as error:
                self._outage.say(f"the file of Redis cannot be rewritten now: {error}", logging.INFO)

    async def look(self, *, after_ms: int = AFTER_MS) -> None:
        """Begin a rewrite if one is due, or note that it has ended."""
        first: Any = (await self._redis.hmget(card_keys.ERASED, ["first"]))[0]
        if not first or now_ms() - int(first) < after_ms:
            return
        files = [told for told in await self._each("INFO", "persistence") if told["aof_enabled"]]
        if any(told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"] for told in files):
            return
        if self._began and all(told["aof_last_bgrewrite_status"] == "ok" for told in files):
            await self._redis.eval(DONE, 1, card_keys.ERASED, self._began - CLOCKS_MS)
            self._began = 0
            logger.info("the file of Redis was rewritten: it holds no erased card any more")
            return
        self._began = now_ms()
        if files:
            await self._each("BGREWRITEAOF")

    async def _each(self, *words: str) -> list[Any]:
        """The replies of all servers."""
        redis: Any = self._redis
        if not isinstance(redis, RedisCluster):
            return [await redis.execute_command(*words)]
        await redis.initialize()
        return [await node.execute_command(*words) for node in redis.get_nodes()]
