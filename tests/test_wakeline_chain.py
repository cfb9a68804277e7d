"""A deployment changes its log: the old one is drained, offsets continue, and no log is mistaken for another."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis.asyncio as aioredis

from tests.timeline import MINUTE, START, Timeline, event
from wakeline import keys
from wakeline.log import Bounds, LogGap, LogMismatch
from wakeline.log.chain import adopt, chained, extend, links_of
from wakeline.log.links import Link
from wakeline.log.memory import MemoryLog
from wakeline.log.opening import open_log
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.redis.connect import connect
from wakeline.settings import Settings

LANES = 4


@pytest.fixture
async def client(redis_server: Any) -> Any:
    client: aioredis.Redis = connect(redis_server.url)
    yield client
    await client.aclose()


async def filled(lane: int, count: int) -> MemoryLog:
    log = MemoryLog(LANES)
    await log.append([(lane, b"%d" % n) for n in range(count)])
    return log


async def test_a_deployments_first_log_is_just_that_log(client: aioredis.Redis) -> None:
    log = MemoryLog(LANES)
    assert await chained(log, None, client, LANES) is log
    assert await chained(log, None, client, LANES) is log
    assert [link.begins for link in await links_of(client)] == [[0] * LANES]


async def test_the_next_log_goes_on_where_the_first_ended(client: aioredis.Redis) -> None:
    old, new = await filled(1, 5), MemoryLog(LANES)
    await chained(old, None, client, LANES)
    both = await chained(new, old, client, LANES)
    assert await both.identity() == await old.identity()
    await both.append([(1, b"five"), (2, b"zero")])
    assert await both.bounds([1, 2]) == {1: Bounds(0, 6), 2: Bounds(0, 1)}
    found = await both.read({1: 3, 2: 0}, limit=2, wait_ms=0)
    assert [(entry.offset, entry.value) for entry in found[1]] == [(3, b"3"), (4, b"4")]
    assert [(entry.offset, entry.value) for entry in found[2]] == [(0, b"zero")]
    found = await both.read({1: 5}, limit=10, wait_ms=0)
    assert [(entry.offset, entry.value) for entry in found[1]] == [(5, b"five")]
    assert await both.append_time(1, 5) == (await new.read({1: 0}, limit=1, wait_ms=0))[1][0].time
    assert await both.append_time(1, 4) is not None
    await both.trim(1, upto=4)
    assert await both.bounds([1]) == {1: Bounds(4, 6)}
    await both.trim(1, upto=6)
    assert await both.bounds([1]) == {1: Bounds(6, 6)}


async def test_a_place_in_a_log_that_cannot_be_reached_is_a_gap(client: aioredis.Redis) -> None:
    """Once the old log is drained its URL is no longer needed; if it is used, that is reported."""
    old, new = await filled(1, 5), MemoryLog(LANES)
    await chained(old, None, client, LANES)
    await chained(new, old, client, LANES)
    alone = await chained(new, None, client, LANES)
    await alone.append([(1, b"five")])
    assert [entry.offset for entry in (await alone.read({1: 5}, limit=1, wait_ms=0))[1]] == [5]
    with pytest.raises(LogGap, match="place 4 is in the previous log, which ends at 5"):
        await alone.read({1: 4, 2: 0}, limit=1, wait_ms=0)


async def test_a_log_made_anew_is_said_with_how_far_the_old_one_was_applied(client: aioredis.Redis) -> None:
    await chained(MemoryLog(LANES), None, client, LANES)
    await client.hset(keys.Keys().lane(2), "offset", 17)
    with pytest.raises(LogMismatch, match="17 of its records were applied"):
        await chained(MemoryLog(LANES), None, client, LANES)
    with pytest.raises(LogMismatch, match="set log_before"):
        await chained(MemoryLog(LANES), MemoryLog(LANES), client, LANES)
    assert len(await links_of(client)) == 1


async def test_a_log_that_was_left_is_not_gone_back_to(client: aioredis.Redis) -> None:
    old, new = await filled(0, 1), MemoryLog(LANES)
    await chained(old, None, client, LANES)
    await chained(new, old, client, LANES)
    with pytest.raises(LogMismatch, match="has moved from this log"):
        await chained(old, new, client, LANES)


async def test_a_log_of_somebody_else_is_refused(client: aioredis.Redis) -> None:
    old, foreign = await filled(0, 1), await filled(3, 2)
    await chained(old, None, client, LANES)
    with pytest.raises(LogMismatch, match="holds 2 records"):
        await chained(foreign, old, client, LANES)


async def test_where_the_old_log_is_gone_the_new_one_goes_on_at_the_places(client: aioredis.Redis) -> None:
    new = MemoryLog(LANES)
    await chained(MemoryLog(LANES), None, client, LANES)
    await client.hset(keys.Keys().lane(2), "offset", 17)
    assert await adopt(new, client, LANES) == [0, 0, 17, 0]
    with pytest.raises(LogMismatch, match="nothing to adopt"):
        await adopt(new, client, LANES)
    both = await chained(new, None, client, LANES)
    await both.append([(2, b"1")])
    assert [entry.offset for entry in (await both.read({2: 17, 0: 0}, limit=9, wait_ms=0))[2]] == [17]


async def test_two_processes_that_open_a_new_log_at_once_agree(client: aioredis.Redis) -> None:
    old, new = await filled(0, 3), MemoryLog(LANES)
    await chained(old, None, client, LANES)
    await chained(new, old, client, LANES)
    await extend(client, 1, Link(await new.identity(), [9] * LANES))  # one that was slower
    assert [link.begins[0] for link in await links_of(client)] == [0, 3]


async def test_what_is_appended_to_a_log_that_was_left_is_said(
    client: aioredis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = await filled(0, 3), MemoryLog(LANES)
    await chained(old, None, client, LANES)
    both = await chained(new, old, client, LANES)
    await old.append([(0, b"late"), (0, b"late")])
    with caplog.at_level(logging.ERROR):
        assert (await both.bounds([0]))[0] == Bounds(0, 3)
        await both.bounds([0])
    assert [record.getMessage()[:30] for record in caplog.records] == ["lane 0: 2 records were appende"]
    assert [entry.offset for entry in (await both.read({0: 0}, limit=10, wait_ms=0))[0]] == [0, 1, 2]


async def test_a_deployment_from_before_there_were_chains_drains_its_streams(redis_server: Any) -> None:
    """Its places name the streams; another log's URL is all that changes."""
    streams, new = RedisStreamsLog(redis_server.url, LANES), MemoryLog(LANES)
    await streams.identity()
    await streams.append([(1, b"1"), (1, b"2")])
    async with connect(redis_server.url) as client:
        both = await chained(new, streams, client, LANES)
    assert (await both.bounds([1]))[1] == Bounds(0, 2)
    assert await both.identity() == await streams.identity()
    await both.close()


