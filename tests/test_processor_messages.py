"""What lanes say is said once, with the same ids, whoever folds the records again and however batches are cut."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crm.out import BODY_BYTES, Out
from processor import metrics
from processor.store import LaneTorn, StoreUnavailable
from tests import thorough
from tests.replay_stand import stand
from tests.saying import folded_anew, said
from tests.saying import speaking as speaking
from tests.test_processor_torn import BEFORE, TEARS, go_on, rebuild, settle, tear
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, event
from wakeline import keys
from wakeline.keys import FORGOTTEN
from wakeline.record import Erase

pytestmark = pytest.mark.usefixtures("speaking")


@asynccontextmanager
async def started(server: Any) -> AsyncIterator[Timeline]:
    made = Timeline(server.url)
    await made.redis.flushall()
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def test_who_said_what_and_when(state: Any) -> None:
    async with started(state) as made:
        await made.append(event("visitor-1", "page-1", 0, 5, path="/bags/one"))
        await made.append(event("visitor-1", "page-2", 0, MINUTE))
        await made.append(event("visitor-1", "page-3", 0, 60 * MINUTE), at=60 * MINUTE)
        await made.run()
        lane = made.lane("visitor-1")
        found = (await said(made))[lane]
        moment = keys.MESSAGES_OF_A_MOMENT
        assert [(id, who, kind) for id, who, kind, _, _ in found] == [
            ("0-1", "shop/visitor-1", "viewed"),
            ("0-2", "shop/visitor-1", "viewed"),
            ("1-1", "shop/visitor-1", "viewed"),
            ("2-1", "shop/visitor-1", "ended"),
            (f"2-{moment + 1}", "shop/visitor-1", "viewed"),
        ]
        assert found[0][3:] == (str(START + 5), '{"page":"page-1","path":"/bags/one"}')
        assert found[3][3] == str(START + 31 * MINUTE), "when the visit ended, not when that was noticed"
        assert await made.redis.get(keys.lane_said(lane)) == b"3-0"


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_the_same_whatever_ends_the_process_and_however_batches_are_cut(
    state: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes fail or their answers are lost, processes start again, and once the key version is as it was before."""
    async with started(state) as made:
        rng = random.Random(seed)
        write, kept = made.store.write, None

        async def fails(lane: int, *args: Any, **more: Any) -> int | None:
            if rng.random() < 0.1:
                raise StoreUnavailable("it was not written")
            found = await write(lane, *args, **more)
            if rng.random() < 0.1:
                raise StoreUnavailable("its answer is lost")
            return found

        monkeypatch.setattr(made.store, "write", fails)
        records = a_week_of_visits(rng)
        for number, one in enumerate(records):
            await made.append(one)
            if rng.random() < 0.3:
                await made.run_a_little(rng)
            if rng.random() < 0.1:
                await made.start()
            if number == len(records) // 3:
                kept = {name: value for name, value in (await made.backup()).items() if name[:4] == b"wl1:"}
            if number == len(records) * 2 // 3 and kept is not None:
                now = await made.backup()
                await made.restore({name: value for name, value in now.items() if name[:4] != b"wl1:"} | kept)
        await made.run(batch=3)
        await made.run()
        found = await said(made)
        assert {entry[2] for entries in found.values() for entry in entries} == {"viewed", "ended", "heard"}
        assert found == await folded_anew(made)


@pytest.mark.parametrize("name", TEARS)
async def test_a_lane_that_was_torn_says_the_rest(state: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one in so many commands of its write; `test_processor_torn` tears it after each."""
    after, is_torn = 0, True
    while is_torn:
        async with stand(state) as live:
            await live.made.append(*BEFORE, at=10)
            await settle(live)
            torn = await tear(live, name, after, monkeypatch)
            for lane in torn:
                with pytest.raises(LaneTorn):
                    await live.made.workers[lane].open()
                await rebuild(live, lane)
            await go_on(live, name)
            found = await said(live.made)
            if name in ("visits", "bad records"):
                assert found == await folded_anew(live.made), after
            told_of = [entry[1] for entries in found.values() for entry in entries if entry[2] == FORGOTTEN]
            assert sorted(told_of) == sorted(FORGETS.get(name, [])), after
        is_torn = bool(torn)
        after += thorough.SHARE
    assert after > 2


FORGETS = {
    "a withdrawal": ["shop/visitor-1"],
    "an erasure": ["shop/@customer0", "shop/visitor-1", "shop/visitor-2"],
    "what an erasure refuses": ["shop/@customer0", "shop/visitor-1", "shop/visitor-2"],
    "a bad record of who is forgotten": [],
}


async def test_who_is_erased_is_in_no_message_that_waits(state: Any) -> None:
    async with started(state) as made:
        ids = [f"visitor-{number}" for number in range(40) if made.lane(f"visitor-{number}") == 1][:2]
        await made.append(*(event(id, f"page-{id}-{n}", 0, n) for n in range(600) for id in ids))
        await made.run()
        assert len((await said(made))[1]) == 1_200
        await made.append(Erase(site="shop", id=ids[0], time=START + MINUTE), at=MINUTE)
        await made.append(event(ids[1], "page-after", 0, MINUTE))
        await made.run()
        rows = [(who, kind) for _, who, kind, *_ in (await said(made))[1]]
        assert rows == [(f"shop/{ids[1]}", "viewed")] * 600 + [
            (f"shop/{ids[0]}", FORGOTTEN), (f"shop/{ids[1]}", "viewed")
        ]  # fmt: skip


async def test_a_lane_keeps_the_newest_and_says_how_many_it_cut_off(
    state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MESSAGES_OF_A_LANE", 3)
    said_before = metrics.MESSAGES_SAID._value.get()
    cut_before = metrics.MESSAGES_TRIMMED.labels("lane")._value.get()
    async with started(state) as made:
        await made.append(*(event("visitor-1", f"page-{n}", 0, n) for n in range(5)))
        await made.run()
        assert [entry[0] for entry in (await said(made))[made.lane("visitor-1")]] == ["2-1", "3-1", "4-1"]
        assert metrics.MESSAGES_SAID._value.get() - said_before == 5
        assert metrics.MESSAGES_TRIMMED.labels("lane")._value.get() - cut_before == 2


async def test_a_lane_says_nothing_of_what_was_applied_before_it_could_speak(state: Any) -> None:
    """A rule, or this part of the product, may be newer than the data."""
    async with started(state) as made:
        await made.append(event("visitor-1", "page-1", 0, 0))
        await made.run()
        lane = made.lane("visitor-1")
        await made.redis.delete(keys.lane_messages(lane), keys.lane_said(lane))
        await made.start()
        assert await made.redis.get(keys.lane_said(lane)) == b"1-0"


def test_a_body_that_is_too_long_is_refused() -> None:
    out = Out(decay_zero=0, half_life=DAY)
    person: Any = Made()
    out.say("one", person, {"text": "x" * (BODY_BYTES - 11)})
    with pytest.raises(ValueError, match="more than 4096"):
        out.say("one", person, {"text": "x" * (BODY_BYTES - 10)})
    assert len(out.messages) == 1


class Made:
    site, id, scheduled = "shop", "visitor-1", 0
