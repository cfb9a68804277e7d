"""The lease: one of several processes is active, the others stand by."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wakeline.redis.connect import connect
from wakeline.redis.lease import LIVES_S, Lease

KEY = "wl:test:lease"
logger = logging.getLogger("wakeline.test")


@pytest.fixture
async def redis(own_server: Any) -> AsyncIterator[Any]:
    client = connect(own_server.url, timeout=0.5)
    yield client
    await client.aclose()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lease(redis: Any, token: str, clock: Clock | None = None) -> Lease:
    return Lease(redis, key=KEY, token=token, work="tests", logger=logger, clock=clock or Clock())


async def test_a_second_has_it_when_the_first_lets_go(redis: Any) -> None:
    first, second = lease(redis, "first"), lease(redis, "second")
    assert not first.is_ours
    await first.acquire()
    assert first.is_ours
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(0.05)
    await second.close()  # not its own: nothing happens
    assert await redis.get(KEY) == b"first"
    assert not second.is_ours
    await first.close()
    await asyncio.wait_for(waiting, 5)
    assert second.is_ours


async def test_it_ends_for_who_does_not_renew_it(redis: Any) -> None:
    clock = Clock()
    held = lease(redis, "first", clock)
    await held.acquire()
    assert 0 < await redis.pttl(KEY) <= LIVES_S * 1000
    clock.now += LIVES_S - 0.1
    assert held.is_ours
    clock.now += 0.1
    assert not held.is_ours, "another may have it now"


async def test_a_turn_ends_where_another_may_have_had_it(redis: Any) -> None:
    clock = Clock()
    held = lease(redis, "first", clock)
    await held.acquire()
    epoch = held.epoch
    clock.now += LIVES_S - 1
    await held.acquire()
    assert held.epoch == epoch
    clock.now += LIVES_S + 1
    await held.acquire()
    assert held.is_ours
    assert held.epoch != epoch


async def test_who_renews_it_sees_that_it_is_lost(redis: Any) -> None:
    held = lease(redis, "first")
    await held.acquire()
    await redis.set(KEY, "another")
    await asyncio.wait_for(held.keep(), 5)
    assert not held.is_ours


async def test_a_server_that_is_away_is_waited_for(redis: Any, own_server: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    own_server.kill()
    held = lease(redis, "first")
    waiting = asyncio.create_task(held.acquire())
    await asyncio.sleep(0.1)
    assert "waiting for Redis" in caplog.text
    own_server.start()
    await asyncio.wait_for(waiting, 10)
    assert held.is_ours
