"""A replay says nothing. At a switch each message is said once, by the live version or by the one that follows it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from processor.store import LaneMoved
from processor.switch import take_back
from tests.replay_stand import Killed, Stand, stand
from tests.saying import folded_anew, said
from tests.saying import speaking as speaking
from tests.timeline import DAY, MINUTE, START, a_week_of_visits, event
from wakeline import keys
from wakeline.keys import DEPLOYMENT, FORGOTTEN, Keys
from wakeline.record import Erase

pytestmark = pytest.mark.usefixtures("speaking")


async def assert_said_once(live: Stand) -> None:
    found = await said(live.made)
    assert found == await folded_anew(live.made)


async def test_a_replay_says_nothing_and_neither_does_the_switch_after_it(state: Any) -> None:
    async with stand(state) as live:
        await live.made.append(*a_week_of_visits(random.Random(0)))
        await live.made.run()
        await live.made.run()
        before = await said(live.made)
        switch, replay = live.parts(2)
        await switch.approach(replay)
        assert await said(live.made) == before
        assert not any((await said(live.made, stream=Keys(2).held)).values())
        await live.switch(2)
        assert await said(live.made) == before
        await assert_said_once(live)


@pytest.mark.parametrize("crosses", [True, False])
async def test_what_the_live_version_had_not_applied_is_said_once_the_new_one_is_live(
    state: Any, crosses: bool
) -> None:
    """The new one is folded up to the log's end, if it crosses, and stays silent until then."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-1", 0, 0), event("visitor-2", "page-2", 0, 1))
        await made.run()
        before = await said(made)
        await made.append(*(event("visitor-1", f"page-1{n}", 0, MINUTE + n) for n in range(1_500)))
        switch, replay = live.parts(2, crosses=crosses)
        await switch.approach(replay)
        await switch.run(replay)
        assert await said(made) == before
        held = sum(map(len, (await said(made, stream=Keys(2).held)).values()))
        assert held == (1_500 if crosses else 0)
        await live.follow(2)
        await made.run()
        await assert_said_once(live)
        assert not await made.redis.exists(*(Keys(2).held(made.lane("visitor-1")),))
        assert sum(map(len, (await said(made)).values())) == 1_502


@pytest.mark.parametrize("seed", range(4))
async def test_a_switch_that_is_killed_at_any_call(state: Any, seed: int) -> None:
    """With traffic that the live version has not applied; what begins to be said may be cut off too."""
    rng = random.Random(seed)
    records = a_week_of_visits(rng)
    async with stand(state) as live:
        made, position, calls = live.made, 0, rng.randrange(3)
        while position < len(records):
            for one in records[position : position + rng.randint(1, 6)]:
                await made.append(one)
                position += 1
                if rng.random() < 0.5:
                    await made.run_a_little(rng)
            if rng.random() < 0.5:
                continue
            into = live.version + 1
            switch, replay = live.parts(into)
            if rng.random() < 0.5:
                await switch.approach(replay)
            live.fuse.set(calls, is_late=rng.random() < 0.5)
            try:
                await switch.run(replay)
            except Killed:
                live.fuse.set(float("inf"))
                if rng.random() < 0.5 and int(await made.redis.hget(DEPLOYMENT, "version") or 1) != into:
                    await take_back(live.redis, live=live.keys, lanes=4)
                    await made.start()
                    await made.run_a_little(rng)
                try:
                    await made.start()
                    await made.run_a_little(rng)
                except LaneMoved:
                    pass
                if int(await made.redis.hget(DEPLOYMENT, "version") or 1) != into:
                    await live.switch(into)
            calls = 0 if live.fuse.calls < calls else calls + rng.randint(1, 4)
            live.fuse.set(float("inf"))
            await live.follow(into)
        await made.run()
        await made.run()
        await made.pass_time(DAY)
        assert live.version > 5
        await assert_said_once(live)


async def test_a_version_that_was_live_before_says_what_is_new_alone(state: Any) -> None:
    async with stand(state) as live:
        made = live.made
        for into, crosses in ((2, True), (1, False), (2, False)):
            await made.append(event("visitor-1", f"page-{into}-{crosses}", 0, MINUTE))
            await made.run()
            await made.append(event("visitor-1", f"page-{into}-{crosses}-later", 0, MINUTE))
            for lane in range(4):
                await made.redis.hdel(Keys(into).lane(lane), "moved")
            await live.switch(into, crosses=crosses)
        await made.run()
        assert sum(map(len, (await said(made)).values())) == 6
        await assert_said_once(live)


async def test_a_reply_that_is_lost_as_the_held_ones_are_said(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are said in parts."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-0", 0, 0))
        await made.run()
        await made.append(*(event("visitor-1", f"page-1{n}", 0, MINUTE + n) for n in range(2_100)))
        switch, replay = live.parts(2)
        await switch.run(replay)
        live.version = 2
        killed = 0
        while await made.redis.exists(Keys(2).held(made.lane("visitor-1"))):
            live.fuse.set(1, is_late=True)
            worker = made.workers[made.lane("visitor-1")]
            store = type(made.store)(live.redis, key_space=Keys(2))
            with pytest.raises(Killed):
                await store.say_held(worker.lane, place=worker.place)
            killed += 1
        assert killed > 2
        live.fuse.set(float("inf"))
        await live.follow(2)
        await assert_said_once(live)


async def test_who_is_erased_ahead_of_the_live_version_is_in_no_message(state: Any) -> None:
    """Neither in what the live version has said, nor in what is held."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-1", 0, 0))
        await made.run()
        await made.append(event("visitor-1", "page-2", 0, MINUTE))
        await made.append(Erase(site="shop", id="visitor-1", time=START + 2 * MINUTE), at=2 * MINUTE)
        switch, replay = live.parts(2)
        await switch.run(replay)
        lane = made.lane("visitor-1")
        assert [entry[2] for entry in (await said(made, stream=Keys(2).held))[lane]] == [FORGOTTEN]
        assert [entry[2] for entry in (await said(made))[lane]] == ["viewed"]
        await live.follow(2)
        assert [entry[2] for entry in (await said(made))[lane]] == [FORGOTTEN]
        assert await made.redis.get(keys.lane_said(lane)) == b"3-0"
