"""Page instances beyond those in a visitor's state: none is forgotten too early, wherever it is stored."""

from __future__ import annotations

import random
from typing import Any

import pytest

from crm import pages
from crm.intake.state import Page
from crm.state import VisitorState, encode_state, encode_visitor
from processor.loaded import Loaded, visitor_of
from processor.people import FORGOTTEN_LIVES
from processor.replay import replay
from tests.thorough import cases
from tests.timeline import DAY, MINUTE, SECOND, START, Timeline, a_week_of_visits, event
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.record import Erase, Event

DAYS = [f"2027-01-{day}" for day in range(14, 27)]
IDS = [*(f"visitor-{number}" for number in range(6)), "@customer0", "@customer1"]
OFFICE = "~office"
HOUR = 60 * MINUTE


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every page instance lies outside of its visitor's state."""
    monkeypatch.setattr(pages, "READY_PAGES", 2)
    monkeypatch.setattr(pages, "KEPT_PAGES", 1)
    monkeypatch.setattr(pages, "PAST_LENGTH", 0)
    monkeypatch.setattr(pages, "STATE_BYTES", 300)


async def replayed(made: Timeline, *, batch: int) -> Keys:
    """Another version, made from the same log."""
    into = Keys(made.store.keys.version + batch)
    await replay(
        made.log,
        made.redis,
        sites=made.sites,
        deployment=made.deployment,
        key_space=into,
        batch_records=batch,
    )
    return into


async def page_keys(made: Timeline, visitor: str) -> list[str]:
    return sorted([key.decode() async for key in made.redis.scan_iter(f"wl1:*:shop:pages:{visitor}:*")])


# ---- many behind one id ---------------------------------------------------------------------------


def office(people: int) -> list[Event]:
    """The views of people who all come within 20 minutes, from one address with one browser."""
    step = 20 * MINUTE // people
    return [event(OFFICE, f"person-{n:06d}", 0, n * step, path=f"/{n % 30}") for n in range(people)]


@pytest.mark.parametrize("batch", [7, 2_000])
async def test_none_is_dropped_for_the_number_of_others(made: Timeline, batch: int) -> None:
    """A thousand people behind one address. What did not come through is sent again, and some of it twice."""
    views = office(1_000)
    got_through = views[::2]
    for one in got_through:
        await made.append(one)
    await made.run(batch=batch)
    await made.append(at=40 * MINUTE)
    await made.append(*views)
    await made.run(batch=batch)
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"], ledger["too_late"]) == (1_000, 500, 0)
    await made.start()
    await made.append(*random.Random(1).sample(views, k=1_000), at=6 * DAY)
    await made.append(*[event(OFFICE, one.page, 1, one.time - START + 9, "engagement", engaged_ms=1) for one in views])
    await made.run(batch=batch)
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"], ledger["too_late"]) == (2_000, 1_500, 0)
    assert (await made.totals())["page_views"] == 1_000
    await made.append(*views, at=8 * DAY + 20 * MINUTE)
    await made.run(batch=batch)
    assert (await made.ledger())["too_late"] == 1_000
    assert (await made.totals())["page_views"] == 1_000
    for into in [await replayed(made, batch=batch) for batch in (13, 2_000)]:
        assert await made.ledger(into) == await made.ledger()
        assert await made.numbers([], DAYS, into) == await made.numbers([], DAYS)


async def test_views_that_all_come_late_are_counted_once_each(made: Timeline) -> None:
    """Nothing of them was heard before: 6 days after they were made all of them come, from an outage of the office."""
    views = office(1_000)
    await made.append(*views, at=6 * DAY)
    await made.append(*views, at=6 * DAY + 20 * MINUTE)
    await made.run(batch=100)
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"], ledger["too_late"]) == (1_000, 1_000, 0)


# ---- the same, wherever they lie ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(cases(8)))
@pytest.mark.usefixtures("no_room")
async def test_in_any_order_across_restarts_and_replays_is_once(made: Timeline, seed: int) -> None:
    """A week, each event three times, with batches, restarts and replays of any size; as with room for all."""
    rng = random.Random(seed)
    events = a_week_of_visits(rng)
    late = max(one.time for one in events) - START
    await made.append(at=late)
    thrice = events * 3
    rng.shuffle(thrice)
    for one in thrice:
        await made.append(one)
        if rng.random() < 0.1:
            await made.run(batch=rng.choice([1, 7, 50]))
        if rng.random() < 0.02:
            await made.start()
    await made.run()
    await made.pass_time(DAY)
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"]) == (len(events), 2 * len(events))
    assert await made.redis.keys("wl1:*:shop:pages:visitor-*")
    scores = await made.scores(IDS)
    with pytest.MonkeyPatch.context() as room:
        room.setattr(pages, "READY_PAGES", 50)
        room.setattr(pages, "STATE_BYTES", 1 << 20)
        spacious = await replayed(made, batch=2_000)
    assert not await made.redis.keys("wl2001:*:shop:pages:*")
    for into in (spacious, *[await replayed(made, batch=batch) for batch in (1, 7)]):
        assert await made.numbers(IDS, DAYS, into) == await made.numbers(IDS, DAYS)
        assert await made.ledger(into) == ledger
        found = await made.scores(IDS, into)
        assert found.keys() == scores.keys()
        assert all(found[one] == pytest.approx(score, rel=1e-9) for one, score in scores.items())


