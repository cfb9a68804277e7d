"""The teller merges what lanes have said: in order, once, whatever is killed or comes back older."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from processor import metrics, teller
from processor.teller import Teller
from tests.replay_stand import Fuse, Killed
from tests.saying import Entry, said, tell, told
from tests.saying import made as made
from tests.saying import speaking as speaking
from tests.timeline import DAY, MINUTE, START, Timeline, a_week_of_visits, event
from wakeline import keys
from wakeline.keys import FORGOTTEN
from wakeline.record import Erase
from wakeline.redis.connect import connect
from wakeline.stopping import cancelled

pytestmark = pytest.mark.usefixtures("speaking")
OURS = b"wl:{messages}"


def new(made: Timeline, token: str = "test", **more: Any) -> Teller:
    return Teller(made.redis, lanes=4, token=token, **more)


def ids(lane: int, entries: list[Entry]) -> list[str]:
    found = []
    for id, *_ in entries:
        offset, _, rest = id.partition("-")
        step, number = divmod(int(rest), keys.MESSAGES_OF_A_MOMENT)
        found.append(f"shop/{lane}/{offset}/{step}/{number}")
    return found


async def assert_told_once(made: Timeline, lanes: dict[int, list[Entry]]) -> None:
    """`lanes`: what was said. Each lane's messages are told in its order."""
    found = [one["id"] for one in await told(made)]
    for lane, entries in lanes.items():
        assert [id for id in found if id.split("/")[1] == str(lane)] == ids(lane, entries)
    assert len(found) == sum(map(len, lanes.values()))


async def test_all_is_told_once_in_each_lanes_order(made: Timeline) -> None:
    await made.append(*a_week_of_visits(random.Random(1)))
    await made.run()
    one = new(made)
    await tell(made, one)
    await made.run()
    await made.pass_time(DAY)
    await tell(made, one)
    await assert_told_once(made, await said(made))
    first = (await told(made))[0]
    assert list(first) == ["id", "who", "kind", "time", "body"]
    about = await made.redis.zrange(keys.MESSAGES_ABOUT, 0, -1)
    assert len(about) == len(await told(made))


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
async def test_a_teller_that_is_killed_at_any_call(made: Timeline, state: Any, is_late: bool) -> None:
    """Reading, appending, removing: by its successor all is told, nothing twice."""
    fuse, client = Fuse(), connect(state.url)
    plain = client.execute_command
    client.execute_command = lambda *args, **more: fuse(plain(*args, **more))  # type: ignore[method-assign]
    lanes: dict[int, list[Entry]] = {lane: [] for lane in range(4)}
    calls, was_killed = 0, True
    while was_killed:
        calls += 1
        await made.append(*(event(f"visitor-{n}", f"page-{calls}-{n}", 0, calls) for n in range(8)))
        await made.run()
        for lane, entries in (await said(made)).items():
            lanes[lane] += [entry for entry in entries if entry not in lanes[lane]]
        fuse.set(calls, is_late=is_late)
        dying = Teller(client, lanes=4, token="test")
        try:
            await dying.refresh()
            await dying.move()
            await dying.refresh()
            was_killed = False
        except Killed:
            pass
    fuse.set(float("inf"))
    await client.aclose()
    await tell(made)
    assert calls > 6
    assert sum(map(len, lanes.values())) == 8 * calls
    await assert_told_once(made, lanes)


async def test_two_that_both_believe_to_be_it_tell_nothing_twice(made: Timeline) -> None:
    tellers = [new(made, "one"), new(made, "two")]
    for one in tellers:
        await one.refresh()
    for n in range(20):
        await made.append(*(event(f"visitor-{v}", f"page-{n}", 0, n) for v in range(4)))
        await made.run()
        await asyncio.gather(*[one.move() for one in tellers])
    await tell(made)
    await assert_told_once(made, await said(made))


async def test_the_stream_may_come_back_older_than_the_lanes(made: Timeline) -> None:
    """A replica without the latest appends took over. The teller that goes on notices, as does one that idles."""
    one = new(made)
    for n in range(3):
        await made.append(event("visitor-1", f"page-{n}", 0, n), event("visitor-2", f"page-{n}", 0, n))
        await made.run()
        await tell(made, one)
        if n == 0:
            kept = {name: value for name, value in (await made.backup()).items() if name.startswith(OURS)}
    now = {name: value for name, value in (await made.backup()).items() if not name.startswith(OURS)}
    await made.restore(now | kept)
    await made.append(event("visitor-1", "page-4", 0, 4))
    await made.run()
    await tell(made, one)
    await one.refresh()
    await tell(made, one)
    await assert_told_once(made, await said(made))


