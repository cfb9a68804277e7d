"""Readers for applications: a connection pool that the end of a `with` closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wakeline.redis.connect import connect, connect_blocking

if TYPE_CHECKING:
    from typing import Self


class Reader:
    """Has one connection pool; thread-safe."""

    def __init__(self, url: str) -> None:
        self._redis = connect_blocking(url)

    def close(self) -> None:
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncReader:
    """The same for asyncio."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    async def close(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
