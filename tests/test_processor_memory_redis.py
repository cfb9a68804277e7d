"""Redis in memory, on which most generated logs are folded, comes to what a server comes to."""

from __future__ import annotations

from typing import Any

import pytest

from processor.command import Command
from processor.lane_protocol import LanePlace
from processor.memory import LaneMemory
from processor.store import LaneLost, Store
from tests.log_alone import runs
from tests.log_alone.cases import Case, Kind, case
from tests.log_alone.holdings import Holdings, differences
from tests.log_alone.memory_redis import MEMORY, MemoryRedis
from tests.log_alone.runs import FAULTS, Fault
from wakeline import keys
from wakeline.keys import FORGOTTEN, Keys, lane_messages, lane_said
from wakeline.redis.connect import connect

EVERYTHING = Kind(late=True, clocks=True, erasures=True, dead=True, trimmed=True, crowded=True, capped=True, facts=True)
LANE = 3


async def _comes_to(url: str, one: Case) -> list[Holdings]:
    """Whatever the claims run."""
    lived = await runs.live(url, one, keeps=lambda written: True)
    found = [lived.holdings, *await runs.settled(url, one, lived.lanes, batch=7)]
    for kept in lived.kept[:: max(1, len(lived.kept) // 3)]:
        found.append(await runs.restored(url, one, lived, kept, batch=3))
    for kind in FAULTS:
        for part in (0.3, 0.6):
            found.append((await runs.live(url, one, fault=Fault(kind, 1 + int(part * lived.writes), part))).holdings)
    found.append(await runs.replayed(url, one, lived, batch=3))
    return found


@pytest.mark.parametrize("seed", range(8_000, 8_006))
async def test_a_generated_log_comes_to_the_same(unsynced_server: Any, seed: int) -> None:
    one = case(seed, EVERYTHING if seed % 2 else None)
    pairs = zip(await _comes_to(unsynced_server.url, one), await _comes_to(MEMORY, one), strict=True)
    assert not [line for its, ours in pairs for line in differences(ours, its, exactly=True)]


@pytest.fixture(params=[MEMORY, "a server"])
async def redis(request: pytest.FixtureRequest, unsynced_server: Any) -> Any:
    found: Any = MemoryRedis() if request.param == MEMORY else connect(unsynced_server.url)
    await found.flushdb()
    yield found
    await found.aclose()


async def _written(redis: Any, *commands: Command) -> None:
    store, memory = Store(redis, key_space=Keys()), LaneMemory()
    place = await store.claim(LANE, memory, writer="test")
    await store.write(LANE, [*commands], place=place, stamp="test:1")


async def test_a_list_that_is_full_counts_others_together(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "TOP_MEMBERS", 2)
    await _written(redis, ["TOP", "top", "a", "1", "b", "2", "c", "4", "d", "-1", "a", "-1", "e", "1"])
    assert await redis.zrange("top", 0, -1, withscores=True) == [(b"b", 2.0), (keys.OTHER.encode(), 4.0)]


async def test_dead_letters_beyond_the_names_kept_go_and_who_is_forgotten_leaves_them(redis: Any) -> None:
    letters, about = Keys().dead(LANE), Keys().dead_about(LANE)
    for number, names in enumerate(("shop/a 1\nshop/b 1", "shop/a 3", "shop/c 4")):
        await _written(redis, ["DEAD", letters, about, "3", names, "offset", str(number)])
    assert [fields[b"offset"] for _, fields in await redis.xrange(letters)] == [b"1", b"2"]
    await _written(redis, ["FORGET", letters, about, "shop/a", "4"])
    assert [fields[b"offset"] for _, fields in await redis.xrange(letters)] == [b"2"]
    assert [member.rpartition(b" ")[0] for member in await redis.zrange(about, 0, -1)] == [b"shop/c 4"]


async def test_what_was_said_is_not_said_again_and_of_who_is_forgotten_only_that(redis: Any) -> None:
    stream, said = lane_messages(LANE), lane_said(LANE)

    def say(id: str, who: str, kind: str) -> Command:
        return ["SAY", stream, said, id, "2", "who", who, "kind", kind]

    await _written(redis, say("1-1", "a", "x"), say("1-2", "b", "x"), say("1-1", "a", "again"), ["SAID", said, "5-0"])
    await _written(redis, say("4-1", "b", "late"), say("6-1", "a", FORGOTTEN), ["SAID", said, "3-0"])
    rows = [(id, fields[b"who"], fields[b"kind"]) for id, fields in await redis.xrange(stream)]
    assert rows == [(b"1-2", b"b", b"x"), (b"6-1", b"a", FORGOTTEN.encode())]
    assert await redis.get(said) == b"6-1"


async def test_a_time_only_grows_and_a_lane_has_one_writer(redis: Any) -> None:
    await _written(redis, ["LATEST", "t", "5", "900000"], ["LATEST", "t", "4", "900000"], ["ZADD", "z", "GT", "2", "m"])
    await _written(redis, ["ZADD", "z", "GT", "1", "m", "3", "n"], ["ZREMRANGEBYSCORE", "z", "-inf", "2"])
    assert (await redis.get("t"), await redis.zrange("z", 0, -1)) == (b"5", [b"n"])
    with pytest.raises(LaneLost):
        await Store(redis, key_space=Keys()).write(LANE, [["DEL", "t"]], place=LanePlace(), stamp="other")
    assert await redis.get("t") == b"5"
