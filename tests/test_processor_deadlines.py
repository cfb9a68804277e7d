"""Deadlines fire once, in order, before the first record that has reached them, however the log is divided."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter

import pytest

from crm import rules
from crm.identity import customers
from crm.identity.state import STORED_COUNTS
from crm.out import Out
from crm.sites import SiteFacts
from crm.state import Customer, Visitor
from crm.things.state import Thing
from processor import firing, fold, metrics
from processor.batch import decoded
from processor.loaded import Loaded
from processor.memory import LaneMemory
from processor.replay import replay
from processor.store import LaneLost
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact
from wakeline import keys
from wakeline.definitions import SESSION_GAP_MS
from wakeline.durations import MONTH_MS
from wakeline.keys import OTHER, date
from wakeline.log import Entry
from wakeline.profile_fields import EVENTS
from wakeline.record import CustomerShare, Delta, Event, Position, Tick, encode_record
from wakeline.settings import Site
from wakeline.told import EARLIEST, value_of

NAMES = rules.names()
TODAY = "2027-01-15"
CUSTOMER = "@customer0"
ORDER = "#" + "a" * 32
THANKED_AFTER = 10 * MINUTE


@pytest.fixture
def thanks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another kind of deadline: ten minutes after a visitor was linked, an event is added to it and to its customer."""

    def link(event: Event, visitor: Visitor, out: Out) -> None:
        customers.link(event, visitor, out)
        if at := when(visitor, out.site):
            out.wake(visitor, at)

    def when(visitor: Visitor, site: SiteFacts) -> int:
        state = visitor.state
        return state.linked + THANKED_AFTER if state.customer and not state.named else 0

    def thank(visitor: Visitor, out: Out) -> None:
        visitor.state.named = 1
        visitor.count(EVENTS)

    kind = rules.Deadline("thanks", when, thank)
    others = [(name, link if name == "customers" else rule, types) for name, rule, types in rules.RULES]
    monkeypatch.setattr(rules, "RULES", tuple(others))
    monkeypatch.setitem(rules.DEADLINES, Visitor, (*rules.DEADLINES[Visitor], kind))


async def linked(made: Timeline, *visitors: str, at: int = 0) -> None:
    for number, visitor in enumerate(visitors):
        await made.append(
            event(visitor, "page", 0, at + number),
            event(visitor, "page", 1, at + number, "identify", customer=CUSTOMER),
        )


