"""The part of Redis that a processor uses, in memory: a call costs a microsecond or two.

`MemoryRedis` stands in for a client of a server: the store, a replay and the rebuilding of a torn lane use it as one.
tests/test_processor_memory_redis.py holds both to the same. Time stands still: nothing expires, and a key's lifetime is
what it was given.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tests.log_alone.memory_scripts import Scripts, text_of
from tests.log_alone.memory_values import Hash, Sorted, Stream, encoded, id_of, position

MEMORY = "memory://"
"""In place of a server's URL."""

TYPES = {bytes: b"string", Hash: b"hash", Sorted: b"zset", Stream: b"stream"}


class MemoryRedis(Scripts):
    """One client, and its server."""

    async def aclose(self) -> None:
        pass

    async def flushdb(self) -> None:
        self._values.clear()
        self._lives.clear()

    async def exists(self, *names: Any) -> int:
        return sum(text_of(name) in self._values for name in names)

    async def unlink(self, *names: Any) -> None:
        for name in names:
            self._del(text_of(name))

    async def get(self, name: Any) -> bytes | None:
        return self._of(name, bytes) if name in self._values else None

    async def set(self, name: str, value: Any, px: int = 0) -> None:
        self._set(name, value, "PX" if px else "", px)

    async def hget(self, name: str, field: Any) -> bytes | None:
        return (await self.hmget(name, field))[0]

    async def hmget(self, name: str, *fields: Any) -> list[bytes | None]:
        found = self._of(name, Hash)
        return [found.get(encoded(field)) for field in fields]

    async def hgetall(self, name: str) -> dict[bytes, bytes]:
        return dict(self._of(name, Hash))

    async def zscore(self, name: str, member: Any) -> float | None:
        found: float | None = self._of(name, Sorted).get(encoded(member))
        return found

    async def zadd(self, name: str, mapping: Mapping[Any, Any]) -> None:
        self._zadd(name, *(word for member, score in mapping.items() for word in (score, member)))

    async def zrem(self, name: str, *members: Any) -> None:
        self._zrem(name, *members)

    async def zrange(
        self, name: str, start: Any, end: Any, *, bylex: bool = False, offset: int = 0, num: int = 0,
        withscores: bool = False,
    ) -> list[Any]:  # fmt: skip
        ordered = self._of(name, Sorted).ordered()
        if bylex:
            after = b"" if start == "-" else encoded(start)[1:]
            assert end == "+"
            return [member for member, _ in ordered if member > after][offset : offset + num]
        pairs = ordered[start : end + 1 or None]
        return pairs if withscores else [member for member, _ in pairs]

    async def zrangebyscore(
        self, name: str, least: Any, most: Any, *, start: int, num: int, withscores: bool
    ) -> list[tuple[bytes, float]]:
        assert (least, withscores) == ("-inf", True)
        return [pair for pair in self._of(name, Sorted).ordered() if pair[1] <= float(most)][start : start + num]

    async def xrange(
        self, name: str, min: str = "-", max: str = "+", count: int | None = None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        assert max == "+"
        after = (-1, 0) if min == "-" else position(min[1:])
        rows = [(id, words) for id, words in self._of(name, Stream).items() if id > after][:count]
        return [(id_of(id), dict(zip(words[::2], words[1::2], strict=True))) for id, words in rows]

    def delete_from(self, name: str, *ids: Any) -> None:
        """XDEL"""
        found = self._of(name, Stream)
        for id in ids:
            found.pop(position(id), None)

    async def scan_iter(self, match: str = "*", count: int = 0) -> AsyncIterator[bytes]:
        for name in self._named(match):
            yield name.encode()

    def _named(self, pattern: str) -> list[str]:
        is_like = re.compile(".*".join(map(re.escape, pattern.split("*")))).fullmatch
        return [name for name in self._values if is_like(name)]

    async def eval(self, script: str, numkeys: int, pattern: str) -> list[Any]:
        """Only what `holdings` asks: all that keys of a pattern hold."""
        found = []
        for name in self._named(pattern):
            value = self._values[name]
            held: Any = value
            if isinstance(value, Stream):
                held = [(id_of(id), list(words)) for id, words in value.items()]
            elif not isinstance(value, bytes):
                held = value.flat()
            found.append((name.encode(), TYPES[type(value)], self._lives.get(name, -1), held))
        return found

    def pipeline(self, *, transaction: bool) -> Pipeline:
        return Pipeline(self)


class Pipeline:
    """Of keys that are copied and put back, and of what leaves an outbox."""

    def __init__(self, redis: MemoryRedis) -> None:
        self._redis = redis
        self._found: list[Any] = []

    def xdel(self, name: str, *ids: Any) -> None:
        self._redis.delete_from(name, *ids)

    def dump(self, name: bytes) -> None:
        self._found.append(_copy(self._redis._values[name.decode()]))

    def pttl(self, name: bytes) -> None:
        self._found.append(self._redis._lives.get(name.decode(), -1))

    def restore(self, name: bytes, lives: int, value: Any) -> None:
        self._redis._values[name.decode()] = _copy(value)
        if lives:
            self._redis._lives[name.decode()] = lives

    async def execute(self) -> list[Any]:
        return self._found


def _copy(value: Any) -> Any:
    if isinstance(value, bytes):
        return value
    copy = type(value)(value)
    if isinstance(value, Stream):
        copy.last = value.last
    return copy
