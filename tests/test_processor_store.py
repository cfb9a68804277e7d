"""The store: what it takes for "Redis is away", and what for a mistake."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.exceptions import ResponseError

from processor.command import Command
from processor.lane_protocol import WITH_TWO_KEYS, WRITES, LanePlace
from processor.memory import LaneMemory
from processor.store import Store, StoreUnavailable
from tests.timeline import MINUTE, START, Timeline, a_week_of_visits
from wakeline.keys import Keys
from wakeline.record import Erase
from wakeline.redis.connect import connect


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
            await store.write(0, [], place=LanePlace(), stamp="test")


async def test_what_is_our_mistake_is_not() -> None:
    async with store_whose_server_says("WRONGTYPE Operation against a key holding the wrong kind of value") as store:
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await store.write(0, [], place=LanePlace(), stamp="test")


async def test_who_may_not_give_every_command_is_told_before_anything_is_half_written(redis_server: Any) -> None:
    owner = connect(redis_server.url)
    granted = [f"+{name}" for name in ("evalsha", "script|load", "hmget", "hgetall", *WRITES)]
    rules = " ".join(("reset on nopass ~wl*", *granted))
    await owner.execute_command("ACL SETUSER", "processor", *rules.split())
    url = redis_server.url.replace("redis://", "redis://processor:any@")
    try:
        for name in WRITES:
            await owner.execute_command("ACL SETUSER", "processor", f"-{name}")
            client = connect(url)
            with pytest.raises(ResponseError, match=f"(?i){name}"):
                await Store(client, key_space=Keys()).claim(0, LaneMemory(), writer="test")
            await client.aclose()
            assert not await owner.exists(Keys().lane(0))
            await owner.execute_command("ACL SETUSER", "processor", f"+{name}")
        client = connect(url)
        assert (await Store(client, key_space=Keys()).claim(0, LaneMemory(), writer="test")).revision == 1
        await client.aclose()
    finally:
        await owner.execute_command("ACL DELUSER", "processor")
        await owner.aclose()


async def test_a_write_consists_of_nothing_else(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Timeline(redis_server.url)
    given: set[str] = set()
    write = made.store.write

    async def noted(lane: int, commands: list[Command], **options: Any) -> int | None:
        given.update(command[0] for command in commands)
        return await write(lane, commands, **options)

    monkeypatch.setattr(made.store, "write", noted)
    try:
        await made.start()
        await made.append(
            *a_week_of_visits(random.Random(5)), Erase(site="shop", id="visitor-0", time=START), b"no JSON"
        )
        await made.run()
        for _ in range(3):
            await made.pass_time(31 * MINUTE)
    finally:
        await made.close()
    assert len(given) > 8
    assert given <= {*WRITES, "TOP", "LATEST", *WITH_TWO_KEYS}
