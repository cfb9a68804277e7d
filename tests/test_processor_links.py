"""Any number of browsers a customer: an erasure or a withdrawal reaches each, in calls of bounded work, once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from crm.identity.forgetting import MAX_VISITORS
from crm.state import decode_visitor, encode_visitor
from processor.command import Command
from processor.naming import UNLINKED_AT_ONCE
from processor.store import Store, Written
from processor.worker import MOST_PEOPLE
from tests.ages import MONTHS, until
from tests.lanes_apart import LanesApart, lane
from tests.log_alone import checks, runs
from tests.log_alone.cases import Case, Step, step, told
from tests.log_alone.holdings import Holdings
from tests.log_alone.runs import FAULTS, Fault, Lived
from tests.replay_stand import Killed, stand
from tests.test_processor_forgetting import Story, V, W
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, event, fact, timeline
from wakeline.keys import Keys
from wakeline.record import FOR_GOOD, Erase, Unlink, decode_record

A, B = "@customer0", "@customer1"
ORDER = "#" + "a" * 32
LANES, MANY = 4, 250
BROWSERS = [f"browser-{number}" for number in range(MANY)]
LATER = 10 * MINUTE

ENDS: dict[str, Step] = {
    "erased": step(Erase("shop", A, START + LATER), LATER),
    "forgotten by a server": step(fact(A, "forget", LATER)),
    "withdrawn on a browser": step(event(BROWSERS[7], f"page-{BROWSERS[7]}", 2, LATER, "consent", level="off")),
    "withdrawn for all browsers by a server": step(fact(A, "consent", LATER, {"level": "off"})),
}


def linked(browser: str, at: int = 0, customer: str = A) -> list[Any]:
    """A page view, and a sign-in."""
    page = f"page-{browser}"
    return [
        event(browser, page, 0, at, interests=["hats"]),
        event(browser, page, 1, at + 1, "identify", customer=customer),
    ]


def many(end: str, *, at_once: int = UNLINKED_AT_ONCE, browsers: int = MANY) -> Case:
    """A customer with an order and many browsers, some of which were another's before, all known to it before the end;
    then one of these signs in again.
    """
    before = [event(one, f"before-{one}", 0, 0, "identify", customer=B) for one in BROWSERS[10:40]]
    browsed = [*before, *(record for one in BROWSERS[:browsers] for record in linked(one))]
    steps = [step(record, folds=False) for record in browsed]
    order = step(fact(ORDER, "purchase", SECOND, {"value": 9, "currency": "EUR"}, customer=A))
    again = step(event(BROWSERS[3], "page-again", 0, LATER + MINUTE, "identify", customer=A))
    made = told(*steps, order, ENDS[end], again, lanes=LANES, processor__naming__UNLINKED_AT_ONCE=at_once)
    return replace(made, batch=2_000)


def records(lived: Lived, kind: type) -> list[Any]:
    return [one for log in lived.lanes for entry in log if isinstance(one := decode_record(entry.value), kind)]


def one_of(found: Holdings, kind: str, id: str) -> Any:
    return next((value for key, value in found.items() if key.endswith(f":{kind}:{id}")), None)


@pytest.mark.parametrize("end", ENDS)
async def test_every_browser_is_told_however_the_log_is_cut_and_in_a_replay(unsynced_server: Any, end: str) -> None:
    case = many(end, at_once=20)
    lived = await runs.live(unsynced_server.url, case)
    found = lived.holdings
    who_withdrew, again = (BROWSERS[7] if end == "withdrawn on a browser" else "", BROWSERS[3])
    for browser in BROWSERS:
        state, profile = one_of(found, "state", browser), one_of(found, "profile", browser)
        assert state.get("customer", "") == (A if browser == again else "")
        if end != "withdrawn on a browser":
            assert one_of(found, "tombstone", browser) == START + LATER
            assert profile is None or browser == again
        elif browser == who_withdrew:
            assert (one_of(found, "tombstone", browser), profile) == (FOR_GOOD, None)
        else:
            assert (one_of(found, "tombstone", browser), profile["page_views"]) == (None, "1")
    customer = one_of(found, "state", A)
    assert (customer["visitors"], customer.get("counts", {}).get("page_views", 0)) == ([again], 0)
    others = BROWSERS[10:40] if end == "withdrawn on a browser" else []
    assert one_of(found, "state", B).get("visitors", []) == sorted(others), "whom each tells that it has left"
    is_named = "withdrawn" in end
    assert (A in str(one_of(found, "thing", ORDER))) == is_named
    sets = [id for key, ids in found.items() if f":naming:{A}" in key for id in ids]
    assert sorted(sets) == sorted([again, ORDER] if is_named else [again])
    assert len(records(lived, Unlink)) == LANES
    assert len(records(lived, Erase)) <= MAX_VISITORS + 1
    assert not await checks.cut(unsynced_server.url, case, lived)
    for batch in (1, 7, 2_000):
        assert not await checks.replayed(unsynced_server.url, case, lived, batch=batch)


@pytest.mark.parametrize("end", ["erased", "withdrawn on a browser"])
async def test_a_process_may_end_between_the_calls_that_tell_them(unsynced_server: Any, end: str) -> None:
    """Each lane takes several calls, of which every one may fail in whichever way, or be lost with the server."""
    url, case = unsynced_server.url, many(end, at_once=5, browsers=120)
    lived = await runs.live(url, case, keeps=lambda written: True)
    told_by = lived.writes - 2 * 120 // 5  # from here on they are told
    assert told_by > 0
    for number, at in enumerate(range(told_by, lived.writes, 9)):
        lines = await checks.killed(url, case, lived, Fault(FAULTS[number % len(FAULTS)], at, number % 3 / 3))
        assert not lines
    for kept in range(1, len(lived.kept), len(lived.kept) // 6):
        assert not await checks.restored(url, case, lived, kept, batch=2_000)
    assert not await checks.cut(url, case, lived)


async def test_a_lane_that_starts_again_goes_on_where_its_last_call_ended(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would not end: after a withdrawal all things go on naming the customer."""
    monkeypatch.setattr("processor.naming.UNLINKED_AT_ONCE", 2)
    write = Store.write

    async def last_write(self: Store, lane: int, commands: list[Command], **more: Any) -> Written:
        await write(self, lane, commands, **more)
        raise Killed

    async with timeline(redis_server) as made:
        orders = [id for n in range(60) if made.lane(id := f"#{n:032x}") == 0]
        await say(made, *(fact(id, "purchase", 1, {"value": 9, "currency": "EUR"}, customer=A) for id in orders))
        await say(made, *linked("one"), fact(A, "consent", MINUTE, {"level": "off"}))
        assert await noted(made, A) == set(orders)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "write", last_write)
            await made.append(fact(A, "consent", 2 * MINUTE, {"level": "off"}))
            lives = 0
            while lives < 100:
                try:
                    await made.run()
                    break
                except Killed:
                    await made.start()
                    lives += 1
        assert len(orders) / 2 <= lives < len(orders) / 2 + 10


