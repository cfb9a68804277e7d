"""A replay ends in a switch: whatever is killed meanwhile, the new version continues exactly where the live one was."""

from __future__ import annotations

import random
from typing import Any

import pytest

from crm import rules
from processor.replay import replay
from processor.store import LaneLost, LaneMoved
from processor.switch import SwitchRefused, take_back
from processor.versions import VersionRefused, begin, drop
from tests.replay_stand import DAYS, IDS, Killed, Stand, stand
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, a_week_of_visits, close, event
from wakeline.durations import MONTH_MS
from wakeline.keys import DEPLOYMENT, NET_MS, Keys, tombstone
from wakeline.log import LogGap
from wakeline.record import Erase, Event


def script(rng: random.Random) -> list[Event | Erase | bytes]:
    """What comes over a week: visits, records that cannot be folded, a withdrawal, an erasure of a customer."""
    found: list[Event | Erase | bytes] = []
    for number, one in enumerate(a_week_of_visits(rng)):
        found.append(one)
        if number % 9 == 5:
            found.append(b"no JSON")
        if number == 30:
            found.append(event("visitor-0", "page-of-consent", 0, one.time - START + 1, "consent", level="off"))
        if number == 40:
            found.append(Erase(site="shop", id="@customer1", time=one.time + 1))
    return found


async def live_through(made: Timeline, records: list[Any]) -> None:
    """Each at its time, applied at once: where records of a person and its erasure race, either order is right."""
    for one in records:
        at = one.time - START if isinstance(one, Event | Erase) else None
        await made.append(one, at=made.now - START if at is None else max(at, made.now - START))
        await made.run()
        await made.run()


