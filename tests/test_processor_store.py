"""The store: which errors mean that Redis is down, and which are bugs."""

from __future__ import annotations

import random
from typing import Any

import pytest
from redis.exceptions import ResponseError

from crm.state import Customer
from processor.command import Command
from processor.lane_protocol import COMMANDS, KEYS_OF, LanePlace
from processor.memory import LaneMemory
from processor.store import Store, StoreUnavailable, Written
from tests.log_alone.memory_redis import MemoryRedis
from tests.refusing import server_that_says
from tests.timeline import MINUTE, START, Timeline, a_week_of_visits, event
from wakeline import keys
from wakeline.keys import Keys
from wakeline.record import Erase
from wakeline.redis.connect import connect
from wakeline.told import ThingState, encode_thing
from wakeline.vocabulary.things import ORDER


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
    granted = [f"+{name}" for name in ("evalsha", "script|load", "hmget", "hgetall", *COMMANDS)]
    rules = " ".join(("reset on nopass ~wl*", *granted))
    await owner.execute_command("ACL SETUSER", "processor", *rules.split())
    url = redis_server.url.replace("redis://", "redis://processor:any@")
    try:
        for name in COMMANDS:
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

    async def noted(lane: int, commands: list[Command], **options: Any) -> Written:
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
    assert given <= {*COMMANDS, "TOP", "LATEST", "SAID", *KEYS_OF}


async def test_a_sum_beyond_64_bits_stays_as_it_was_and_stops_no_lane(redis_server: Any) -> None:
    """Pages can tell amounts without end, and a script that fails half-way tears the lane."""
    most = 2**63 - 1
    async with connect(redis_server.url) as redis:
        for store in (Store(redis, key_space=Keys()), Store(MemoryRedis(), key_space=Keys())):  # type: ignore[arg-type]
            place = await store.claim(0, LaneMemory(), writer="test")
            key = store.keys.totals(0, "shop")
            add: list[Command] = [["HINCRBY", key, "revenue:EUR", str(most)], ["HINCRBY", key, "orders", "1"]]
            for turn in range(2):
                await store.write(0, add, place=place, stamp=f"test:{turn}")
                place.revision, place.writer = place.revision + 1, f"test:{turn}"
            found: Any = await store._redis.hgetall(key)
            assert {name.decode(): int(value) for name, value in found.items()} == {"revenue:EUR": most, "orders": 2}
            assert not (await store.place(0, LaneMemory())).torn


async def test_it_loads_as_many_as_a_call_may_touch_and_of_who_lives_elsewhere_only_the_tombstone(
    redis_server: Any,
) -> None:
    redis = connect(redis_server.url)
    store, memory, lane = Store(redis, key_space=Keys()), LaneMemory(), 3
    visitors = [("shop", f"visitor-{number}") for number in range(5_000)]
    things = [("shop", f"{ORDER.prefix}{number:032x}") for number in range(5_000)]
    here, away = ("shop", "@here"), ("shop", "@away")
    try:
        for number, who in enumerate(visitors):
            await redis.set(Keys().state(lane, *who), f'{{"visits":{number}}}')
        for number, who in enumerate(things):
            await redis.set(Keys().thing(lane, *who), encode_thing(ThingState(last=number + 1)))
            await redis.zadd(Keys().due(lane), {"/".join(who): number + 7})
        for who in (here, away):
            await redis.set(Keys().state(lane, *who), '{"first_seen":5}')
            await redis.set(keys.tombstone(lane, *who), "4")
            await redis.zadd(Keys().interests(lane, *who), {"tea": 2.5})
        await redis.zadd("top", {"tea": 3})
        people = [*visitors, here, away, *things]
        await store.load(lane, people, ["top"], memory, elsewhere={away})
        assert [memory.people[who].state.visits for who in visitors] == list(range(5_000))  # type: ignore[union-attr]
        assert [memory.people[who].state.last for who in things] == list(range(1, 5_001))  # type: ignore[union-attr]
        assert [memory.people[who].scheduled for who in things] == list(range(7, 5_007))
        found = memory.people[here]
        assert isinstance(found, Customer)
        assert (found.state.first_seen, found.interests.scores, found.tombstone) == (5, {"tea": 2.5}, 4)
        found = memory.people[away]
        assert isinstance(found, Customer)
        assert (found.state.first_seen, found.interests.scores, found.tombstone) == (0, {}, 4)
        assert memory.tops.loaded == {"top": {"tea": 3}}
    finally:
        await redis.aclose()


async def test_the_embedded_server_keeps_a_profile_with_its_visit_in_one_piece(made: Timeline) -> None:
    """In half of the memory of a hash table: `hash-max-listpack-value`."""
    path = "/shoes/" + "x" * 80
    await made.append(event("visitor", "page", 0, 0, path=path, referrer="www.google.com/search", title="Shoes"))
    await made.run()
    key = made.store.keys.profile(made.lane("visitor"), "shop", "visitor")
    assert path in (await made.profile("visitor"))["session"]
    assert await made.redis.object("ENCODING", key) == b"listpack"