class Watched(Store):
    """Counts what each call writes."""

    calls: ClassVar[list[Counter[str]]] = []

    async def write(self, lane: int, commands: list[Command], **more: Any) -> Written:
        kinds = Counter(str(command[1]).split(":")[3] for command in commands if command[0] in ("SET", "DEL"))
        kinds["commands"] = len(commands)
        self.calls.append(kinds)
        return await super().write(lane, commands, **more)


async def test_five_thousand_browsers_are_told_in_calls_of_bounded_work(redis_server: Any) -> None:
    browsers = [f"browser-{number}" for number in range(5_000)]
    async with timeline(redis_server) as made:
        made.store = Watched(made.redis, key_space=Keys())
        await made.start()
        await made.append(*(record for browser in browsers for record in linked(browser)))
        await made.run(batch=2_000)
        assert len(json.loads((await made.profile(A))["visitors"])) == MAX_VISITORS
        lengths = await made.log.bounds(range(LANES))
        Watched.calls = []
        await made.append(Erase("shop", A, START + DAY), at=DAY)
        await made.run(batch=2_000)
        assert sum(one.end for one in (await made.log.bounds(range(LANES))).values()) <= (
            sum(one.end for one in lengths.values()) + 1 + LANES + MAX_VISITORS
        )
        assert 5_000 // UNLINKED_AT_ONCE <= len(Watched.calls) < 30
        assert max(call["state"] for call in Watched.calls) <= UNLINKED_AT_ONCE + MAX_VISITORS
        assert max(len(worker._memory.people) for worker in made.workers) <= MOST_PEOPLE
        assert not [key async for key in made.redis.scan_iter("*:profile:*")]
        assert not [key async for key in made.redis.scan_iter("*:naming:*")]
        assert not [one for lane in range(LANES) if (one := await made.redis.hget(Keys().lane(lane), "unlinked"))]


# ---- whom a lane notes ------------------------------------------------------------------------------------------


async def noted(made: Timeline, customer: str) -> set[str]:
    keys = [made.store.keys.naming(lane, "shop", customer) for lane in range(LANES)]
    return {id.decode() for key in keys for id in await made.redis.zrange(key, 0, -1)}


