"""The store: what it takes for "Redis is away", and what for a mistake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ResponseError

from processor.store import Store, StoreUnavailable
from wakeline.connect import connect
from wakeline.keys import Keys


@asynccontextmanager
async def store_whose_server_says(line: str) -> AsyncIterator[Store]:
    """A server that answers every command with the same error."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(65_536):
            for _ in range(asked.count(b"*")):
                writer.write(b"+OK\r\n" if b"SETINFO" in asked else f"-{line}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = connect(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}?protocol=2")
    try:
        yield Store(client, key_space=Keys())
    finally:
        await client.aclose()
        server.close()


@pytest.mark.parametrize(
    "line",
    [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN The cluster is down",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "BUSY Redis is busy running a script.",
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "NOREPLICAS Not enough good replicas to write.",
    ],
)
async def test_what_passes_is_waited_for(line: str) -> None:
    """As servers spell it: redis-py cuts the first word off where it knows it."""
    async with store_whose_server_says(line) as store:
        with pytest.raises(StoreUnavailable):
            await store.write(0, [], revision=0, stamp="test")


async def test_what_is_our_mistake_is_not() -> None:
    async with store_whose_server_says("WRONGTYPE Operation against a key holding the wrong kind of value") as store:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await store.write(0, [], revision=0, stamp="test")
