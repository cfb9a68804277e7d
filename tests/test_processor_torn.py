"""A lane whose write stopped half-way is rebuilt in place, and continues as if it had never been torn."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from redis.exceptions import RedisError

from processor import metrics
from processor.command import Command
from processor.store import LaneMoved, LaneTorn, Store
from processor.torn import NotTorn
from tests import thorough
from tests.cluster import RedisCluster
from tests.replay_stand import Killed, Stand, rebuilt, stand
from tests.timeline import MINUTE, START, close, event
from wakeline.log import LogGap
from wakeline.record import Erase

BEFORE = (
    event("visitor-1", "page-one", 0, 0, path="/shoes/red"),
    event("visitor-2", "page-two", 0, 1, path="/shoes/blue"),
    event("visitor-1", "page-one", 1, 2, "identify", customer="@customer0"),
    event("visitor-2", "page-two", 1, 3, "identify", customer="@customer0"),
)
TEARS = {
    # a visitor's lane: views that its customer hears of; a customer's lane: its visitors are told to forget
    "visits": (
        event("visitor-1", "page-three", 0, MINUTE, path="/shoes/red"),
        event("visitor-1", "page-three", 1, MINUTE + 1, "engagement", engaged_ms=9_000),
        event("visitor-2", "page-four", 0, MINUTE + 2, path="/shoes/red"),
    ),
    "a withdrawal": (event("visitor-1", "page-three", 0, MINUTE, "consent", level="off"),),
    "an erasure": (Erase(site="shop", id="@customer0", time=START + MINUTE),),
    "what an erasure refuses": (
        Erase(site="shop", id="@customer0", time=START + MINUTE),
        event("visitor-1", "page-three", 0, MINUTE - 5, path="/shoes/red"),
        event("visitor-2", "page-four", 0, MINUTE + 5, path="/shoes/red"),
    ),
    "a bad record of who is forgotten": (
        b'{"site":"shop","visitor":"visitor-4"',
        event("visitor-4", "page-six", 0, MINUTE, "consent", level="off"),
    ),
    "bad records": (b"no JSON", event("visitor-1", "page-three", 0, MINUTE)),
}
AFTER = (event("visitor-1", "page-five", 0, 2 * MINUTE), event("visitor-2", "page-six", 0, 2 * MINUTE + 1))
IDS = ("visitor-1", "visitor-2", "@customer0")
DAY = "2027-01-15"


async def settle(live: Stand) -> None:
    for _ in range(4):
        await live.made.run()


async def numbers(live: Stand) -> tuple[dict[str, Any], dict[Any, float], int]:
    made = live.made
    assert not metrics.HOP_GAPS._value.get(), "deltas never came"
    await made.ledger()
    for lane in range(4):  # what was sent has been applied, as far as the lane says it was sent
        for source, upto in (await made.redis.hgetall(live.keys.hop(lane))).items():
            if source.isdigit():  # else it is of ends
                assert await made.redis.hget(live.keys.lane(int(source)), f"sent:{lane}") == upto
    dead = [await made.redis.xlen(live.keys.dead(lane)) for lane in range(4)]
    return await made.numbers(IDS, [DAY]), await made.scores(IDS), sum(dead)


async def untorn(server: Any, name: str) -> tuple[dict[str, Any], dict[Any, float], int]:
    async with stand(server) as live:
        for records, at in ((BEFORE, 10), (TEARS[name], MINUTE + 10), (AFTER, 2 * MINUTE + 10)):
            await live.made.append(*records, at=at)
            await settle(live)
        return await numbers(live)


async def tear(live: Stand, name: str, after: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every lane that writes next stops after so many commands; returns those that are torn, none if it wrote all."""
    real = Store.write

    async def stops(self: Store, lane: int, commands: list[Command], **more: Any) -> int | None:
        if after < len(commands):
            commands = [*commands[:after], ["LPUSH", self.keys.lane(lane), "a hash is no list"], *commands[after:]]
        return await real(self, lane, commands, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", stops)
        await live.made.append(*TEARS[name], at=MINUTE + 10)
        for worker in live.made.workers:
            place = worker.place.offset
            entries = (await live.made.log.read({worker.lane: place}, limit=10, wait_ms=0)).get(worker.lane, [])
            with suppress(RedisError):
                await worker.apply(entries)
    return [lane for lane in range(4) if await live.made.redis.hget(live.keys.lane(lane), "torn") == b"1"]


async def go_on(live: Stand, name: str) -> None:
    """What comes next is applied in one batch with what was torn, so cut otherwise, but where an erasure decides."""
    if name in ("a withdrawal", "an erasure", "what an erasure refuses"):
        await live.made.start()
        await settle(live)
    await live.made.append(*AFTER, at=2 * MINUTE + 10)
    await live.made.start()
    await settle(live)


async def rebuild(live: Stand, lane: int, *, since: str = "start") -> None:
    await rebuilt(live.made, live.redis, live.log, lane, since=since)


def stride(state: Any) -> int:
    """A lane lies on one node, so a cluster's writes are torn after one in so many commands, a server's after each."""
    return thorough.SHARE if isinstance(state, RedisCluster) else 1


@pytest.mark.parametrize("name", TEARS)
async def test_wherever_a_write_was_torn_the_lane_comes_out_the_same(
    state: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its commands, see `stride`. Deltas are sent once, erasures are passed on, dead letters exist once."""
    monkeypatch.setattr("processor.deltas.SHARES_SIZE", 1)  # so that one write makes several for one lane
    wanted, scores, dead = await untorn(state, name)
    after = 0
    while True:
        async with stand(state) as live:
            await live.made.append(*BEFORE, at=10)
            await settle(live)
            torn = await tear(live, name, after, monkeypatch)
            for lane in torn:
                with pytest.raises(LaneTorn, match=f"--lane {lane}"):
                    await live.made.workers[lane].open()
                await rebuild(live, lane)
            await go_on(live, name)
            found, found_scores, found_dead = await numbers(live)
        assert found == wanted, after
        close(found_scores, scores)
        assert found_dead == dead, after
        if not torn:
            break
        after += stride(state)
    assert after > 2


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
async def test_a_rebuild_that_is_killed_at_any_call_is_ended_by_the_next(
    state: Any, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """And no processor writes the lane meanwhile."""
    wanted, scores, dead = await untorn(state, "visits")
    at = 1
    while True:
        async with stand(state) as live:
            await live.made.append(*BEFORE, at=10)
            await settle(live)
            lanes = await tear(live, "visits", 12, monkeypatch)
            assert lanes
            live.fuse.set(at, is_late=is_late)
            was_killed = False
            for lane in lanes:
                try:
                    await rebuild(live, lane)
                except Killed:
                    was_killed = True
                    live.fuse.set(float("inf"))
                    if await live.made.redis.hget(live.keys.lane(lane), "moved"):
                        with pytest.raises((LaneMoved, LaneTorn)):
                            await live.made.workers[lane].open()
                    try:
                        await rebuild(live, lane)
                    except NotTorn:  # the last word was said
                        assert is_late
            await go_on(live, "visits")
            found, found_scores, found_dead = await numbers(live)
        assert found == wanted, at
        close(found_scores, scores)
        assert found_dead == dead
        if not was_killed:
            break
        at += stride(state)
    assert at > 10


async def test_a_whole_lane_is_left_alone(state: Any) -> None:
    async with stand(state) as live:
        await live.made.append(*BEFORE, at=10)
        await settle(live)
        before = await live.made.ledger()
        with pytest.raises(NotTorn, match="is not torn"):
            await rebuild(live, 0)
        await live.made.start()
        assert await live.made.ledger() == before


async def test_what_the_log_no_longer_holds_is_said_before_anything_is_removed(
    state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a later time on it may be rebuilt all the same; the books then say what was skipped."""
    async with stand(state) as live:
        await live.made.append(*BEFORE, at=10)
        await settle(live)
        (lane, *_) = await tear(live, "visits", 12, monkeypatch)
        await live.made.log.trim(lane, upto=1)
        before = await live.made.redis.dbsize()
        with pytest.raises(LogGap, match="1 records are missing"):
            await rebuild(live, lane)
        assert await live.made.redis.dbsize() == before
        await rebuild(live, lane, since=str(START))
        fields = await live.made.redis.hgetall(live.keys.lane(lane))
        assert fields[b"skipped"] == b"1"
        assert await live.made.redis.hget(live.keys.lane(lane), "moved") is None
        await live.made.ledger()


async def test_a_switch_mends_a_torn_lane_too(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version is folded up to the place of the torn lane; deltas of the torn write are sent again."""
    wanted, scores, dead = await untorn(state, "visits")
    after, is_torn = 0, True
    while is_torn:
        async with stand(state) as live:
            await live.made.append(*BEFORE, at=10)
            await settle(live)
            is_torn = bool(await tear(live, "visits", after, monkeypatch))
            await live.made.append(*AFTER, at=2 * MINUTE + 10)
            await live.switch(2)
            await settle(live)
            found, found_scores, found_dead = await numbers(live)
        assert found == wanted, after
        close(found_scores, scores)
        assert found_dead == dead
        after += stride(state)