async def end(made: Timeline) -> None:
    for _ in range(3):
        await made.pass_time(DAY // 2)


async def without_a_replay(state: Any, records: list[Any]) -> tuple[dict[str, Any], dict[Any, float], dict[str, int]]:
    """Numbers, scores and ledger."""
    async with stand(state) as live:
        await live_through(live.made, records)
        await end(live.made)
        return *await live.numbers(), await live.made.ledger()


@pytest.mark.parametrize("seed", range(4))
async def test_a_switch_that_is_killed_at_any_call_is_ended_by_the_next(state: Any, seed: int) -> None:
    """With traffic before and after; at every call to Redis or the log, executed or not. Nothing is lost or doubled,
    and the result is the same as without a replay.
    """
    rng = random.Random(seed)
    records = script(rng)
    wanted, scores, ledger = await without_a_replay(state, records)
    async with stand(state) as live:
        position, into, calls = 0, 1, rng.randrange(3)
        while position < len(records):
            step = rng.randint(1, 4)
            await live_through(live.made, records[position : position + step])
            position += step
            into = live.version + 1
            await killed_once(live, into, at=calls, is_late=rng.random() < 0.5)
            calls += rng.randint(1, 3)
            if live.fuse.calls < calls:
                calls = rng.randrange(3)
            assert live.version == into
        await end(live.made)
        found, found_scores = await live.numbers()
        assert found == wanted
        close(found_scores, scores)
        again = await live.made.ledger()
        for rows in (ledger, again):  # a replay meets tombstones earlier, so erases more
            rows["applied"] += rows.pop("erased")
            rows.pop("derived")  # deltas and ticks, by how batches were cut
        assert again == ledger


async def killed_once(live: Stand, into: int, *, at: int, is_late: bool) -> None:
    """Switch to `into`, killed at call number `at` of the switch; the live workers try to continue meanwhile."""
    switch, replay = live.parts(into)
    await switch.approach(replay)
    live.fuse.set(at, is_late=is_late)
    try:
        await switch.run(replay)
    except Killed:
        live.fuse.set(float("inf"))
        calls = at
        try:
            await live.made.start()
            await live.made.run()
        except LaneMoved:
            pass
        if int(await live.made.redis.hget(DEPLOYMENT, "version") or 1) != into:
            await live.switch(into)
        live.fuse.calls = calls
    calls = live.fuse.calls
    await live.follow(into)
    live.fuse.calls = calls


async def test_every_call_of_a_switch_may_be_its_last(state: Any) -> None:
    """One after the other, before and after it is carried out, with deltas that the live version still owes."""
    async with stand(state) as live:
        made = live.made
        for number in range(3):
            await made.append(event(f"visitor-{number}", f"page-{number}", 0, number, path="/shoes/red"))
        await made.run()
        views, at, late = 3, 1, False
        while True:
            for number in range(3):
                await made.append(event(f"visitor-{number}", f"page-{number}-{views}", 0, views * SECOND))
                kind = {"customer": f"@customer{number % 2}"}
                await made.append(
                    event(f"visitor-{number}", f"page-{number}-{views}", 1, views * SECOND, "identify", **kind)
                )
            views += 3
            await live.owe()
            await killed_once(live, live.version + 1, at=at, is_late=late)
            await made.run()
            await made.run()
            assert (await made.totals())["page_views"] == views
            counts = [int((await made.profile(f"@customer{number}"))["page_views"]) for number in range(2)]
            assert sum(counts) == views, (at, late, counts)
            if live.fuse.calls < at:
                break
            at, late = at + late, not late
        assert at > 20  # calls that a switch of four lanes makes
        await made.ledger()


@pytest.mark.parametrize("seed", range(3))
async def test_a_switch_may_go_back(state: Any, seed: int) -> None:
    """The previous version catches up from where it was left, without a rebuild."""
    rng = random.Random(seed)
    records = script(rng)
    wanted, scores, _ = await without_a_replay(state, records)
    async with stand(state) as live:
        third = len(records) // 3
        for number, into in enumerate((2, 1, 2)):
            await live_through(live.made, records[number * third : (number + 1) * third])
            crosses = await begun(live, into, "" if number else "start")
            assert crosses == (number == 0), "what was live before goes on by what the log's deltas say"
            await live.switch(into, crosses=crosses)
        await live_through(live.made, records[3 * third :])
        await end(live.made)
        found, found_scores = await live.numbers()
    assert found == wanted
    close(found_scores, scores)


async def test_a_processor_that_knows_nothing_of_the_switch_writes_nothing_more(state: Any) -> None:
    """Its next write fails, whatever it had under way; it does not open the lane, and waits."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-one", 0, 0))
        await made.run()
        old = made.workers[made.lane("visitor-1")]
        await live.switch(2)
        await made.append(event("visitor-1", "page-two", 0, 1))
        entries = (await made.log.read({old.lane: 1}, limit=10, wait_ms=0))[old.lane]
        with pytest.raises(LaneLost, match="continues in key version 2"):
            await old.apply(entries)
        with pytest.raises(LaneMoved):
            await old.open()
        await made.run()
        assert (await made.totals())["page_views"] == 2
        assert (await made.totals(Keys(1)))["page_views"] == 1


async def test_a_switch_that_was_begun_can_be_taken_back(state: Any) -> None:
    """The live version continues, nothing is lost; the interrupted switch cannot complete."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-one", 0, 0))
        await made.run()
        switch, replay = live.parts(2)
        await switch.approach(replay)
        live.fuse.set(12)
        with pytest.raises(Killed):
            await switch.run(replay)
        live.fuse.set(float("inf"))
        with pytest.raises(LaneMoved):
            await made.start()
        assert await take_back(live.redis, live=live.keys, lanes=4)
        assert not await take_back(live.redis, live=live.keys, lanes=4)
        await made.start()
        await made.append(event("visitor-1", "page-two", 0, 1))
        await made.run()
        assert (await made.totals())["page_views"] == 2
        with pytest.raises(SwitchRefused, match="reverted"):
            await switch._end()
        await made.start()
        assert int(await made.redis.hget(DEPLOYMENT, "version") or 1) == 1


async def test_two_switches_do_not_mix(state: Any) -> None:
    async with stand(state) as live:
        await live.made.append(event("visitor-1", "page-one", 0, 0))
        await live.made.run()
        switch, replay = live.parts(2)
        live.fuse.set(12)
        with pytest.raises(Killed):
            await switch.run(replay)
        live.fuse.set(float("inf"))
        other, replay = live.parts(3)
        with pytest.raises(SwitchRefused, match="--into 2"):
            await other.run(replay)
        await live.switch(2)
        with pytest.raises(SwitchRefused, match="version 2 is live now"):
            await other.run(replay)


async def test_a_version_that_takes_the_logs_deltas_never_runs_ahead_of_the_live_one(state: Any) -> None:
    """What the live version has not applied has sent no deltas: it is folded after the switch, by who sends them."""
    async with stand(state) as live:
        made = live.made
        await made.append(
            event("visitor-1", "page-one", 0, 0), event("visitor-1", "page-one", 1, 1, "identify", customer="@c")
        )
        await made.run()
        await made.append(event("visitor-1", "page-two", 0, 2))
        await live.switch(2, crosses=False)
        assert (await made.totals())["page_views"] == 1
        await made.run()
        await made.run()
        assert (await made.profile("@c"))["page_views"] == "2"


