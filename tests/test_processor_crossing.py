"""A replay crosses hops: customers get the shares of the new version's lanes, when the log's deltas say so."""

from __future__ import annotations

import random
from typing import Any

import pytest

from crm import rules
from crm.interests import scoring
from crm.sites import SiteFacts
from processor import crossing, replay_lane
from processor.replay import Replay, replay
from tests.replay_stand import DAYS, IDS, Stand, stand
from tests.timeline import MINUTE, SECOND, Timeline, a_week_of_visits, event
from wakeline.keys import Keys
from wakeline.record import Delta, encode_record
from wakeline.settings import InterestRule, Site

SHOES = Site(key="shop", interests=(InterestRule(path="/shoes/*", interest="Shoes"),))
BOOTS = Site(key="shop", interests=(InterestRule(path="/shoes/*", interest="boots"),))
CUSTOMER = "@customer0"


async def visits(made: Timeline, *, seed: int = 1, visitors: int = 6) -> None:
    """A week of visits, some of customers, folded a few records at a time."""
    rng = random.Random(seed)
    for one in sorted(a_week_of_visits(rng, visitors=visitors), key=lambda one: one.time):
        await made.append(one)
        if rng.random() < 0.3:
            await made.run()
    await made.run()


async def test_a_changed_rule_reaches_customers(state: Any) -> None:
    """As if it had been there from the start: visitors and customers have the new interest, and none the old one."""
    async with stand(state) as live:
        made = live.made
        made.sites = {"shop": SiteFacts(BOOTS)}
        await made.start()
        await visits(made)
        wanted = await made.numbers(IDS, DAYS), await made.scores(IDS)
    assert any(name == "boots" and id == CUSTOMER for id, name in wanted[1]), "a customer of these visits saw shoes"
    async with stand(state) as live:
        made = live.made
        await visits(made)
        made.sites = {"shop": SiteFacts(BOOTS)}
        await live.switch(2, batch_records=7)
        await settle(live)
        assert await made.numbers(IDS, DAYS) == wanted[0]
        assert await made.scores(IDS) == pytest.approx(wanted[1])


