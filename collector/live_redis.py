"""Redis for those whom people wait for: one client, and the live keys without asking for their version each time."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from wakeline.keys import DEPLOYMENT, VERSION, Keys
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES

VERSION_S = 1.0  # for which the live version of the keys is taken to be the one that was read


class LiveRedis:
    """The server of `url`; it is connected to when it is needed first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | None = None
        self._keys, self._keys_until = Keys(VERSION), 0.0

    @property
    def client(self) -> Redis:
        self._client = self._client or connect(self._url)
        return self._client

    async def keys(self) -> Keys:
        """Those of the version that was live at most VERSION_S ago. Raises what `failures.FAILURES` lists."""
        now = time.monotonic()
        if now >= self._keys_until:
            asked: Any = self.client.hmget(DEPLOYMENT, "version")
            (version,) = await asked
            self._keys, self._keys_until = Keys(int(version or VERSION)), now + VERSION_S
        return self._keys

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(*FAILURES):
                await client.aclose()