@pytest.mark.usefixtures("no_room")
async def test_one_of_several_copies_the_latest_holds(made: Timeline) -> None:
    """An instance that was recalled and moved again lies in the keys of two days."""

    async def many_others(day: int) -> None:
        others = [event(OFFICE, f"other-{day}-{n:02d}", 0, day * DAY + n * SECOND) for n in range(30)]
        await made.append(*others)
        await made.run(batch=5)

    for day in range(4):
        await made.append(event(OFFICE, "page-of-all", day, day * DAY, "search"))
        await made.run()
        await many_others(day)
    assert len(await page_keys(made, OFFICE)) == 4
    await made.start()
    await made.append(*[event(OFFICE, "page-of-all", n, n * DAY, "search") for n in range(5)], at=4 * DAY)
    await made.run()
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"]) == (4 * 31 + 1, 4)


@pytest.mark.parametrize("at_hand", [True, False])
async def test_an_instance_is_known_as_long_wherever_it_lies(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, at_hand: bool
) -> None:
    """A made-up event under a number of long ago counts alike at hand and outside, so in a replay too."""
    if not at_hand:
        monkeypatch.setattr(pages, "STATE_BYTES", 100)
    for at in (0, 8 * DAY + HOUR, 17 * DAY):
        await made.append(event(OFFICE, "page-again", 0, at))
        await made.run()
    ledger = await made.ledger()
    assert (ledger["applied"], ledger["duplicate"]) == (2, 1)


# ---- states, keys and their lifetimes -------------------------------------------------------------


async def test_who_reads_a_hundred_pages_has_no_keys_more(made: Timeline) -> None:
    for n in range(100):
        await made.append(event("visitor-1", f"{n:030d}", 0, n * 10 * MINUTE, path="/shoes/red"))
        await made.append(event("visitor-1", f"{n:030d}", 1, n * 10 * MINUTE + 9, leave=True))
    await made.run(batch=10)
    assert not await page_keys(made, "visitor-1")
    lane = made.lane("visitor-1")
    assert await made.redis.strlen(made.store.keys.state(lane, "shop", "visitor-1")) < 12_000


async def test_keys_go_by_themselves_and_are_no_longer_asked_for(made: Timeline) -> None:
    """One for each day on which pages were moved, for nine days where the visitor is anonymous, for 16 else."""
    for day in (0, 1, 10):
        for visitor in (OFFICE, "visitor-1"):
            await made.append(*[event(visitor, f"page-{day}-{n:04d}", 0, day * DAY + n) for n in range(300)])
            await made.run(batch=100)
    for visitor, days in ((OFFICE, 9), ("visitor-1", 16)):
        names = await page_keys(made, visitor)
        first = START // DAY_MS
        assert sorted(int(name.rsplit(":", 1)[1]) - first for name in names) == [0, 1, 10]
        lives = [await made.redis.pttl(name) for name in names]
        assert all((days - 0.01) * DAY < life <= days * DAY for life in lives)
        lane = made.lane(visitor)
        loaded = await made.redis.get(made.store.keys.state(lane, "shop", visitor))
        again = visitor_of("shop", visitor, Loaded(loaded, {}, 0))
        assert again.state.days == [first, first + 1, first + 10]  # so that they can be removed
        assert pages.asked_for(again, ["page-x"], START + 10 * DAY)[0] == [first + 10, first + 1]
        assert pages.asked_for(again, ["page-x"], START + 11 * DAY)[0] == [first + 10]


async def test_of_who_withdrew_they_go_once_nothing_of_theirs_can_come_again(made: Timeline) -> None:
    await made.append(*[event("visitor-1", f"page-{n:04d}", 0, n) for n in range(300)])
    await made.run()
    (first,) = await page_keys(made, "visitor-1")
    await made.append(event("visitor-1", "page-0001", 1, DAY, "consent", level="off"))
    await made.run()
    assert 0 < await made.redis.pttl(first) <= int(FORGOTTEN_LIVES)
    await made.start()
    await made.append(*[event("visitor-1", f"page-{n:04d}", 0, n) for n in range(300)])
    await made.append(*[event("visitor-1", f"another-{n:04d}", 0, DAY + n) for n in range(300)])
    await made.run()
    ledger = await made.ledger()
    assert (ledger["duplicate"], ledger["too_late"]) == (300, 0)
    names = await page_keys(made, "visitor-1")
    assert len(names) == 2
    for name in names:
        assert 0 < await made.redis.pttl(name) <= int(FORGOTTEN_LIVES)