async def test_a_new_field_reaches_customers(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that former code did not have."""

    def weigh(one: Any, visitor: Any, out: Any) -> None:
        plain(one, visitor, out)
        if visitor.may_profile and one.type == "page_view":
            visitor.add_interest("views", 1.0)

    plain = scoring.weigh
    async with stand(state) as live:
        await visits(live.made)
        made = [(name, weigh if rule is plain else rule, types) for name, rule, types in rules.RULES]
        monkeypatch.setattr(rules, "RULES", tuple(made))
        await live.switch(2)
        await settle(live)
        for id in (CUSTOMER, "@customer1"):
            views = int((await live.made.profile(id)).get("page_views", 0))
            assert (await live.made.interests(id)).get("views", 0) == views, id


async def settle(live: Stand) -> None:
    """What lay in outboxes is sent, and heard."""
    for _ in range(3):
        await live.made.run()


async def test_what_no_delta_of_the_log_covers_comes_after_the_switch(
    state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former rules told the customer nothing of a visit: a lane sends it as it sends anything."""
    async with stand(state) as live:
        made = live.made
        await made.append(event("visitor-1", "page-1", 0, 0))
        await made.append(event("visitor-1", "page-1", 1, 1, "identify", customer=CUSTOMER))
        await made.run()
        await made.run()
        former = tuple(rule for rule in rules.RULES if rule[0] not in ("content", "interests", "sources"))
        with monkeypatch.context() as patched:
            patched.setattr(rules, "RULES", former)
            await made.start()
            await made.append(event("visitor-1", "page-2", 0, 2 * SECOND, path="/shoes/red"))
            await made.run()
            await made.run()
        ended = (await made.log.bounds(range(4)))[made.lane(CUSTOMER)].end
        await live.switch(2)
        assert (await made.profile(CUSTOMER))["page_views"] == "1"
        await settle(live)
        assert (await made.profile(CUSTOMER))["page_views"] == "2"
        assert set(await made.interests(CUSTOMER)) == {"shoes"}
        assert (await made.log.bounds(range(4)))[made.lane(CUSTOMER)].end == ended + 1


async def test_a_version_that_crosses_is_folded_to_the_logs_end(state: Any) -> None:
    """What live lanes told each other last was made by the former rules; records that came meanwhile lie between."""
    async with stand(state) as live:
        made = live.made
        await made.append(
            event("visitor-1", "page-one", 0, 0), event("visitor-1", "page-one", 1, 1, "identify", customer=CUSTOMER)
        )
        await live.owe()
        await made.append(event("visitor-1", "page-two", 0, 2, path="/shoes/red"))
        made.sites = {"shop": SiteFacts(BOOTS)}
        await live.switch(2)
        assert (await made.totals())["page_views"] == 2
        await settle(live)
        assert (await made.profile(CUSTOMER))["page_views"] == "2"
        assert set(await made.interests(CUSTOMER)) == {"boots"}


@pytest.mark.parametrize("seed", range(3))
async def test_cut_anywhere_it_goes_on(state: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes stand in different places then, and what one has made for another lies in its outbox."""
    monkeypatch.setattr(replay_lane, "WRITES_BETWEEN_CLEARINGS", 2)
    monkeypatch.setattr(crossing, "MOST_AHEAD", 3)
    rng = random.Random(seed)
    async with stand(state) as live:
        made = live.made
        await visits(made, seed=seed)
        facts: dict[str, Any] = {"sites": made.sites, "deployment": made.deployment, "key_space": Keys(2)}

        class Cut(Exception):
            pass

        for most in range(1, 12):
            left = most

            def progress(records: int) -> None:
                nonlocal left
                left -= 1
                if not left:
                    raise Cut

            try:
                await replay(made.log, made.redis, batch_records=rng.randint(1, 9), progress=progress, **facts)
            except Cut:
                continue
            break
        await replay(made.log, made.redis, **facts)
        assert await made.numbers(IDS, DAYS, Keys(2)) == await made.numbers(IDS, DAYS)
        assert await made.scores(IDS, Keys(2)) == pytest.approx(await made.scores(IDS))
        owed = [await made.redis.xlen(Keys(2).outbox(lane)) for lane in range(4)]
        assert sum(owed) <= 4, "what was heard for good is removed, but for the last of each pair of lanes"


async def test_lanes_that_wait_for_each_other_in_a_circle_go_on(made: Timeline, caplog: Any) -> None:
    """No live deployment writes such a log. It is said, and the replay ends."""
    lanes = made.lane(CUSTOMER), (made.lane(CUSTOMER) + 1) % 4
    for lane, other in (lanes, lanes[::-1]):
        await made.log.append([(lane, encode_record(Delta(source=other, after=0, upto=2)))])
        await made.log.append([(lane, encode_record(Delta(source=other, after=2, upto=3)))])
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2))
    assert (await made.ledger(Keys(2)))["derived"] == 4
    assert "cannot reach" in caplog.text


async def test_a_lane_that_others_tell_nothing_is_not_read_far_ahead(
    state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has made for others waits in memory: it is no more than some."""
    monkeypatch.setattr(crossing, "MOST_AHEAD", 10)
    most = 0
    async with stand(state) as live:
        made = live.made
        visitor = next(f"visitor-{n}" for n in range(40) if made.lane(f"visitor-{n}") != made.lane(CUSTOMER))
        await made.append(event(visitor, "page", 0, 0), event(visitor, "page", 1, 1, "identify", customer=CUSTOMER))
        for number in range(300):
            await made.append(event(visitor, f"page-{number}", 0, number * MINUTE))
            await made.run()
        heard = replay_lane.HeardByLane.made

        def watched(self: Any, at: Any, changes: Any) -> None:
            nonlocal most
            heard(self, at, changes)
            most = max(most, sum(map(len, self._crossing._shares.values())))

        monkeypatch.setattr(replay_lane.HeardByLane, "made", watched)
        made_anew = Replay(
            made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=Keys(2), crosses=True,
            batch_records=5,
        )  # fmt: skip
        await made_anew.advance({lane: bounds.end for lane, bounds in (await made.log.bounds(range(4))).items()})
        assert 0 < most <= 20
        assert (await made.profile(CUSTOMER, Keys(2)))["page_views"] == (await made.profile(CUSTOMER))["page_views"]
