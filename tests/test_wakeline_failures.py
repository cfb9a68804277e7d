"""Errors of a server: temporary ones are retried, others are not, everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from redis.exceptions import RedisError, ResponseError

from collector.memory import Asking, Memory, Step
from tests.refusing import server_that_says
from wakeline.log import LogUnavailable
from wakeline.log.fsync import appendfsync
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES, failures_as, is_away

PASSES = (
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "BUSY Redis is busy running a script.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOREPLICAS Not enough good replicas to write.",
)
LASTS = (
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "NOPERM User may not run the 'ping' command",
    "ERR unknown command 'PING'",
)


class Away(Exception):
    """As a part that asks a server calls it."""


async def what_becomes_of(line: str, *, only_away: bool) -> Exception:
    async with server_that_says(line) as url, connect(url) as redis:
        with pytest.raises((Away, *FAILURES)) as raised, failures_as(Away, "it is away", only_away=only_away):
            await redis.ping()
    return raised.value


@pytest.mark.parametrize("line", PASSES)
async def test_what_passes_is_waited_for(line: str) -> None:
    """redis-py cuts the first word off where it knows it."""
    assert isinstance(await what_becomes_of(line, only_away=True), Away)


@pytest.mark.parametrize("line", LASTS)
async def test_what_lasts_is_waited_for_only_by_who_says_so(line: str) -> None:
    assert isinstance(await what_becomes_of(line, only_away=True), ResponseError)
    assert isinstance(await what_becomes_of(line, only_away=False), Away)


async def test_a_server_that_is_not_there_is_away() -> None:
    async with server_that_says("") as url:
        pass
    with pytest.raises(FAILURES) as raised:
        await connect(url).ping()
    assert is_away(raised.value)


def test_a_fault_of_ours_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError), failures_as(Away, "it is away"):
        {}["x"]


async def test_the_log_waits_for_a_user_that_may_not_append() -> None:
    """What is taken is on disk meanwhile: a process that ends would take nothing."""
    async with server_that_says("NOPERM User may not run the 'evalsha' command") as url:
        log = RedisStreamsLog(url, 1)
        with pytest.raises(LogUnavailable, match="evalsha"):
            await log.append([(0, b"1")])
        await log.close()


async def asked_again_and_again(redis: Any) -> None:
    while True:
        await redis.ping()


@pytest.fixture
async def busy(own_server: Any) -> AsyncIterator[str]:
    """URL of a server that a script holds up: it answers BUSY to whatever is asked."""
    async with connect(own_server.url, timeout=60) as script, connect(own_server.url) as redis:
        await redis.config_set("busy-reply-threshold", 50)
        held = asyncio.create_task(script.eval("while true do end", 0))
        with pytest.raises(RedisError, match="BUSY"):
            await asked_again_and_again(redis)
        yield own_server.url
        await redis.script_kill()
        with suppress(RedisError):
            await held


async def test_a_busy_server_hides_nothing(busy: str) -> None:
    """It would be taken for a managed one that lets nobody ask: memory without bounds, writes that are on disk."""
    async with connect(busy) as redis:
        with pytest.raises(RedisError, match="BUSY"):
            await appendfsync(redis)
    asking = Asking(busy, log=lambda: (None, 0), counted_bytes=0)
    memory = Memory(asking)
    memory.step = Step.REFUSE
    await memory.look()
    assert memory.step is Step.REFUSE
    await asking.close()


@pytest.mark.parametrize("line", LASTS)
async def test_a_server_that_hides_its_configuration_is_a_managed_one(line: str) -> None:
    async with server_that_says(line) as url, connect(url) as redis:
        assert await appendfsync(redis) is None
        asking = Asking(url, log=lambda: (None, 0), counted_bytes=0)
        assert await asking() is None
        await asking.close()
