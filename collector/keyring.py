"""The API keys of the deployment, as this process knows them: a copy in memory, and in a file for its next start.

The copy is renewed from Redis every two seconds, so a revoked key stops within five. While Redis is away the last copy
holds, also at a start. All workers of a machine share the file; it contains no secrets.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from collector.spool_disk import replace
from wakeline import process
from wakeline.api_keys import ApiKey, found, say_used, stored_keys
from wakeline.clock import now_ms
from wakeline.patience import Outage
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES

logger = logging.getLogger("wakeline.collector")

RENEW_S = 2.0
PATIENCE_S = 2.0  # for Redis
USED_EVERY_S = 60.0  # how often times of last use are stored
FILE = "keys.json"

_decode = msgspec.json.Decoder(dict[str, ApiKey]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class Keyring:
    """Verifies keys. `folder` holds the file, `url` is the Redis server's; `clock` gives ms since 1970."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = folder / FILE
        self._url = url
        self._clock = clock
        self._monotonic = monotonic
        self._keys: Mapping[str, ApiKey] = {}
        self._written = b""
        self._renewed_at: float | None = None
        self.is_ready = False  # whether the keys are known: they were read, from the file or from Redis
        self._used: dict[str, int] = {}
        self._used_said_at = float("-inf")
        self._redis: Redis | None = None
        self._outage = Outage(logger)
        self._read()

    def __len__(self) -> int:
        """Number of valid keys."""
        return sum(not key.revoked for key in self._keys.values())

    @property
    def age_s(self) -> float:
        """Seconds since the copy was read from Redis; of a file's copy since the file was written."""
        if self._renewed_at is not None:
            return self._monotonic() - self._renewed_at
        with suppress(OSError):
            return max(0.0, time.time() - self._path.stat().st_mtime)
        return 0.0

    def verified(self, header: str | None) -> tuple[str, ApiKey] | None:
        """The valid key of an Authorization header, and its name."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        one = found(self._keys, text.strip())
        if one is not None:
            self._used[one[0]] = self._clock()
        return one

    async def keep_up(self) -> None:
        """Renew the copy until cancelled."""
        try:
            while True:
                await self.renew()
                await asyncio.sleep(RENEW_S)
        finally:
            await self.close()

    async def close(self) -> None:
        redis, self._redis = self._redis, None
        if redis is not None:
            with suppress(*FAILURES):
                await redis.aclose()

    async def renew(self) -> None:
        """Read all keys from Redis once; on failure the copy stays."""
        self._redis = self._redis or connect(self._url, timeout=PATIENCE_S)
        try:
            self._keys = await stored_keys(self._redis)
            self._renewed_at, self.is_ready = self._monotonic(), True
        except NoPermissionError as error:
            self._outage.say(f"API keys cannot be read: {error} (see docs/redis.md)", logging.ERROR)
            return
        except FAILURES:  # reported by the writer to the log
            return
        except Exception:  # a bug here must not stop the intake of pages
            self._outage.say("API keys cannot be read", logging.ERROR)
            return
        try:
            await self._write()
            self._outage.is_over()
        except OSError as error:
            self._outage.say(f"the copy of the API keys cannot be written: {error}", logging.ERROR)
        with suppress(*FAILURES):
            await self._say_used(self._redis)

    async def _say_used(self, redis: Redis) -> None:
        now = self._monotonic()
        if not self._used or now - self._used_said_at < USED_EVERY_S:
            return
        used, self._used = self._used, {}
        self._used_said_at = now
        await say_used(redis, used)

    def _read(self) -> None:
        """The copy of an earlier run; a damaged one is ignored."""
        try:
            text = self._path.read_bytes()
            self._keys = _decode(text)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            logger.warning("the copy of the API keys is ignored: %s", _without_content(error))
        else:
            self._written, self.is_ready = text, True

    async def _write(self) -> None:
        """Write the file if it changed. Raises OSError."""
        text: Any = _encode(self._keys)
        if text != self._written:
            await asyncio.to_thread(_write, self._path, text)
            self._written = text


def _write(path: Path, text: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(path, text)
    for other in path.parent.glob(f"{path.name}.*"):  # of a process that died while it wrote
        if not process.is_alive(other.suffix[1:]):
            other.unlink(missing_ok=True)


def _without_content(error: Exception) -> str:
    return str(error) if isinstance(error, OSError) else "it is damaged"
