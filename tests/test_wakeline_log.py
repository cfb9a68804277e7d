"""Every log keeps the contract of `wakeline.log`: in memory, and on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from wakeline import keys
from wakeline.log import Bounds, Entry, Log, LogGap, LogUnavailable
from wakeline.log.fsync import waits_for_fsync
from wakeline.log.kafka import KafkaLog
from wakeline.log.memory import MemoryLog
from wakeline.log.redis_streams import RedisStreamsLog

LANES = 4


@pytest.fixture(params=["memory", "redis_streams", "kafka"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    made: Log
    if request.param == "memory":
        made = MemoryLog(LANES)
    elif request.param == "kafka":
        made = await KafkaLog.open(f"{request.getfixturevalue('kafka').url}/{request.getfixturevalue('topic')}", LANES)
    else:
        made = RedisStreamsLog(request.getfixturevalue("redis_server").url, LANES)
    yield made
    await made.close()


@pytest.fixture
async def streams(own_server: Any) -> AsyncIterator[RedisStreamsLog]:
    """A log on a server that may be harmed."""
    made = RedisStreamsLog(own_server.url, LANES)
    yield made
    await made.close()


def values(entries: list[Entry]) -> list[bytes]:
    return [entry.value for entry in entries]


async def test_records_come_back_in_the_order_they_were_appended(log: Log) -> None:
    """Within a lane, over several appends, offsets 0, 1, 2 ... without gaps."""
    await log.append([(1, b'"a"'), (2, b'"x"'), (1, b'"b"')])
    await log.append([(1, b'"c"')])
    found = await log.read({1: 0, 2: 0}, limit=10, wait_ms=0)
    assert values(found[1]) == [b'"a"', b'"b"', b'"c"']
    assert [entry.offset for entry in found[1]] == [0, 1, 2]
    assert values(found[2]) == [b'"x"']


async def test_an_append_says_where_each_of_its_lanes_ends(log: Log) -> None:
    """The large one is more than one batch of Kafka's."""
    assert await log.append([(1, b'"a"'), (2, b'"x"'), (1, b'"b"')]) == {1: 2, 2: 1}
    large = b'"' + b"c" * 400_000 + b'"'
    assert await log.append([(1, large), (1, large), (1, large), (0, b'"y"')]) == {1: 5, 0: 1}
    assert {lane: each.end for lane, each in (await log.bounds([0, 1, 2])).items()} == {0: 1, 1: 5, 2: 1}


async def test_a_record_is_kept_byte_by_byte(log: Log) -> None:
    record = '{"title":"Lámpara ✨ \\u0000 \\" 灯"}'.encode()
    await log.append([(0, record)])
    assert values((await log.read({0: 0}, limit=1, wait_ms=0))[0]) == [record]


async def test_a_group_of_thousands_is_one_append(log: Log) -> None:
    await log.append([(n % LANES, b'{"n":%d}' % n) for n in range(5_000)])
    bounds = await log.bounds(range(LANES))
    assert set(bounds.values()) == {Bounds(0, 1_250)}


async def test_nothing_to_append_is_nothing(log: Log) -> None:
    await log.append([])
    assert await log.bounds([0]) == {0: Bounds(0, 0)}


async def test_a_read_starts_at_its_place_and_ends_at_its_limit(log: Log) -> None:
    await log.append([(0, b"%d" % n) for n in range(10)])
    found = await log.read({0: 3}, limit=4, wait_ms=0)
    assert [entry.offset for entry in found[0]] == [3, 4, 5, 6]


async def test_lanes_with_nothing_new_are_not_in_the_answer(log: Log) -> None:
    await log.append([(0, b"1")])
    assert (await log.read({0: 1, 1: 0, 2: 0}, limit=10, wait_ms=0)) == {}
    assert set(await log.read({0: 0, 1: 0}, limit=10, wait_ms=0)) == {0}


async def test_a_waiting_read_returns_when_something_comes(log: Log) -> None:
    reading = asyncio.create_task(log.read({0: 0, 3: 0}, limit=10, wait_ms=8_000))
    await asyncio.sleep(0)
    await log.append([(3, b"1")])
    assert set(await asyncio.wait_for(reading, 5)) == {3}


async def test_a_waiting_read_gives_up_with_nothing(log: Log) -> None:
    assert await log.read({0: 0}, limit=10, wait_ms=20) == {}


async def test_append_time_never_goes_back_within_a_lane(log: Log) -> None:
    for n in range(20):
        await log.append([(0, b"%d" % n)])
    times = [entry.time for entry in (await log.read({0: 0}, limit=100, wait_ms=0))[0]]
    assert times == sorted(times)


