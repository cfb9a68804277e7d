"""The demo's API key: made once, and kept in a file beside its data for the shop and the simulator."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from redis.exceptions import RedisError

from wakeline.clock import now_ms
from wakeline.redis.connect import connect
from wakeline.settings import Config

FILE = "demo.key"
LABEL = "till, service desk and newsletter of the demo"
SCOPES = ("events",)


class Key:
    """The key of the site `site`. Both processes of the demo may ask at once: one key stays."""

    def __init__(self, config: Config, site: str) -> None:
        self._redis, self._site, self._file = config.settings.redis, site, config.settings.data / FILE

    async def text(self) -> str | None:
        """The key; None if it cannot be made now."""
        try:
            return self._kept() or await self._made()
        except (ImportError, RedisError, OSError):
            return None

    def forget(self, text: str) -> None:
        """`text` is refused, as after its data were emptied: the next one is made anew."""
        if self._kept() == text:
            self._file.unlink(missing_ok=True)

    def _kept(self) -> str:
        return self._file.read_text() if self._file.exists() else ""

    async def _made(self) -> str:
        api_keys = import_module("wakeline.api_keys")
        name, text, key = api_keys.new_key(self._site, LABEL, SCOPES, now=now_ms())
        async with connect(self._redis) as redis:
            await api_keys.add(redis, name, key)
        return _only(self._file, text)


def _only(file: Path, text: str) -> str:
    """Keep `text` in `file` unless another process was first; returns what is kept. Raises OSError."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    try:
        os.link(written, file)
    except FileExistsError:
        return file.read_text()
    finally:
        written.unlink()
    return text