@pytest.mark.parametrize("forgotten", ["visitor-1", "@c"])
async def test_who_is_erased_while_a_replay_is_on_its_way_is_erased_from_the_new_version_too(
    state: Any, forgotten: str
) -> None:
    """The new version already has the person, the replay is interrupted, the person is erased, the replay continues."""
    async with stand(state) as live:
        made = live.made
        await made.append(
            event("visitor-1", "page-one", 0, 0, path="/shoes/red"),
            event("visitor-1", "page-one", 1, 1, "identify", customer="@c"),
            event("visitor-2", "page-two", 0, 2, path="/shoes/red"),
            event("visitor-2", "page-two", 1, 3, "identify", customer="@c"),
        )
        await made.run()
        await made.run()
        switch, replay = live.parts(2)
        await switch.approach(replay)
        assert await made.profile("visitor-1", Keys(2))
        assert await made.profile("@c", Keys(2))
        await made.append(Erase(site="shop", id=forgotten, time=START + MINUTE), at=MINUTE)
        for _ in range(4):
            await made.run()
        await live.switch(2)
        for _ in range(4):
            await made.run()
        for id in ("visitor-1", "visitor-2", "@c"):
            assert await made.profile(id) == {}, id
            assert await made.interests(id) == {}, id
        await made.append(event("visitor-1", "page-late", 0, 5_000), at=2 * MINUTE)
        await made.run()
        assert await made.profile("visitor-1") == {}
        assert (await made.totals())["page_views"] == 3


async def test_a_replay_does_not_take_back_a_later_erasure(state: Any) -> None:
    """It comes to the first erasure when the second is known: the tombstone stays that of the second."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-one", 0, 0))
        await made.append(Erase(site="shop", id="visitor-1", time=START + 1_000), at=1_000)
        await made.run()
        _, first = live.parts(2)
        await made.append(Erase(site="shop", id="visitor-1", time=START + 9_000), at=9_000)
        await made.run()
        await first.advance({made.lane("visitor-1"): 2})
        await made.start()
        await made.append(event("visitor-1", "page-late", 0, 5_000), at=10_000)
        await made.run()
        assert await made.profile("visitor-1") == {}


async def test_minutes_that_nobody_reads_any_more_are_not_kept(state: Any) -> None:
    """A month has 43,000 of them; what lives longer lives as long as in the live version."""
    async with stand(state) as live:
        made = live.made
        for hour in range(12):
            await made.append(event("visitor-1", f"page-{hour}", 0, hour * 60 * MINUTE, path="/shoes/red"))
            await made.run()
        await live.switch(2, batch_records=1)
        keys = [key.decode() async for key in made.redis.scan_iter("wl2:*:top:*")]
        assert keys
        minutes = {key.rsplit(":", 1)[1] for key in keys if key.rsplit(":", 1)[1][0] != "d"}
        assert len(minutes) == 2  # the last minute, and its five
        name = live.keys.profile(made.lane("visitor-1"), "shop", "visitor-1")
        assert 0 < 13 * MONTH_MS + NET_MS - await made.redis.pttl(name) < DAY / 2 + 60_000


async def test_a_rule_that_raised_is_a_dead_letter_again(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not end the replay; once it is fixed, a replay folds the record in its place."""

    def raises(one: Event, visitor: object, changes: object) -> None:
        if one.path == "/bug":
            raise ZeroDivisionError

    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-one", 0, 0, path="/bug"), event("visitor-1", "page-two", 0, 1))
        with monkeypatch.context() as patched:
            patched.setattr(rules, "RULES", (*rules.RULES, ("buggy", raises, rules.ALL)))
            await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2))
        assert (await made.ledger(Keys(2)))["dead"] == 1
        assert (await made.totals(Keys(2)))["page_views"] == 1
        await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(3))
        assert (await made.ledger(Keys(3)))["dead"] == 0
        assert (await made.totals(Keys(3)))["page_views"] == 2


async def test_a_place_beyond_the_log_is_said(state: Any) -> None:
    async with stand(state) as live:
        _, replay = live.parts(2)
        with pytest.raises(LogGap, match="ends at 0, before 5"):
            await replay.advance({0: 5})


