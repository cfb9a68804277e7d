"""The lists of the read side: exact sums and counts, though only what changed is read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from api import lists
from api.exposition import top_values
from api.lists import LISTS, ListReader, largest, part_of
from wakeline import keys
from wakeline.numbers import TODAY
from wakeline.redis.connect import connect

LANES = 6
NAMES = keys.Keys()
BUCKETS = {"5m": ["m3", "m2", "m1"], "30m": ["f2", "f1"], TODAY: ["d2027-01-15"]}
OTHER = keys.OTHER.encode()
PAGES = ("pages", "5m")
KEPT = 6
VALUES = 3


@pytest.fixture
def client(redis_server: Any) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_server.port) as client:
        yield client


@pytest.fixture
async def reader(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ListReader]:
    monkeypatch.setattr(lists, "KEPT", KEPT)
    connection = connect(redis_server.url, protocol=2)
    yield ListReader(connection, VALUES)
    await connection.aclose()


async def read(reader: ListReader, names: keys.Keys = NAMES) -> dict[tuple[str, str], dict[bytes, float]]:
    return await reader.read(names, LANES, "shop", BUCKETS)


def add(client: redis.Redis, value: str, count: int = 1, *, lane: int = 0, bucket: str = "m1", ago: int = 0) -> None:
    """As the processor writes, `ago` ms before."""
    key = NAMES.top(lane, "shop", "pages", bucket)
    client.zincrby(key, count, value)
    seconds, micros = client.time()
    client.pexpireat(key, int(seconds) * 1000 + int(micros) // 1000 - ago + keys.bucket_ttl(bucket))


def calls(client: redis.Redis, command: str) -> int:
    return int(client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


def all_of(client: redis.Redis, window: str = "5m") -> Counter[bytes]:
    """All values, added up one by one."""
    found: Counter[bytes] = Counter()
    for lane in range(LANES):
        for bucket in BUCKETS[window]:
            for value, count in client.zrange(NAMES.top(lane, "shop", "pages", bucket), 0, -1, withscores=True):
                found[value] += count
    return found


async def test_nothing_there_is_nothing_shown(reader: ListReader) -> None:
    assert await read(reader) == {each: {} for each in LISTS}


async def test_sums_and_counts_are_exact_whatever_comes_and_goes(client: redis.Redis, reader: ListReader) -> None:
    """Of more values than are kept of a part, in all parts, beside scans of ever different paths."""
    rng = random.Random(1)
    for turn in range(12):
        for _ in range(40):
            lane, bucket = rng.randrange(LANES), rng.choice([bucket for each in BUCKETS.values() for bucket in each])
            ago = rng.choice((0, 5_000))
            add(client, f"/{int(rng.paretovariate(0.7))}", rng.randrange(1, 4), lane=lane, bucket=bucket, ago=ago)
            add(client, f"/scan/{turn}/{rng.random()}", lane=lane, bucket=bucket, ago=ago)
            add(client, "(other)", 2, lane=lane, bucket=bucket, ago=ago)
        found = await read(reader)
        for window in BUCKETS:
            shown, there = found["pages", window], all_of(client, window)
            assert sum(shown.values()) == sum(there.values())
            assert all(count == there[value] for value, count in shown.items() if value != OTHER)
            assert len(shown) == VALUES + 1
            ordered = sorted((count for value, count in there.items() if value != OTHER), reverse=True)
            assert max(count for value, count in shown.items() if value != OTHER) == ordered[0]


async def test_a_value_that_is_rare_in_some_lanes_has_all_its_visits(client: redis.Redis, reader: ListReader) -> None:
    """Also once these lanes change, or do not."""
    for lane in range(LANES):
        for number in range(20):
            add(client, f"/{lane}/{number}", 5, lane=lane, ago=5_000)
        add(client, "/rare", 1, lane=lane, ago=5_000)
    add(client, "/rare", 100, ago=5_000)
    for _ in range(2):
        assert (await read(reader))[PAGES][b"/rare"] == 100 + LANES
    add(client, "/rare", 1, lane=3, ago=2_000)
    for _ in range(2):
        assert (await read(reader))[PAGES][b"/rare"] == 101 + LANES


async def test_small_lists_are_as_they_are(client: redis.Redis, reader: ListReader) -> None:
    for lane in range(LANES):
        for number in range(KEPT):
            add(client, f"/{number}", 1 + number, lane=lane, ago=5_000)
    before = calls(client, "zmscore")
    shown = (await read(reader))[PAGES]
    assert shown == {b"/5": 36.0, b"/4": 30.0, b"/3": 24.0, OTHER: 6.0 * (3 + 2 + 1)}
    assert calls(client, "zmscore") == before


async def test_scans_change_no_sum_and_push_out_no_page(client: redis.Redis, reader: ListReader) -> None:
    """Values enter and leave the lists, and the sum with (other) is that of the visits: no spike."""
    for lane in range(LANES):
        add(client, "/shoes", 30, lane=lane)
    for turn in range(1, 6):
        for lane in range(LANES):
            for number in range(25):
                add(client, f"/wp/{turn}/{lane}/{number}", lane=lane)
        shown = (await read(reader))[PAGES]
        assert shown[b"/shoes"] == 30 * LANES
        assert sum(shown.values()) == LANES * (30 + 25 * turn)
        assert sum(top_values(shown, VALUES).values()) == sum(shown.values())


async def test_only_what_changed_is_read(client: redis.Redis, reader: ListReader) -> None:
    for lane in range(LANES):
        for bucket in ("m1", "m2", "d2027-01-15"):
            add(client, "/", lane=lane, bucket=bucket, ago=5_000)
    await read(reader)
    before = calls(client, "zrevrange")
    assert await read(reader) == await read(reader)
    assert calls(client, "zrevrange") == before
    add(client, "/", lane=2, bucket="m2", ago=2_000)
    assert (await read(reader))[PAGES] == {b"/": 2 * LANES + 1}
    assert calls(client, "zrevrange") == before + 1


async def test_what_changes_again_in_the_same_millisecond_is_seen(client: redis.Redis, reader: ListReader) -> None:
    key = NAMES.top(0, "shop", "pages", "m1")
    add(client, "/")
    expires = client.pexpiretime(key)
    assert (await read(reader))[PAGES] == {b"/": 1}
    client.zincrby(key, 1, "/")
    assert client.pexpiretime(key) == expires
    assert (await read(reader))[PAGES] == {b"/": 2}


async def test_a_part_that_never_expires_is_read_each_time(client: redis.Redis, reader: ListReader) -> None:
    key = NAMES.top(0, "shop", "pages", "m1")
    for count in (1, 2):
        client.zadd(key, {"/": count})
        assert (await read(reader))[PAGES] == {b"/": count}


async def test_what_is_gone_is_gone(client: redis.Redis, reader: ListReader) -> None:
    """As after an expiry, or a restored backup."""
    add(client, "/", ago=5_000)
    add(client, "/", lane=1, ago=5_000)
    assert (await read(reader))[PAGES] == {b"/": 2}
    client.delete(NAMES.top(1, "shop", "pages", "m1"))
    assert (await read(reader))[PAGES] == {b"/": 1}
    client.flushall()
    assert (await read(reader))[PAGES] == {}


async def test_an_older_state_is_read_too(client: redis.Redis, reader: ListReader) -> None:
    """As of a replica that took over, or of another clock."""
    add(client, "/", 5, ago=5_000)
    await read(reader)
    client.flushall()
    add(client, "/", 2, ago=9_000)
    assert (await read(reader))[PAGES] == {b"/": 2}


async def test_another_version_of_the_keys_is_another_list(client: redis.Redis, reader: ListReader) -> None:
    add(client, "/", ago=5_000)
    assert (await read(reader))[PAGES] == {b"/": 1}
    assert (await read(reader, keys.Keys(2)))[PAGES] == {}
    assert (await read(reader))[PAGES] == {b"/": 1}


async def test_a_failure_loses_nothing(client: redis.Redis, reader: ListReader) -> None:
    add(client, "/", ago=5_000)
    await read(reader)
    key = NAMES.top(LANES - 1, "shop", "pages", "m1")
    client.set(key, "no list", px=keys.MINUTE_TTL_MS)
    add(client, "/", ago=3_000)
    with pytest.raises(redis.ResponseError):
        await read(reader)
    client.delete(key)
    assert (await read(reader))[PAGES] == {b"/": 2}


@pytest.mark.parametrize(
    ("reply", "sum", "is_whole", "top"),
    [
        pytest.param([], 0, True, {b"w": 0}, id="nothing"),
        pytest.param([b"a", b"3", b"b", b"1"], 4, True, {b"a": 3, b"b": 1, b"w": 0}, id="few"),
        pytest.param(
            [b"(other)", b"9", b"a", b"3", b"b", b"1"], 13, True, {b"a": 3, b"b": 1, b"w": 0}, id="with others"
        ),
        pytest.param([b"a", b"3", b"b", b"2", b"c", b"1"], 6, False, {b"a": 3, b"b": 2, b"w": 0}, id="many"),
        pytest.param([b"a", b"3", b"b", b"2", b"w", b"1"], 6, False, {b"a": 3, b"b": 2, b"w": 1}, id="a wanted one"),
        pytest.param([b"a", b"3", b"(other)", b"-2"], 1, True, {b"a": 3, b"w": 0}, id="taken back from others"),
        pytest.param([b"a", b"1e+16", b"b", b"0.5"], 1e16, True, {b"a": 1e16, b"b": 0.5, b"w": 0}, id="large"),
    ],
)
def test_a_part(reply: list[bytes], sum: float, is_whole: bool, top: dict[bytes, float]) -> None:
    part = part_of(reply, 2, {b"w"})
    assert (part.sum, part.is_whole, part.top) == (sum, is_whole, top)


def test_what_was_taken_back_is_not_shown_but_counts() -> None:
    assert largest({b"a": 5, b"b": -2, b"c": 0}, 2, 3) == {b"a": 5, OTHER: -2}
    assert largest({b"a": 5}, 2, 5) == {b"a": 5}