async def test_append_time_stands_still_while_a_memory_logs_clock_goes_back() -> None:
    clock = iter([5_000, 4_000, 6_000])
    log = MemoryLog(1, clock=lambda: next(clock))
    for _ in range(3):
        await log.append([(0, b"1")])
    assert [entry.time for entry in (await log.read({0: 0}, limit=9, wait_ms=0))[0]] == [5_000, 5_000, 6_000]


async def test_append_time_stands_still_while_the_servers_clock_goes_back(redis_server: Any) -> None:
    """The latest time is kept beside the log: a failover to a machine whose clock is behind changes no order."""
    log = RedisStreamsLog(redis_server.url, LANES)
    ahead = 4_000_000_000_000
    with redis.Redis(port=redis_server.port) as client:
        client.set(keys.LOG_TIME, ahead)
    await log.append([(0, b"1")])
    assert await log.append_time(0, 0) == ahead
    await log.close()


async def test_append_time_of_one_record(log: Log) -> None:
    await log.append([(0, b"1"), (0, b"2")])
    entry = (await log.read({0: 1}, limit=1, wait_ms=0))[0][0]
    assert await log.append_time(0, 1) == entry.time
    assert await log.append_time(0, 2) is None
    assert await log.append_time(1, 0) is None


async def test_bounds_follow_appends_and_trims(log: Log) -> None:
    assert await log.bounds([0, 1]) == {0: Bounds(0, 0), 1: Bounds(0, 0)}
    await log.append([(0, b"%d" % n) for n in range(10)])
    assert (await log.bounds([0]))[0] == Bounds(0, 10)
    await log.trim(0, upto=4)
    assert (await log.bounds([0]))[0] == Bounds(4, 10)
    await log.trim(0, upto=2)
    assert (await log.bounds([0]))[0] == Bounds(4, 10)
    await log.trim(0, upto=99)
    assert (await log.bounds([0]))[0] == Bounds(10, 10)


async def test_offsets_go_on_where_all_was_trimmed(log: Log) -> None:
    await log.append([(0, b"1"), (0, b"2")])
    await log.trim(0, upto=2)
    await log.append([(0, b"3")])
    assert [entry.offset for entry in (await log.read({0: 2}, limit=9, wait_ms=0))[0]] == [2]
    assert await log.append_time(0, 1) is None


@pytest.mark.parametrize(
    ("trimmed", "place"),
    [
        pytest.param(4, 3, id="before the first record"),
        pytest.param(10, 9, id="before the end of a lane that was trimmed empty"),
        pytest.param(0, 11, id="after the end"),
    ],
)
async def test_a_place_outside_of_the_log_is_a_gap(log: Log, trimmed: int, place: int) -> None:
    await log.append([(0, b"%d" % n) for n in range(10)])
    await log.trim(0, upto=trimmed)
    with pytest.raises(LogGap, match=f"place {place}"):
        await log.read({0: place}, limit=10, wait_ms=0)


async def test_a_place_in_a_lane_that_is_new_to_the_log_is_a_gap(log: Log) -> None:
    await log.append([(0, b"1")])
    await log.read({0: 0}, limit=10, wait_ms=0)
    with pytest.raises(LogGap):
        await log.read({0: 1, 1: 5}, limit=10, wait_ms=0)


async def test_a_place_that_is_trimmed_away_while_reading_is_a_gap(log: Log) -> None:
    await log.append([(0, b"%d" % n) for n in range(10)])
    await log.read({0: 0}, limit=2, wait_ms=0)
    await log.trim(0, upto=5)
    with pytest.raises(LogGap):
        await log.read({0: 2}, limit=2, wait_ms=0)


async def test_the_end_of_a_log_is_no_gap(log: Log) -> None:
    await log.append([(0, b"1")])
    assert await log.read({0: 1}, limit=10, wait_ms=0) == {}


async def test_a_log_is_always_the_same_and_never_another(log: Log) -> None:
    identity = await log.identity()
    await log.append([(0, b"1")])
    assert identity
    assert await log.identity() == identity
    assert await MemoryLog(LANES).identity() != identity


async def test_an_emptied_server_holds_another_log(redis_server: Any) -> None:
    log = RedisStreamsLog(redis_server.url, LANES)
    before = await log.identity()
    with redis.Redis(port=redis_server.port) as client:
        client.flushall()
    assert await log.identity() != before
    await log.close()