async def test_the_lanes_may_come_back_older_than_the_stream(made: Timeline) -> None:
    kept = await made.backup()
    await made.append(*(event(f"visitor-{v}", "page-1", 0, 0) for v in range(6)))
    await made.run()
    one = new(made)
    await tell(made, one)
    wanted = await said(made)
    now = {name: value for name, value in (await made.backup()).items() if name.startswith(OURS)}
    await made.restore(kept | now)
    await made.run()
    assert await said(made) == wanted
    await tell(made)
    await assert_told_once(made, wanted)


async def test_a_lane_keeps_what_was_told_for_a_while(made: Timeline) -> None:
    lane = made.lane("visitor-1")
    one = new(made)
    await one.refresh()
    await made.append(event("visitor-1", "page-1", 0, 0))
    await made.run()
    await tell(made, one)
    await one.refresh()
    assert len((await said(made))[lane]) == 1
    await made.append(event("visitor-1", "page-2", 0, 1))
    await made.run()
    await one.refresh()
    assert [entry[0] for entry in (await said(made))[lane]] == ["1-1"]
    await tell(made, one)
    assert len(await told(made)) == 2


async def test_who_is_erased_is_in_no_message_that_was_told(made: Timeline) -> None:
    """Those that begin alike stay; who was told hears of it."""
    for id in ("visitor-1", "visitor-11", "visitor-2"):
        await made.append(event(id, "page-1", 0, 0), event(id, "page-2", 0, 1))
    await made.run()
    one = new(made)
    await tell(made, one)
    await made.append(Erase(site="shop", id="visitor-1", time=START + MINUTE), at=MINUTE)
    await made.run()
    await tell(made, one)
    found = [(one["who"], one["kind"]) for one in await told(made)]
    assert sorted(found[:-1]) == [("shop/visitor-11", "viewed")] * 2 + [("shop/visitor-2", "viewed")] * 2
    assert found[-1] == ("shop/visitor-1", FORGOTTEN)
    assert len(await made.redis.zrange(keys.MESSAGES_ABOUT, 0, -1)) == 5


async def test_the_stream_ends_by_age_and_by_length(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teller, "TRIMMED_AT_ONCE", 2)
    trimmed = metrics.MESSAGES_TRIMMED
    before = [trimmed.labels(reason)._value.get() for reason in ("age", "length")]
    await made.append(*(event("visitor-1", f"page-{n}", 0, n) for n in range(9)))
    await made.run()
    lane, short = made.lane("visitor-1"), new(made, most=6)
    await tell(made, short)
    assert [one["id"] for one in await told(made)] == ids(lane, (await said(made))[lane][3:])
    last = (await made.redis.xrange(keys.MESSAGES))[-1][0].decode()
    late = new(made, clock=lambda: int(last.partition("-")[0]) + keys.MESSAGES_TTL_MS + 1)
    await tell(made, late)
    assert await told(made) == []
    assert await made.redis.zrange(keys.MESSAGES_ABOUT, 0, -1) == []
    assert await made.redis.hget(keys.MESSAGES_TOLD, "trimmed") == last.encode()
    after = [trimmed.labels(reason)._value.get() for reason in ("age", "length")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [6, 3]


async def test_one_of_two_is_it_until_it_ends(made: Timeline) -> None:
    first, second = new(made, "first"), new(made, "second")
    running = asyncio.ensure_future(first.run())
    await until_holder(made, b"first")
    waiting = asyncio.ensure_future(second.run())
    await made.append(event("visitor-1", "page-1", 0, 0))
    await made.run()
    await until_told(made, 1)
    assert await made.redis.get(keys.MESSAGES_LEASE) == b"first"
    await cancelled([running])
    await first.close()
    await until_holder(made, b"second")
    await made.append(event("visitor-1", "page-2", 0, 1))
    await made.run()
    await until_told(made, 2)
    waiting.cancel()
    await asyncio.wait([running, waiting])
    await assert_told_once(made, await said(made))


async def until_holder(made: Timeline, token: bytes) -> None:
    async with asyncio.timeout(40):
        while await made.redis.get(keys.MESSAGES_LEASE) != token:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def until_told(made: Timeline, number: int) -> None:
    async with asyncio.timeout(40):
        while len(await told(made)) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