def calls_of(deadlines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at most fire in one call."""
    monkeypatch.setattr(firing, "DUE_AT_ONCE", deadlines)


async def five_linked(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of one lane and one customer; of their deadlines two fire in one call."""
    calls_of(2, monkeypatch)
    await made.start()
    visitors = of_lane_1(made, 5)
    await linked(made, *visitors)
    await settle(made)
    return visitors


def of_lane_1(made: Timeline, count: int) -> list[str]:
    """So many visitors of one lane."""
    ids = (f"visitor-{number}" for number in itertools.count())
    return list(itertools.islice((id for id in ids if made.lane(id) == 1), count))


async def settle(made: Timeline) -> None:
    for _ in range(3):
        await made.run()


@pytest.mark.parametrize("batch", [1, 7, 1_000])
async def test_what_a_deadline_adds_to_a_customer_is_applied_once(made: Timeline, thanks: None, batch: int) -> None:
    await made.start()
    await linked(made, *(f"visitor-{number}" for number in range(9)))
    await made.append(*(event(f"visitor-{number}", "page", 2, 20 * MINUTE) for number in range(9)))
    for _ in range(4):
        await made.run(batch=batch)
    assert (await made.profile(CUSTOMER))["events"] == "9"
    assert (await made.profile("visitor-3"))["events"] == "1"


async def test_a_deadline_that_a_fact_makes_earlier_fires_then(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wakes the thing: its end by age, for which it is scheduled, comes much later."""
    fired: list[tuple[str, int]] = []

    def when(thing: Thing, site: SiteFacts) -> int:
        placed = value_of(thing.state.told, f"{EARLIEST}placed")
        return placed + DAY if placed and not fired else 0

    kind = rules.Deadline("unpaid", when, lambda thing, out: fired.append((thing.id, out.now)))
    monkeypatch.setitem(rules.DEADLINES, Thing, (kind, *rules.DEADLINES[Thing]))
    await made.start()
    await made.append(fact(ORDER, "purchase", 0, {"value": 1, "currency": "EUR"}))
    await made.run()
    await made.append(fact(ORDER, "order_state", 5, {"state": "placed"}))
    await made.run()
    await made.pass_time(DAY - MINUTE)
    assert fired == []
    await made.pass_time(2 * MINUTE)
    assert fired == [(ORDER, START + 5 + DAY)]


@pytest.mark.parametrize("after", range(1, 8))
async def test_a_lane_that_loses_a_reply_or_is_folded_again_sends_it_once(
    made: Timeline, thanks: None, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis comes back as it was before write number `after`; what had been sent by then stays in the log."""
    visitors = await five_linked(made, monkeypatch)
    before = {
        key: await made.redis.dump(key) for key in await made.redis.keys("*") if b"{1}" in key
    }  # of the visitors' lane
    await made.append(event(visitors[0], "page", 2, 20 * MINUTE))
    writes = 0
    store_write = made.store.write

    async def counted(*args: object, **more: object) -> object:
        nonlocal writes
        writes += 1
        if writes == after:
            raise LaneLost("the server is an older one")
        return await store_write(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(made.store, "write", counted)
    with contextlib.suppress(LaneLost):
        await settle(made)
    monkeypatch.setattr(made.store, "write", store_write)
    for key in await made.redis.keys("*"):
        if b"{1}" in key:
            await made.redis.delete(key)
    for key, value in before.items():
        await made.redis.restore(key, 0, value)
    calls_of(3, monkeypatch)  # so that what is sent again is cut in other places
    await made.start()
    await settle(made)
    assert (await made.profile(CUSTOMER))["events"] == "5"
    assert {(await made.profile(visitor))["events"] for visitor in visitors} == {"1"}


async def test_a_call_may_end_between_two_deadlines(
    made: Timeline, thanks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place says how many have fired; a new process goes on behind them."""
    visitors = await five_linked(made, monkeypatch)
    applied = made.workers[1].place.offset
    await made.append(event(visitors[0], "page", 2, 20 * MINUTE))
    store_write, places = made.store.write, []

    async def cut(*args: object, **more: object) -> object:
        await store_write(*args, **more)  # type: ignore[arg-type]
        places.append(await made.redis.hmget(made.store.keys.lane(1), "offset", "step"))
        raise LaneLost("killed")

    monkeypatch.setattr(made.store, "write", cut)
    for _ in range(2):
        with pytest.raises(LaneLost):
            await made.run()
        await made.start()
    monkeypatch.setattr(made.store, "write", store_write)
    assert places == [[str(applied).encode(), b"2"], [str(applied).encode(), b"4"]]
    await settle(made)
    assert (made.workers[1].place.offset, made.workers[1].place.step) == (applied + 1, 0)
    assert (await made.profile(CUSTOMER))["events"] == "5"


@pytest.mark.parametrize("at_once", [1, 2, 500])
async def test_they_fire_in_the_order_of_time_and_person(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Whatever the order of the records was, and however many fire in one call. One may have several."""
    calls_of(at_once, monkeypatch)
    fired: list[tuple[int, str]] = []

    def note(visitor: Visitor, out: Out) -> None:
        fired.append((out.now - START, visitor.id))
        ends.fire(visitor, out)

    ends, *others = rules.DEADLINES[Visitor]
    monkeypatch.setitem(rules.DEADLINES, Visitor, (ends._replace(fire=note), *others))
    await made.start()
    lane_1 = of_lane_1(made, 4)
    c, a, b, d = lane_1[3], lane_1[0], lane_1[1], lane_1[2]
    await made.append(*(event(visitor, "page", 0, 0) for visitor in (c, a, b)), at=0)
    await made.append(event(d, "page", 0, 5), at=5)
    await made.append(event(b, "page", 1, 5 * MINUTE, "search"), at=5 * MINUTE)  # so it ends later
    await made.append(event(c, "old", 0, -3 * SESSION_GAP_MS), at=10 * MINUTE)  # a visit of before, heard of now
    await made.append(event(a, "page", 9, 3 * SESSION_GAP_MS), at=3 * SESSION_GAP_MS)
    await made.append(event(a, "page", 10, 6 * SESSION_GAP_MS), at=6 * SESSION_GAP_MS)
    await made.run()
    first = sorted([a, c])
    assert fired == [
        *((SESSION_GAP_MS, visitor) for visitor in first),
        (SESSION_GAP_MS + 5, d),
        (SESSION_GAP_MS + 5 * MINUTE, b),
        (SESSION_GAP_MS + 10 * MINUTE, c),
        (4 * SESSION_GAP_MS, a),
    ]


@pytest.mark.parametrize("batch", [1, 2, 3, 1_000])
@pytest.mark.parametrize("is_loaded", [True, False])
async def test_a_full_list_holds_the_same_values_however_the_log_is_cut(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, batch: int, is_loaded: bool
) -> None:
    """There is room for one exit more; two visits end at different times, before an event that is later than both."""
    monkeypatch.setattr(keys, "TOP_MEMBERS", 3)
    await made.start()
    x, y, z = of_lane_1(made, 3)
    key = made.store.keys.top(1, "shop", "exits", date(TODAY))
    await made.redis.zadd(key, {"/one": 1, "/two": 1})
    await made.append(event(z, "page", 0, 0, path="/second"), at=0)
    await made.append(event(x, "page", 0, 1, path="/third"), at=1)
    await made.append(event(z, "page", 1, 2, path="/second"), at=2)  # so it ends after the other one
    later = 40 * MINUTE if is_loaded else 24 * 60 * MINUTE
    await made.append(event(y, "page", 0, later, path="/"), at=later)
    await made.run(batch=batch)
    assert await made.top("exits", date(TODAY)) == {"/one": 1, "/two": 1, "/third": 1, OTHER: 1}


@pytest.mark.parametrize("batch", [1, 1_000])
@pytest.mark.parametrize("is_loaded", [True, False])
async def test_a_value_that_is_taken_back_was_there_until_then(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, batch: int, is_loaded: bool
) -> None:
    """The source of a visit changes as an earlier page view arrives: before that there was no room for another one."""
    monkeypatch.setattr(keys, "TOP_MEMBERS", 2)
    if not is_loaded:
        monkeypatch.setattr(fold.Fold, "top_lists", lambda self, batch: set())
    await made.start()
    w, x, y, z = of_lane_1(made, 4)
    await made.append(event(x, "page", 0, 2_000, query={"utm_source": "second"}), at=2_000)
    await made.append(event(y, "page", 0, 3_000, query={"utm_source": "third"}), at=3_000)
    await made.append(event(z, "page", 0, 4_000, query={"utm_source": "fourth"}), at=4_000)
    await made.append(event(x, "earlier", 0, 1_000, query={"utm_source": "first"}), at=5_000)
    await made.append(event(w, "page", 0, 6_000, query={"utm_source": "fifth"}), at=6_000)
    await made.run(batch=batch)
    assert await made.top("sources", date(TODAY)) == {"third": 1, OTHER: 3}


async def test_more_than_one_call_takes_are_due_before_one_record(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "DUE_BEFORE_ONE", 10_000)
    many = of_lane_1(made, 2 * firing.DUE_AT_ONCE + 17)
    await made.append(*(event(visitor, "page", 0, 0) for visitor in many), at=0)
    await made.run()
    assert await made.redis.zcard(made.store.keys.due(1)) == len(many)
    await made.append(event(many[0], "page", 1, 60 * MINUTE), at=60 * MINUTE)
    await made.run()
    assert (await made.totals())["sessions"] == len(many)
    soon = made.now + SESSION_GAP_MS
    assert await made.redis.zcount(made.store.keys.due(1), "-inf", soon) == 1, "the others wait for their age"
    assert await made.redis.zcard(made.store.keys.due(1)) == len(many)


@pytest.mark.parametrize("at_once", [1, 500])
@pytest.mark.parametrize("batch", [1, 2, 1_000])
async def test_a_record_waits_for_so_many_and_for_those_of_whom_it_is_about(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, batch: int, at_once: int
) -> None:
    """The others fire before the next records, at their own time and in order; before a tick more do."""
    calls_of(at_once, monkeypatch)
    monkeypatch.setattr(firing, "DUE_BEFORE_ONE", 2)
    monkeypatch.setattr(firing, "DUE_BEFORE_A_TICK", 3)
    done: list[str] = []
    ends, *others = rules.DEADLINES[Visitor]

    def note(visitor: Visitor, out: Out) -> None:
        done.append(visitor.id)
        assert START + SESSION_GAP_MS <= out.now < START + SESSION_GAP_MS + 10
        ends.fire(visitor, out)

    monkeypatch.setitem(rules.DEADLINES, Visitor, (ends._replace(fire=note), *others))
    await made.start()
    many = of_lane_1(made, 10)
    for number, visitor in enumerate(many):
        await made.append(event(visitor, "page", 0, number), at=number)
    await made.run()
    later = 60 * MINUTE
    await made.append(event(many[9], "page", 1, later), at=later)  # two others, and its own
    await made.append(event(many[0], "page", 1, later), at=later + 1)  # two more
    made.now += 1
    await made.log.append([(1, encode_record(Tick()))])  # three more
    await made.append(event(many[0], "page", 2, later), at=later + 3)  # the last two
    await made.run(batch=batch)
    in_order = [0, 1, 9, 2, 3, 4, 5, 6, 7, 8]
    assert done == [many[number] for number in in_order]
    assert (await made.totals())["sessions"] == 10


@pytest.mark.parametrize("batch", [1, 2, 1_000])
async def test_the_sooner_a_record_comes_the_fewer_fire_before_it(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """So that a lane has time for its records, however many come."""
    monkeypatch.setattr(firing, "DUE_BEFORE_A_TICK", 10)
    fired: Counter[int] = Counter()
    ends, *others = rules.DEADLINES[Visitor]

    def note(visitor: Visitor, out: Out) -> None:
        fired[out.offset] += 1
        ends.fire(visitor, out)

    monkeypatch.setitem(rules.DEADLINES, Visitor, (ends._replace(fire=note), *others))
    await made.start()
    many = of_lane_1(made, 60)
    for number, visitor in enumerate(many[:-1]):
        await made.append(event(visitor, "page", 0, number), at=number)
    await made.run()
    made.now = START + 60 * MINUTE
    for gap in (0, 0, 1, 4):
        made.now += gap
        await made.log.append([(1, encode_record(Tick()))])
    await made.append(event(many[-1], "page", 0, 60 * MINUTE), at=60 * MINUTE + 10)
    await made.run(batch=batch)
    assert list(fired.values()) == [10, 1, 4, 10, 16]


async def test_who_is_told_of_a_share_is_up_to_date(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer's own deadlines come before what a delta adds, in a replay that makes its shares itself too."""
    monkeypatch.setattr(firing, "DUE_BEFORE_ONE", 1)
    fired: list[tuple[str, int]] = []

    def fire(customer: Customer, out: Out) -> None:
        fired.append((customer.id, customer.state.named_counts()["page_views"]))
        customer.state.counts[STORED_COUNTS["events"]] = 1

    def next(customer: Customer, site: SiteFacts) -> int:
        state = customer.state
        return START + 20 * MINUTE if state.first_seen and not state.named_counts().get("events") else 0

    monkeypatch.setitem(rules.DEADLINES, Customer, (rules.Deadline("test", next, fire),))
    monkeypatch.setattr(rules, "names", lambda: ("test", *NAMES))
    lanes = range(4)
    customers = [f"@customer{number}" for number in range(40) if made.lane(f"@customer{number}") == 2][:6]
    await made.start()
    for number, customer in enumerate(customers):
        await made.append(
            event(f"visitor-{number}", "page", 0, 0),
            event(f"visitor-{number}", "page", 1, 1, "identify", customer=customer),
        )
    await settle(made)
    for number in range(len(customers)):
        await made.append(event(f"visitor-{5 - number}", "more", 0, 21 * MINUTE))
    await settle(made)
    await made.log.append([(lane, encode_record(Tick())) for lane in lanes])
    await settle(made)
    assert sorted(fired) == [(customer, 1) for customer in sorted(customers)]
    live, fired[:] = sorted(fired), []
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=keys.Keys(2))
    assert sorted(fired) == live


async def test_whom_only_a_replay_tells_is_up_to_date_too(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own shares may be for others than those of the log's delta."""
    monkeypatch.setattr(firing, "DUE_BEFORE_ONE", 1)
    fired: list[tuple[str, int]] = []

    def fire(customer: Customer, out: Out) -> None:
        fired.append((customer.id, customer.state.named_counts().get("page_views", 0)))
        customer.state.source = "fired"

    def next(customer: Customer, site: SiteFacts) -> int:
        return START if customer.state.source != "fired" else 0

    class Heard:
        def is_ready(self, delta: Delta) -> bool:
            return True

        def shares(self, delta: Delta, *, after: Position) -> list[CustomerShare]:
            return [
                CustomerShare(
                    "shop",
                    "@told",
                    "v-1",
                    counts={"page_views": 7},
                    since=START,
                    linked=START,
                    first_seen=START,
                    last_seen=START,
                )
            ]

    monkeypatch.setitem(rules.DEADLINES, Customer, (rules.Deadline("ends", next, fire),))
    folds = fold.Fold(
        0, sites=made.sites, deployment=made.deployment, key_space=made.store.keys, emits=False, heard=Heard()
    )
    memory = LaneMemory()
    names = ["@first", "@second", "@told"]
    memory.remember({("shop", name): Loaded(None, {}, 0, START) for name in names})
    delta = Delta(1, 0, 5, [CustomerShare("shop", "@first", "visitor-1")])
    items = decoded([Entry(0, START, encode_record(delta))], made.sites)
    memory.deadlines.fill([(START, f"shop/{name}", ("shop", name)) for name in names], horizon=START, is_all=True)
    folds.fold(items, memory)
    assert fired == [("@first", 0), ("@told", 0)]
    told = memory.people["shop", "@told"]
    assert isinstance(told, Customer)
    assert told.state.named_counts() == {"page_views": 7}


async def test_a_deadline_that_raises_harms_no_record_and_is_tried_again(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the process twice, as a rule does; then that person's deadlines wait for an hour."""
    ends, *others = rules.DEADLINES[Visitor]
    is_fixed = False

    def raises(visitor: Visitor, out: Out) -> None:
        if visitor.id == poor and not is_fixed:
            raise ZeroDivisionError("a mistake of ours")
        ends.fire(visitor, out)

    monkeypatch.setitem(rules.DEADLINES, Visitor, (ends._replace(fire=raises), *others))
    poor, other = of_lane_1(made, 2)
    await made.start()
    await made.append(event(poor, "page", 0, 0), event(other, "page", 0, 0), at=0)
    await made.append(event(other, "page", 1, 40 * MINUTE), at=40 * MINUTE)
    before = metrics.DEADLINE_FAILURES._value.get()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await made.run()
        await made.start()
    await made.run()
    assert metrics.DEADLINE_FAILURES._value.get() == before + 1
    assert (await made.totals())["sessions"] == 1
    assert (await made.ledger())["applied"] == 3
    is_fixed = True
    await made.pass_time(30 * MINUTE)
    assert (await made.totals())["sessions"] == 2, "the other's second visit, and not yet the one that waits"
    await made.pass_time(31 * MINUTE)
    assert (await made.totals())["sessions"] == 3


async def test_a_state_that_cannot_be_read_harms_no_other_person(made: Timeline) -> None:
    """Its deadlines are put off, its own events are dead letters, and the lane goes on."""
    poor, other = of_lane_1(made, 2)
    await made.append(event(poor, "page", 0, 0), event(other, "page", 0, 0), at=0)
    await made.run()
    await made.redis.set(made.store.keys.state(1, "shop", poor), '{"pages":[]}')
    await made.start()
    for number in range(1, 4):
        await made.append(event(other, "page", number, 40 * MINUTE + number), at=40 * MINUTE + number)
    await made.append(event(poor, "page", 1, 41 * MINUTE), event(other, "page", 9, 41 * MINUTE), at=41 * MINUTE)
    for _ in range(8):
        try:
            await made.run()
            break
        except Exception:
            await made.start()
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["dead"]) == (6, 1)


async def test_members_of_the_due_set_that_name_nobody_are_removed(made: Timeline) -> None:
    await made.append(event("visitor-1", "page", 0, 0))
    await made.run()
    due = made.store.keys.due(made.lane("visitor-1"))
    await made.redis.zadd(due, {b"nobody": 1, b"shop/": 1, b"\xff\xfe/": 1})
    await made.start()
    await made.pass_time(31 * MINUTE)
    assert (await made.totals())["sessions"] == 1
    assert await made.redis.zscore(due, b"nobody") is None


@pytest.mark.parametrize("score", ["-inf", "inf", "1e300", "-5.5"])
async def test_a_score_of_the_due_set_that_is_no_time_stops_nothing(made: Timeline, score: str) -> None:
    one, other = of_lane_1(made, 2)
    await made.append(event(one, "page", 0, 0), event(other, "page", 0, 0), at=0)
    await made.run()
    due = made.store.keys.due(1)
    await made.redis.execute_command("ZADD", due, score, f"shop/{one}", score, "shop/nobody")
    await made.start()
    await made.append(event(one, "page", 1, 1), at=1)
    await made.run()
    await made.append(event(other, "page", 1, 40 * MINUTE), at=40 * MINUTE)
    await made.run()
    assert (await made.totals())["sessions"] == 2


async def test_visits_of_a_site_that_is_configured_no_more_end(made: Timeline) -> None:
    """And its people, by the defaults."""
    await made.append(event("visitor-1", "page", 0, 0))
    await made.run()
    made.sites = {"other": SiteFacts(Site(key="other"))}
    await made.start()
    await made.pass_time(31 * MINUTE)
    assert (await made.totals())["sessions"] == 1
    due = made.store.keys.due(made.lane("visitor-1"))
    assert await made.redis.zrange(due, 0, -1, withscores=True) == [(b"shop/visitor-1", START + 13 * MONTH_MS)]


async def test_people_whose_deadlines_have_fired_leave_the_memory(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are due before one record."""
    calls_of(10, monkeypatch)
    monkeypatch.setattr(firing, "DUE_BEFORE_ONE", 10_000)
    monkeypatch.setattr("processor.worker.MOST_PEOPLE", 25)
    many = of_lane_1(made, 150)
    await made.start()
    await made.append(*(event(visitor, "page", 0, 0) for visitor in many), at=0)
    await made.run()
    await made.start()
    await made.append(event(many[0], "page", 1, 60 * MINUTE), at=60 * MINUTE)
    await made.run()
    assert (await made.totals())["sessions"] == 150
    assert len(made.workers[1]._memory.people) <= 25 + 10