async def test_a_state_of_former_code_goes_on(made: Timeline) -> None:
    """It may be half a megabyte, and have forgotten pages: what it knows is known, what it refused it refuses."""
    heavy = [f"interest {more} " + "\U0001f45f" * 50 for more in range(8)]
    past = "".join(
        f"\npage-{n:04d} {encode_state(Page(1, f'{1 << 2046:x}', START + n, 0, heavy)).decode()}"
        for n in range(100, 330)
    )
    former = VisitorState(
        set_aside_pages=past, forgotten_until=START + 99, first_seen=START, last_seen=START + 330, was_new=True
    )
    name = made.store.keys.state(made.lane("visitor-1"), "shop", "visitor-1")
    assert len(encode_state(former)) > 400_000
    await made.redis.set(name, encode_state(former))
    await made.append(*[event("visitor-1", f"page-{n:04d}", 0, n) for n in range(330)], at=MINUTE)
    await made.append(event("visitor-1", "page-0400", 0, 2 * MINUTE))
    await made.run(batch=1)
    ledger = await made.ledger()
    assert (ledger["too_late"], ledger["duplicate"], ledger["applied"]) == (100, 230, 1)
    assert await made.redis.strlen(name) <= 12_288


async def test_a_version_is_removed_with_them(made: Timeline) -> None:
    from processor.versions import drop

    await made.append(*[event(OFFICE, f"page-{n:04d}", 0, n) for n in range(300)])
    await made.run()
    into = await replayed(made, batch=3)
    assert await made.redis.keys(f"{into.prefix}*:shop:pages:*")
    await drop(made.redis, into.version)
    assert not await made.redis.keys(f"{into.prefix}*")
    assert await page_keys(made, OFFICE)


async def test_what_a_batch_recalled_is_not_kept(made: Timeline) -> None:
    """Neither what was loaded for a batch nor what it moved stays in memory."""
    worker = made.workers[made.lane(OFFICE)]
    for _ in range(2):
        await made.append(*[event(OFFICE, f"page-{n:04d}", 0, n) for n in range(1_000)])
        await made.run(batch=500)
    other = next(id for n in range(100) if made.lane(id := f"visitor-{n}") == made.lane(OFFICE))
    await made.append(event(other, "page-after", 0, 2_000))
    await made.run()
    visitor: Any = worker._memory.people["shop", OFFICE]
    assert visitor.outside is None
    assert len(encode_visitor(visitor.state)) <= pages.STATE_BYTES


@pytest.mark.parametrize("where", ["at hand", "in the state", "outside"])
async def test_what_a_forgotten_page_was_about_is_nowhere(
    made: Timeline, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Late engagement with it weighs nothing, live as in a replay; it is known as counted all the same."""
    if where == "outside":
        monkeypatch.setattr(pages, "PAST_LENGTH", 0)
    views = 3 if where == "at hand" else 20
    for n in range(views):
        await made.append(event("visitor-1", f"page-{n:03d}", 0, n * 10 * MINUTE, interests=["a secret"]))
    await made.run()
    assert b"a secret" in await all_that_redis_holds(made)
    end = views * 10 * MINUTE
    await made.append(Erase(site="shop", id="visitor-1", time=made.now), at=end)
    await made.run()
    await made.redis.delete(*await made.redis.keys("*:top:*"))  # the site's numbers stay
    assert b"a secret" not in await all_that_redis_holds(made)
    await made.append(event("visitor-1", "page-000", 1, end + 5_000, "engagement", engaged_ms=30_000))
    await made.append(event("visitor-1", "page-001", 0, 10 * MINUTE), at=end + 6_000)
    await made.run()
    assert (await made.ledger())["duplicate"] == 1
    into = Keys(2)
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into)
    assert await made.interests("visitor-1") == await made.interests("visitor-1", into) == {}


async def all_that_redis_holds(made: Timeline) -> bytes:
    found: list[bytes] = []
    for name in await made.redis.keys("*"):
        match await made.redis.type(name):
            case b"string":
                found.append(await made.redis.get(name))
            case b"hash":
                found += (await made.redis.hgetall(name)).values()
            case b"zset":
                found += await made.redis.zrange(name, 0, -1)
    return b"\n".join(found)