async def test_a_killed_server_is_unavailable_until_it_is_back(own_server: Any, streams: RedisStreamsLog) -> None:
    """No method raises anything else meanwhile; then all work again, with all acknowledged records."""
    await streams.append([(0, b"1")])
    identity = await streams.identity()
    own_server.kill()
    for call in (
        lambda: streams.append([(0, b"2")]),
        lambda: streams.read({0: 0}, limit=1, wait_ms=10),
        lambda: streams.bounds([0]),
        lambda: streams.trim(0, upto=0),
        lambda: streams.append_time(0, 0),
        streams.identity,
    ):
        with pytest.raises(LogUnavailable):
            await call()
    own_server.start()
    await streams.append([(0, b"3")])
    assert values((await streams.read({0: 0}, limit=9, wait_ms=0))[0]) == [b"1", b"3"]
    assert await streams.identity() == identity


async def test_the_answer_to_a_lost_append_is_never_taken_for_the_next_ones(
    own_server: Any, streams: RedisStreamsLog
) -> None:
    """The server hangs longer than the client waits. Nothing it says later counts for another append."""
    await streams.append([(0, b"1")])
    with own_server.paused():
        with pytest.raises(LogUnavailable):
            await streams.append([(0, b"2")])
        appending = asyncio.create_task(streams.append([(0, b"3")]))
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable):
            await appending
    await streams.append([(0, b"4")])
    found = values((await streams.read({0: 0}, limit=9, wait_ms=0))[0])
    assert found[0] == b"1"
    assert found[-1] == b"4"  # 2 and 3 may be there or not: nothing was promised


async def test_a_cancelled_call_leaves_no_answer_behind(own_server: Any, streams: RedisStreamsLog) -> None:
    identity = await streams.identity()
    with own_server.paused(), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await streams.append_time(0, 0)
    assert await streams.identity() == identity


async def test_a_reader_notices_that_the_log_lost_its_end(own_server: Any, streams: RedisStreamsLog) -> None:
    """A server restored from an older copy holds less than was read: the lane is not merely idle."""
    await streams.append([(0, b"%d" % n) for n in range(10)])
    await streams.read({0: 5}, limit=10, wait_ms=0)
    own_server.kill()
    with pytest.raises(LogUnavailable):
        await streams.read({0: 10}, limit=10, wait_ms=0)
    own_server.start()
    with redis.Redis(port=own_server.port) as client:
        client.delete(keys.log_lane(0))
    with pytest.raises(LogGap):
        await streams.read({0: 10}, limit=10, wait_ms=0)


@pytest.mark.parametrize("policy", ["everysec", "no"])
async def test_a_server_that_does_not_fsync_every_write_promises_nothing(own_server: Any, policy: str) -> None:
    """Until it does. Where `everysec` can be waited for, it is; tests/integration/test_durability.py cuts the power."""
    log = RedisStreamsLog(own_server.url, LANES)
    with redis.Redis(port=own_server.port) as client:
        client.config_set("appendfsync", policy)
        if policy == "no" or not await waits_for_fsync(log._writer):
            with pytest.raises(LogUnavailable, match="fsync"):
                await log.append([(0, b"1")])
        client.config_set("appendfsync", "always")
        await log.append([(0, b"2")])
    await log.close()


async def test_a_server_without_an_append_only_file_promises_nothing(own_server: Any) -> None:
    log = RedisStreamsLog(own_server.url, LANES)
    with redis.Redis(port=own_server.port) as client:
        client.config_set("appendonly", "no")
        with pytest.raises(LogUnavailable, match="appendonly"):
            await log.append([(0, b"1")])
    await log.close()


CONFIRMED: dict[str, tuple[list[int], bool]] = {
    "a write, and the one right after it with the next fsync": ([1, 0], True),
    "both at once, though a second lies between two fsyncs": ([1, 1], False),
    "none": ([0], False),
}


@pytest.mark.parametrize("name", CONFIRMED)
async def test_a_server_that_confirms_too_early_is_found_out(name: str) -> None:
    replies, waits = CONFIRMED[name]

    class Server:
        async def set(self, key: str, value: int, px: int) -> None: ...

        async def waitaof(self, local: int, replicas: int, ms: int) -> list[int]:
            return [replies.pop(0), 0]

    assert await waits_for_fsync(Server()) is waits  # type: ignore[arg-type]
    assert not replies


async def test_a_full_server_is_unavailable_and_stores_no_part_of_a_group(own_server: Any) -> None:
    log = RedisStreamsLog(own_server.url, LANES)
    with redis.Redis(port=own_server.port) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(LogUnavailable):
            await log.append([(0, b"1"), (1, b"2")])
        client.config_set("maxmemory", "0")
    assert set((await log.bounds(range(LANES))).values()) == {Bounds(0, 0)}
    await log.append([(0, b"1")])
    await log.close()