async def test_redis_streams_alone_are_opened_as_they_are(redis_server: Any) -> None:
    log = await open_log(Settings(redis=redis_server.url), LANES)
    assert isinstance(log, RedisStreamsLog)
    await log.close()


async def test_a_visit_that_spans_the_change_is_one_visit(redis_server: Any) -> None:
    """For the workers the log simply continues: ledger and numbers are those of one log."""
    made = Timeline(redis_server.url, lanes=LANES)
    old, new = made.log, MemoryLog(LANES, clock=lambda: made.now)
    await chained(old, None, made.redis, LANES)
    await made.start()
    await made.append(event("visitor-1", "page-one", 0, 0))
    await made.run()
    await made.append(event("visitor-1", "page-two", 0, MINUTE), event("visitor-1", "page-one", 1, MINUTE, "ping"))
    made.log = await chained(new, old, made.redis, LANES)  # type: ignore[assignment]
    await made.start(writer="after the change")
    await made.append(event("visitor-1", "page-three", 0, 2 * MINUTE), event("visitor-1", "page-one", 0, 0))
    await made.run()
    made.now = START + 2 * MINUTE
    await made.pass_time(60 * MINUTE)
    totals, ledger = await made.totals(), await made.ledger()
    assert (totals["page_views"], totals["sessions"]) == (3, 1)
    assert (ledger["applied"], ledger["duplicate"]) == (4, 1)
    await made.close()