async def test_a_log_that_answers_nothing_for_a_while_has_not_ended(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a broker does that is throttled."""
    async with stand(redis_server) as live:
        await live.made.append(*(event("visitor-1", f"page-{n}", 0, n) for n in range(5)))
        await live.made.run()
        whole, answers = live.log.read, iter([False, False, True] * 9)

        async def read(*args: Any, **more: Any) -> Any:
            return await whole(*args, **more) if next(answers) else {}

        monkeypatch.setattr(live.log, "read", read)
        await live.switch(2, batch_records=2)
        assert (await live.made.totals())["page_views"] == 5


@pytest.mark.parametrize("crosses", [True, False])
@pytest.mark.parametrize("seed", range(4))
async def test_the_new_version_is_the_live_one_again(state: Any, seed: int, crosses: bool) -> None:
    """At the place where that was left, however it cut its batches, and whoever was erased while records raced."""
    rng = random.Random(seed)
    records = script(rng)
    async with stand(state) as live:
        position = 0
        while position < len(records):
            step = rng.randint(1, 12)
            for one in records[position : position + step]:
                at = one.time - START if isinstance(one, Event | Erase) else 0
                await live.made.append(one, at=max(at, live.made.now - START))
            position += step
            await live.made.run(batch=rng.randint(1, 8))
        if rng.random() < 0.5:
            await end(live.made)
        await live.switch(2, batch_records=rng.randint(1, 20), crosses=crosses)
        assert await live.made.numbers(IDS, DAYS) == await live.made.numbers(IDS, DAYS, Keys(1))
        close(await live.made.scores(IDS), await live.made.scores(IDS, Keys(1)))
        for lane in range(4):
            old, new = [await live.made.redis.hgetall(Keys(version).lane(lane)) for version in (1, 2)]
            sent = {name: upto for name, upto in old.items() if name.startswith(b"sent:") or name == b"clock"}
            assert crosses or sent.items() <= new.items()
            assert await live.made.redis.zcard(Keys(1).due(lane)) == await live.made.redis.zcard(Keys(2).due(lane))


BEGINNINGS: dict[str, tuple[str, list[int]]] = {
    # from, records that each lane skips
    "start": ("start", [0, 0, 0, 0]),
    "before all": (str(START - 1), [0, 0, 0, 0]),
    "between": (str(START + 2 * MINUTE), [2, 2, 2, 2]),
    "where nothing came": (str(START + 2 * MINUTE - 1), [2, 2, 2, 2]),
    "after all": (str(START + DAY), [3, 3, 3, 3]),
}


@pytest.mark.parametrize("name", BEGINNINGS)
async def test_a_version_begins_where_it_is_told(state: Any, name: str) -> None:
    """Earlier records have their own row, so the ledger balances; no lane begins beyond the live one.

    A version from the start comes to the log's end.
    """
    since, skipped = BEGINNINGS[name]
    async with stand(state) as live:
        made = live.made
        ids = {made.lane(f"visitor-{number}"): f"visitor-{number}" for number in range(40)}
        for minute in range(4):
            if minute == 3:
                await made.run()
            await made.append(*(event(ids[lane], f"page-{minute}", 0, minute * MINUTE) for lane in range(4)))
        crosses = await begun(live, 2, since)
        assert crosses == (since == "start")
        await live.switch(2, crosses=crosses)
        for lane in range(4):
            fields = await made.redis.hgetall(Keys(2).lane(lane))
            assert int(fields.get(b"skipped", 0)) == skipped[lane]
            assert int(fields[b"offset"]) == (4 if crosses else 3)
        folded = 16 if crosses else 12
        assert (await made.totals()).get("page_views", 0) == folded - sum(skipped)
        await made.run()
        ledger = await made.ledger()
        assert (ledger["applied"], ledger["skipped"]) == (16 - sum(skipped), sum(skipped))


async def begun(live: Stand, into: int, since: str) -> bool:
    switch, _ = live.parts(into)
    places = await switch.places()
    return await begin(live.redis, live.log, live=live.keys, into=Keys(into), places=places, since=since)


async def test_who_withdrew_before_the_beginning_without_a_profile_gets_none(state: Any) -> None:
    """Only the visitor's state says so, and a queue sends events later that the withdrawal had overtaken."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-1", 0, 10 * MINUTE, "consent", level="off"))
        await made.append(event("visitor-2", "page-2", 0, 11 * MINUTE))
        await made.run()
        await made.append(event("visitor-1", "page-0", 0, 5 * MINUTE), at=DAY)
        await made.run()
        places = [worker.place.offset for worker in made.workers]
        since, into = str(START + 60 * MINUTE), Keys(2)
        await begin(live.redis, live.log, live=live.keys, into=into, places=places, since=since)
        await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into)
        assert not await made.profile("visitor-1")
        assert not await made.profile("visitor-1", into)
        ledger = await made.ledger(into)
        assert (ledger["skipped"], ledger["erased"], ledger["applied"]) == (2, 1, 0)
        assert (await made.totals(into)).get("page_views") == 1


