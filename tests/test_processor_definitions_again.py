"""What was defined holds for the same records when they are folded again: killed, rebuilt, replayed, restored."""

from __future__ import annotations

import json
import random
import re
from datetime import datetime
from typing import Any

import pytest

from processor.definitions import KEPT
from processor.replay import Replay
from processor.torn import TornLane
from processor.versions import VersionRefused, begin
from processor.worker import LaneWorker
from tests.defining import (
    CONFIGURED,
    LANES,
    OF,
    SECOND,
    THIRD,
    VISITORS,
    all_have,
    apply,
    configure,
    defined,
    names,
    restart,
    view,
)
from tests.replay_stand import DAYS, IDS, Killed, Stand, stand
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, close
from wakeline.applied import Now
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.record import Definition, Event


def script(rng: random.Random) -> list[Event | Definition]:
    """A week of visits, over which three versions are applied."""
    events = a_week_of_visits(rng)
    found: list[Event | Definition] = list(events)
    for version, rules in ((3, THIRD), (2, SECOND), (1, CONFIGURED)):
        found.insert(version * len(events) // 4, defined(version, *rules))
    return found


async def live_through(made: Timeline, records: list[Any], *, batch: int = 1_000) -> None:
    for one in records:
        if isinstance(one, Definition):
            await apply(made, one)
        else:
            await made.append(one, at=max(one.time, made.now) - START)
        await made.run(batch=batch)
        await made.run(batch=batch)


async def all_of_it(made: Timeline, keys: Keys | None = None) -> tuple[dict[str, Any], dict[Any, float]]:
    return await made.numbers(IDS, DAYS, keys), await made.scores(IDS, keys)


async def begun(live: Stand, into: int, **more: Any) -> None:
    switch, _ = live.parts(into)
    await begin(live.made.redis, live.made.log, live=live.keys, into=Keys(into), places=await switch.places(), **more)


@pytest.mark.parametrize("seed", range(3))
async def test_a_replay_follows_the_records(state: Any, seed: int) -> None:
    """Killed once, on another configuration, in other batches: the same as live, and it goes on so."""
    rng = random.Random(seed)
    records = script(rng)
    async with stand(state) as live:
        await live_through(live.made, records)
        wanted, scores = await all_of_it(live.made)
        configure(live.made, "/* Wrong")
        await begun(live, 2, since="start")
        live.fuse.set(rng.randint(5, 40), is_late=rng.random() < 0.5)
        try:
            await live.switch(2, batch_records=rng.choice([1, 7, 100]))
        except Killed:
            live.fuse.set(float("inf"))
            await begun(live, 2, since="")
            await live.switch(2, batch_records=7)
        found, again = await all_of_it(live.made)
        assert found == wanted
        close(again, scores)
        await view(live.made, "later", 8 * DAY, "/shoes/red", ["visitor-0"])
        await live.made.run()
        assert "red" in await live.made.interests("visitor-0")


async def test_a_replay_that_begins_anew_at_every_record_goes_through_all_versions(state: Any) -> None:
    """Of more of them than a lane keeps."""
    async with stand(state) as live:
        made, versions = live.made, range(1, 2 * KEPT)
        for version in versions:
            await apply(made, defined(version, f"/{version} i{version}"))
            await view(made, f"page-{version}", version, f"/{version}", VISITORS[:4])
        await made.run()
        await begun(live, 2, since="start")
        for lane, bounds in (await made.log.bounds(LANES)).items():
            for upto in range(1, bounds.end + 1):
                await live.parts(2)[1].advance({lane: upto})
        await live.switch(2)
        wanted = {f"i{version}" for version in versions}
        assert await names(made, visitors=VISITORS[:4]) == [wanted] * 4


async def test_before_the_first_record_a_replay_takes_what_that_says(state: Any) -> None:
    """As the live version did, which read it in the configuration."""
    async with stand(state) as live:
        made = live.made
        await view(made, "before", 0, "/shoes/red")
        await apply(made, defined(1, *CONFIGURED))
        await apply(made, defined(2, *SECOND))
        await made.run()
        configure(made, "/* Wrong")
        await begun(live, 2, since="start")
        await live.switch(2)
        assert await names(made) == all_have("shoes")


async def test_a_replay_from_a_time_on_begins_with_what_held_then(state: Any) -> None:
    """Its record lies before, further than a replay looks back, and log and history may not hold it any more."""
    async with stand(state) as live:
        made = live.made
        await apply(made, defined(1, *CONFIGURED))
        await apply(made, defined(2, *SECOND))
        await view(made, "early", 0, "/bags/one")
        await made.run()
        for lane in LANES:
            await made.log.trim(lane, upto=2)
        await view(made, "later", 20 * DAY, "/bags/two")
        await apply(made, defined(3, *THIRD))
        await view(made, "third", 21 * DAY, "/shoes/red")
        await made.run()
        await live.switch(2, crosses=await begun(live, 2, since=str(START + 10 * DAY)))
        assert await names(made) == all_have("bags", "red")


async def test_a_replay_from_a_time_whose_rules_are_not_known_any_more_is_refused(state: Any) -> None:
    """It names a time that is known."""
    async with stand(state) as live:
        made = live.made
        for version in range(1, KEPT + 4):
            await apply(made, defined(version, f"/* i{version}"))
            await view(made, f"page-{version}", version * 10 * DAY, "/one")
        await made.run()
        asked = {"since": str(START + 31 * DAY)}
        with pytest.raises(VersionRefused, match=r"begin at the start, or at 2027-02-22T.* or later") as refused:
            await begun(live, 2, **asked)
        assert not await made.redis.exists(Keys(2).replay, Keys(2).lane(0))
        known = re.findall(r"at (\S+) or later", str(refused.value))
        since = round(datetime.fromisoformat(known[0]).timestamp() * 1000)
        await live.switch(2, crosses=await begun(live, 2, since=str(since)))
        assert await names(made) == all_have(*(f"i{version}" for version in range(4, KEPT + 4)))


async def test_what_is_defined_shortly_before_the_time_of_a_replay_holds(state: Any) -> None:
    """It looks through the days before for withdrawals."""
    async with stand(state) as live:
        made = live.made
        await apply(made, defined(1, *CONFIGURED))
        await view(made, "early", 10 * DAY, "/bags/one")
        await apply(made, defined(2, *SECOND))
        await view(made, "later", 10 * DAY + MINUTE, "/bags/two")
        await made.run()
        await live.switch(2, crosses=await begun(live, 2, since=str(START + 10 * DAY + MINUTE)))
        assert await names(made) == all_have("bags")


@pytest.mark.parametrize("seed", range(3))
async def test_by_the_rules_of_now_it_is_as_if_they_had_held_from_the_start(state: Any, seed: int) -> None:
    """For visitors and customers, with a replay that is killed; later versions hold from their records on, as ever."""
    rng = random.Random(seed)
    records = script(rng)
    async with stand(state) as live:
        await restart(live.made, *THIRD)
        same = [defined(one.version, *THIRD) if isinstance(one, Definition) else one for one in records]
        await live_through(live.made, same)
        for _ in range(3):
            await live.made.run()
        wanted = await live.made.numbers(IDS, DAYS), await live.made.scores(IDS)
    async with stand(state) as live:
        made = live.made
        await live_through(made, records)
        now = {OF: Now(3, defined(3, *THIRD).body)}
        await begun(live, 2, since="start", now=now)
        live.fuse.set(rng.randint(5, 40), is_late=rng.random() < 0.5)
        try:
            await live.switch(2, batch_records=7)
        except Killed:
            live.fuse.set(float("inf"))
            await begun(live, 2, since="")
            await live.switch(2, batch_records=7)
        for _ in range(3):
            await made.run()
        found = await made.numbers(IDS, DAYS), await made.scores(IDS)
        assert found[0] == wanted[0]
        close(found[1], wanted[1])
        await view(made, "later", 8 * DAY, "/shoes/red", ["visitor-0"])
        await apply(made, defined(4, "/* All"))
        await view(made, "last", 8 * DAY + MINUTE, "/shoes/red", ["visitor-0"])
        await made.run()
        assert set(await made.interests("visitor-0")) >= {"red", "all"}
        # the next replay follows the records again
        await begun(live, 3, since="start")
        await live.switch(3)
        assert "shoes" in {name for who in IDS for name in await made.interests(who)}


async def test_a_replay_that_was_begun_keeps_its_rules(state: Any) -> None:
    async with stand(state) as live:
        now = {OF: Now(2, defined(2, *SECOND).body)}
        await begun(live, 2, since="start")
        with pytest.raises(VersionRefused, match="--rules"):
            await begun(live, 2, since="", now=now)
        await begun(live, 3, since="start", now=now)
        await live.made.redis.delete(Keys(3).lane(2), Keys(3).definitions(2))  # it was cut before this one
        await begun(live, 3, since="", now={OF: Now(3, defined(3, *THIRD).body)})
        for lane in LANES:
            text = await live.made.redis.hget(Keys(3).definitions(lane), "shop/interests")
            assert json.loads(text)["now"]["version"] == 2


@pytest.mark.parametrize("torn_at", ["before", "behind"])
async def test_a_torn_lane_is_rebuilt_by_what_held_at_each_record(state: Any, torn_at: str) -> None:
    """Also where the write that was torn had the definition."""
    async with stand(state) as live:
        made = live.made
        await view(made, "before", 0, "/bags/one")
        await apply(made, defined(1, *CONFIGURED))
        await view(made, "between", MINUTE, "/bags/two")
        if torn_at == "behind":
            await made.run()
        await apply(made, defined(2, *SECOND))
        await view(made, "behind", 2 * MINUTE, "/shoes/red")
        if torn_at == "behind":
            await made.run()
        else:
            await tear(made.workers[0], made)
        await made.redis.hset(Keys().lane(0), "torn", 1)
        configure(made, "/* Wrong")
        torn = TornLane(made.redis, made.log, live=Keys(), lane=0, since="")
        replay = Replay(
            made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(), moved="1",
            crosses=False, clock=lambda: made.now, batch_records=3,
        )  # fmt: skip
        await torn.rebuild(replay, await torn.prepare())
        await made.start()
        await made.run()
        there = [who for who in VISITORS if made.lane(who) == 0]
        if torn_at == "before":  # the other lanes had folded nothing, so only this one knew of a first definition
            assert await names(made, visitors=there) == [{"shoes"}] * len(there)
        else:
            assert await names(made) == all_have("shoes")
        await view(made, "later", 3 * MINUTE, "/bags/three")
        await made.run()
        assert await names(made, visitors=there) == [{"shoes", "bags"}] * len(there)


async def tear(worker: LaneWorker, made: Timeline) -> None:
    """A write whose first command is what the lane knows of definitions, and that is cut behind that."""
    entries = (await made.log.read({0: 0}, limit=1_000, wait_ms=0))[0]
    await worker.apply(entries)
    key = Keys().lane(0)
    known = await made.redis.hgetall(Keys().definitions(0))
    for name in await made.redis.keys("wl1:{0}:*"):
        await made.redis.delete(name)
    await made.redis.hset(Keys().definitions(0), mapping=known)
    await made.redis.hset(key, mapping={"log": await made.log.identity(), "offset": 0, "revision": 5})


async def test_an_older_backup_of_redis_folds_the_same_again(state: Any) -> None:
    async with stand(state) as live:
        made = live.made
        assert await made.redis.hget(DEPLOYMENT, "lanes")
        await view(made, "before", 0, "/bags/one")
        await made.run()
        kept = {name: await made.redis.dump(name) for name in await made.redis.keys("*")}
        await apply(made, defined(1, *CONFIGURED))
        await apply(made, defined(2, *SECOND))
        await view(made, "behind", MINUTE, "/bags/two")
        await made.run()
        wanted = await names(made)
        await made.redis.flushall()
        for name, value in kept.items():
            await made.redis.restore(name, 0, value)
        await made.start()
        await made.run()
        assert await names(made) == wanted == all_have("bags")