async def say(made: Timeline, *told: Any, at: int | None = None) -> None:
    await made.append(*told, at=at)
    await made.run()


async def test_a_browser_is_noted_with_whoever_may_have_left_something_on_it(redis_server: Any) -> None:
    """Until it is forgotten, or ends."""
    async with timeline(redis_server) as made:
        await say(made, *linked("one"), *linked("two"), *linked("three"))
        await say(made, event("one", "page-2", 0, 2, "identify", customer=B))
        assert (await noted(made, A), await noted(made, B)) == ({"one", "two", "three"}, {"one"})
        await say(made, Erase("shop", "two", START + MINUTE), at=MINUTE)
        assert (await noted(made, A), await noted(made, B)) == (set(), {"one"}), "it takes its customer along"
        await until(made, 13 * MONTHS + DAY)
        assert (await noted(made, A), await noted(made, B)) == (set(), set())


def test_a_link_that_is_refused_is_noted_no_more() -> None:
    """It is heard of after the withdrawal that is later than it, so that no unlink record is for it."""
    story = Story()
    story.identify(V, A)
    story.withdraw(V)
    story.settle()
    story.identify(W, A, late=1_500)
    story.settle()
    assert (story.linked(W), story.lanes.naming[lane(W)]["shop", A]) == ("", set())


async def test_who_had_more_customers_than_it_knows_of_leaves_the_earliest_with_their_end(redis_server: Any) -> None:
    """A screen in a shop: ten people one after the other."""
    people = [f"@{number}" for number in range(12)]
    async with timeline(redis_server) as made:
        await say(made, *(event("screen", f"p-{n}", 0, n, "identify", customer=one) for n, one in enumerate(people)))
        assert [await noted(made, one) for one in people] == [{"screen"}] * 12
        await say(made, Erase("shop", people[0], START + MINUTE), at=MINUTE)
        assert await noted(made, people[0]) == set()
        await until(made, 36 * MONTHS + 2 * DAY)
        assert [await noted(made, one) for one in people] == [set()] * 12


async def test_the_browsers_of_former_data_are_told_by_the_list_or_once_they_are_touched(redis_server: Any) -> None:
    """Their links are in no lane's sets; and a replay notes them all."""
    browsers = [f"browser-{number}" for number in range(MAX_VISITORS + 20)]
    async with stand(redis_server) as held:
        made = held.made
        await say(made, *(record for browser in browsers for record in linked(browser)))
        for browser in browsers:
            key = made.store.keys.state(made.lane(browser), "shop", browser)
            state = decode_visitor(await made.redis.get(key))
            state.noted.clear()
            await made.redis.set(key, encode_visitor(state))
        await made.redis.delete(*[key async for key in made.redis.scan_iter("*:naming:*")])
        listed = set(json.loads((await made.profile(A))["visitors"]))
        unlisted = sorted(set(browsers) - listed)
        await made.start()
        touched = set(unlisted[:10])
        for browser in sorted(touched):
            await made.append(event(browser, "page-now", 0, MINUTE))
        await made.run()
        assert await noted(made, A) == touched
        dropped = listed - set(json.loads((await made.profile(A))["visitors"]))
        assert len(dropped) == len(touched), "each took the place of another"
        await say(made, Erase("shop", A, START + 2 * MINUTE), at=2 * MINUTE)
        left = {browser for browser in browsers if (await made.profile(browser)).get("customer")}
        assert left == set(browsers) - listed - touched | dropped
        await held.switch(2)
        assert not {browser for browser in browsers if await made.profile(browser, Keys(2))}


@pytest.mark.parametrize("ahead", [0, DAY, -DAY])
def test_an_erasure_finds_all_browsers_though_the_clocks_of_lanes_differ(
    ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the lanes of a cluster may lie on servers with clocks of their own. The customer lists a part of them."""
    monkeypatch.setattr("crm.identity.forgetting.MAX_VISITORS", 2)
    lanes, now = LanesApart(), 2 * DAY
    browsers = [f"browser-{number}" for number in range(8)]
    assert {lane(one) for one in browsers} > {lane(A)}
    for one in browsers:
        at = now + (ahead if lane(one) != lane(A) else 0)
        lanes.append(one, event(one, "p", 0, now - 2 * SECOND, interests=["x"]), at)
        lanes.append(one, event(one, "p", 1, now - SECOND, "identify", customer=A), at)
    lanes.settle(now)
    lanes.append(A, Erase("shop", A, START + now), now)
    lanes.settle(now)
    for one in browsers:
        visitor = lanes.visitor(one)
        assert (visitor.state.customer, visitor.state.noted, visitor.interests.scores) == ("", {}, {})