async def test_who_was_identified_before_the_beginning_counts_twice_for_the_customer_until_the_switch(
    state: Any,
) -> None:
    """As --help and docs/replay.md say: the deltas of the log have told it, and the next link tells all again."""
    async with stand(state) as live:
        made = live.made

        async def view(page: str, at: int) -> None:
            await made.append(event("visitor-0", page, 0, at))
            await settled()

        async def identify(page: str, at: int) -> None:
            await made.append(event("visitor-0", page, 1, at, "identify", customer="@customer0"))
            await settled()

        async def settled() -> None:
            await made.run()
            await made.run()

        async def views() -> int:
            return int((await made.profile("@customer0"))["page_views"])

        await view("before", 0)
        await identify("before", SECOND)
        await view("since", DAY)
        await live.switch(2, crosses=await begun(live, 2, str(START + DAY)))
        assert await views() == 1  # since then
        await view("after", DAY + SECOND)
        await identify("after", DAY + 2 * SECOND)
        assert await views() == 2 + 1
        await view("later", DAY + 3 * SECOND)
        assert await views() == 3 + 1
        assert (await made.totals())["page_views"] == 3


async def test_a_beginning_that_is_gone_is_said_with_its_size_and_the_mend(state: Any) -> None:
    async with stand(state) as live:
        for minute in range(3):
            await live.made.append(event("visitor-1", f"page-{minute}", 0, minute * MINUTE))
        await live.made.run()
        await live.made.log.trim(live.made.lane("visitor-1"), upto=2)
        with pytest.raises(LogGap, match=r"2 records are missing.*\n.*--from 2027-01-15T08:02:00Z"):
            await begun(live, 2, "start")
        assert not [key async for key in live.made.redis.scan_iter("wl2:*")]


async def test_what_does_not_fit_a_version_is_refused(state: Any) -> None:
    async with stand(state) as live:
        await live.made.append(event("visitor-1", "page-one", 0, 0))
        await live.made.run()
        with pytest.raises(VersionRefused, match="version 1 is live"):
            await begun(live, 1, "start")
        with pytest.raises(VersionRefused, match="where to begin"):
            await begun(live, 2, "")
        await begun(live, 2, "start")
        await begun(live, 2, "")
        await begun(live, 2, "start")
        with pytest.raises(VersionRefused, match=r"begun from start.*--drop 2"):
            await begun(live, 2, str(START))
        await live.switch(2)
        with pytest.raises(VersionRefused, match=r"was live before.*--drop 1"):
            await begun(live, 1, "start")
        with pytest.raises(VersionRefused, match="2 is live"):
            await drop(live.redis, 2)


async def test_a_version_that_is_removed_leaves_nothing_but_itself(state: Any) -> None:
    """Tombstones, the log and the other version stay; it can be rebuilt."""
    async with stand(state) as live:
        made = live.made
        await made.append(*(event(f"visitor-{number}", f"page-{number}", 0, number) for number in range(6)))
        await made.append(Erase(site="shop", id="visitor-1", time=START + 1_000), at=1_000)
        await made.run()
        await live.switch(2)
        counted: list[int] = []
        assert await drop(live.redis, 1, dropped=counted.append) == sum(counted) > 20
        assert not [key async for key in made.redis.scan_iter("wl1:*")]
        assert await made.redis.exists(tombstone(made.lane("visitor-1"), "shop", "visitor-1"))
        assert (await made.totals())["page_views"] == 6
        await begun(live, 1, "start")
        await live.switch(1)
        assert (await made.totals())["page_views"] == 6


async def test_a_version_whose_removal_was_interrupted_is_not_built_upon(redis_server: Any) -> None:
    """What is left of it would be counted again, or is missing."""
    async with stand(redis_server) as live:
        made = live.made
        await made.append(*(event(f"visitor-{number}", "page", 0, number) for number in range(20)))
        await made.run()
        crosses = await begun(live, 2, "start")
        switch, made_again = live.parts(2, crosses=crosses)
        await switch.approach(made_again)
        live.fuse.set(4)
        with pytest.raises(Killed):
            await drop(live.redis, 2)
        live.fuse.set(float("inf"))
        with pytest.raises(VersionRefused, match="--drop 2 completes it"):
            await begun(live, 2, "start")
        await drop(live.redis, 2)
        await live.switch(2, crosses=await begun(live, 2, "start"))
        assert (await made.totals())["page_views"] == 20
