"""The store: which errors mean that Redis is down, and which are bugs."""

from __future__ import annotations

import random
from typing import Any

import pytest
from redis.exceptions import ResponseError

from processor.command import Command
from processor.lane_protocol import KEYS_OF, WRITES, LanePlace
from processor.memory import LaneMemory
from processor.store import Store, StoreUnavailable
from tests.refusing import server_that_says
from tests.timeline import MINUTE, START, Timeline, a_week_of_visits
from wakeline.keys import Keys
from wakeline.record import Erase
from wakeline.redis.connect import connect


@pytest.mark.parametrize(
    ("line", "raised"),
    [
        ("BUSY Redis is busy running a script.", StoreUnavailable),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", ResponseError),
    ],
)
async def test_what_passes_is_waited_for_and_our_mistake_is_not(line: str, raised: type[Exception]) -> None:
    async with server_that_says(line) as url, connect(url) as redis:
        with pytest.raises(raised, match=line.partition(" ")[0]):
            await Store(redis, key_space=Keys()).write(0, [], place=LanePlace(), stamp="test")


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
    assert given <= {*WRITES, "TOP", "LATEST", "SAID", *KEYS_OF}
