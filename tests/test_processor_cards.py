"""A card ends with its customer: by an erasure in the call that sets the tombstone, by age, never by a replay."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from processor.replay import replay
from processor.rewriting import Rewriting, note_erasure
from processor.store import StoreUnavailable
from tests.ages import MONTHS, V, W, arrive, identify, settle, until, visit
from tests.cards import ALICE, BEN, EMAIL, PHONE, Desk, card, desk_on, holds
from tests.replay_stand import Stand, rebuilt, stand
from tests.timeline import DAY, MINUTE, START, Timeline, fact, timeline
from wakeline import card_keys, keys
from wakeline.cards import Card
from wakeline.keys import Keys
from wakeline.record import Erase, Fact
from wakeline.redis.connect import connect


@pytest.fixture
async def desk(quick: Timeline, redis_server: Any, tmp_path: Path) -> AsyncIterator[Desk]:
    """Of a site that knows customers for two months."""
    made = await desk_on(quick.redis, redis_server.url, tmp_path)
    yield made
    await made.reader.close()


@pytest.fixture
async def replayed(redis_server: Any, tmp_path: Path) -> AsyncIterator[tuple[Stand, Desk]]:
    async with stand(redis_server) as made:
        desk = await desk_on(made.redis, redis_server.url, tmp_path)
        yield made, desk
        await desk.reader.close()


def erasure(at: int, id: str = ALICE) -> Erase:
    return Erase(site="shop", id=id, time=START + at)


@pytest.mark.parametrize("whose", [ALICE, V])
async def test_who_is_erased_has_no_card(quick: Timeline, desk: Desk, whose: str) -> None:
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await desk.write(card(at=1), card(BEN, 1))
    await arrive(quick, erasure(MINUTE, whose), at=MINUTE)
    assert await desk.values() == {}
    assert await desk.find(EMAIL) == [BEN]
    assert [one.endswith(BEN) for one in await desk.index()] == [True] * 5
    assert await desk.write(card(at=MINUTE)) == 1
    assert await quick.redis.keys(f"*:card:{ALICE}") == []


async def test_who_was_erased_has_a_card_again_only_after_a_return(quick: Timeline, desk: Desk) -> None:
    """A shop that says everybody's values every night says them of the erased ones too."""
    await desk.write(card(at=1))
    await arrive(quick, erasure(MINUTE), at=MINUTE)
    assert await desk.write(card(at=2 * MINUTE)) == 1
    assert await desk.values() == {}
    assert await desk.index() == []
    returning = Card("shop", ALICE, START + 3 * MINUTE, {}, returns=True)
    assert await desk.write(returning, card(at=4 * MINUTE, email=EMAIL)) == 0
    assert await desk.values() == {"email": EMAIL}
    await arrive(quick, erasure(5 * MINUTE), at=5 * MINUTE)
    assert await desk.write(card(at=6 * MINUTE)) == 1
    assert await desk.values() == {}


async def test_without_a_card_no_file_has_to_be_rewritten(quick: Timeline, desk: Desk) -> None:
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await arrive(quick, erasure(MINUTE), at=MINUTE)
    assert not await quick.redis.exists(card_keys.ERASED)
    await desk.write(card(BEN))
    await arrive(quick, erasure(MINUTE, BEN), at=MINUTE)
    assert await quick.redis.exists(card_keys.ERASED)


async def test_somebody_of_whom_only_the_card_is_known_can_be_erased(quick: Timeline, desk: Desk) -> None:
    await desk.write(card(at=1))
    await arrive(quick, erasure(MINUTE), at=MINUTE)
    assert await desk.values() == {}


def told(at: int, *, id: str = "", **fields: Any) -> Fact:
    """The event of a card."""
    return fact(ALICE, "customer", at, fields, id=id, told=["email"])


async def test_what_was_said_after_the_erasure_goes_unless_somebody_came_back(quick: Timeline, desk: Desk) -> None:
    """The collector wrote the cards while the erasure waited in the log, so it did not know that they are refused."""
    await desk.write(card(at=1, email=EMAIL, name="Jo"))
    await quick.append(erasure(MINUTE), at=MINUTE)
    await desk.write(card(at=3 * MINUTE, email=EMAIL, name="Jo"), card(at=2 * MINUTE, phone=PHONE))
    await quick.append(told(3 * MINUTE), told(2 * MINUTE), at=3 * MINUTE)
    await settle(quick)
    assert await desk.values() == {}
    assert await desk.index() == []
    await quick.append(erasure(4 * MINUTE), at=4 * MINUTE)
    await desk.write(card(at=5 * MINUTE, name="Jo"), card(at=6 * MINUTE, email="new@x.example", returns=True))
    await arrive(quick, told(5 * MINUTE), told(6 * MINUTE, returns=True), at=6 * MINUTE)
    assert await desk.values() == {"email": "new@x.example"}
    assert await desk.find("jo") == await desk.find(EMAIL) == []
    assert await desk.find("new@x.example") == [ALICE]
    await desk.write(card(at=7 * MINUTE, name="Jo"))
    await arrive(quick, told(7 * MINUTE), at=7 * MINUTE)
    assert await desk.values() == {"email": "new@x.example", "name": "Jo"}


async def test_a_conflict_leaves_no_card_of_who_was_erased_either(quick: Timeline, desk: Desk) -> None:
    """A shop may say everybody's values every night by the same id."""
    await arrive(quick, told(0, id="1" * 16), at=1)
    await quick.append(erasure(MINUTE), at=MINUTE)
    await desk.write(card(at=2 * MINUTE, email=EMAIL))
    await arrive(quick, told(2 * MINUTE, id="1" * 16), at=2 * MINUTE)
    assert await desk.values() == {}


async def test_a_lane_that_is_folded_again_ends_no_card_of_who_came_back(
    quick: Timeline, desk: Desk, redis_server: Any
) -> None:
    await arrive(quick, erasure(MINUTE), at=MINUTE)
    await arrive(quick, told(4 * MINUTE), at=4 * MINUTE)
    await desk.write(card(at=3 * MINUTE, email=EMAIL, returns=True))
    await arrive(quick, told(3 * MINUTE, returns=True), at=5 * MINUTE)
    lane = quick.lane(ALICE)
    await quick.redis.hset(quick.store.keys.lane(lane), "torn", "1")
    client = connect(redis_server.url)
    await rebuilt(quick, client, quick.log, lane)
    await client.aclose()
    assert await desk.values() == {"email": EMAIL}


async def test_card_and_tombstone_are_of_one_call(quick: Timeline, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the call is not carried out, neither is there."""
    await desk.write(card(at=1))
    await quick.append(erasure(MINUTE), at=MINUTE)
    before = await quick.backup()

    async def lost(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("as the test wants it")

    with monkeypatch.context() as broken:
        broken.setattr(quick.store, "_write", lost)
        broken.setattr("processor.worker.LaneWorker._retry", lambda _, call: call())
        with pytest.raises(StoreUnavailable):
            await quick.run()
    noted = card_keys.ERASED.encode()
    after = await quick.backup()
    changed = {key for key in before | after if before.get(key, (b"",))[0] != after.get(key, (b"",))[0]}
    assert changed <= {noted, *(key for key in changed if key.endswith(b":lane"))}  # a death is noted there
    await quick.start()
    await quick.run()
    assert await desk.values() == {}
    assert await quick.redis.get(keys.tombstone(quick.lane(ALICE), "shop", ALICE))


async def test_who_ends_by_age_has_no_card(quick: Timeline, desk: Desk) -> None:
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE), visit(W, 0), identify(W, 0, BEN))
    await desk.write(card(), card(BEN))
    await arrive(quick, visit(W, MONTHS // 2))
    await until(quick, 2 * MONTHS - 1)
    assert await desk.find(EMAIL) == [ALICE, BEN]
    await until(quick, 2 * MONTHS)
    assert await desk.values() == {}
    assert await desk.find(EMAIL) == [BEN]


async def test_who_only_servers_told_of_has_no_card_after_the_end_by_age_either(quick: Timeline, desk: Desk) -> None:
    await desk.write(card(at=1, email=EMAIL))
    await arrive(quick, told(1))
    await until(quick, 2 * MONTHS)
    assert await desk.values() == {"email": EMAIL}
    await until(quick, 2 * MONTHS + 1)
    assert await desk.values() == {}


async def test_a_card_whose_event_is_not_heard_of_yet_outlives_the_end_of_the_customer(
    quick: Timeline, desk: Desk
) -> None:
    """The event was appended after what ended the customer, and the card written before."""
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await desk.write(card(email=EMAIL, name="Jo"), card(at=MONTHS, email="new@x.example"))
    await until(quick, 2 * MONTHS)
    assert await desk.values() == {"email": "new@x.example"}
    await arrive(quick, visit(W, 2 * MONTHS), identify(W, 2 * MONTHS, ALICE))
    assert await quick.profile(ALICE)


async def test_a_replay_leaves_cards_alone(replayed: tuple[Stand, Desk]) -> None:
    """Of somebody who came back after an erasure, and of somebody whom it ends earlier than the live version did."""
    made, desk = replayed
    await arrive(made.made, visit(V, 0), identify(V, 0, ALICE), visit(W, 0), identify(W, 0, BEN))
    await desk.write(card(BEN, 0))
    await arrive(made.made, erasure(MINUTE), at=MINUTE)
    await arrive(made.made, visit("visitor-3", DAY), identify("visitor-3", DAY, ALICE))
    await desk.write(card(at=DAY, returns=True))
    await until(made.made, 3 * MONTHS)
    await arrive(made.made, visit("visitor-4", 3 * MONTHS), identify("visitor-4", 3 * MONTHS, BEN))
    kept = {who: await desk.values(who) for who in (ALICE, BEN)}
    assert all(kept.values())
    made.made.sites = {"shop": _short()}
    await made.switch(2)
    assert {who: await desk.values(who) for who in (ALICE, BEN)} == kept
    assert await desk.find(EMAIL) == [ALICE, BEN]


def _short() -> Any:
    from crm.sites import SiteFacts
    from tests.ages import QUICK

    return SiteFacts(QUICK)


async def test_a_lane_that_is_folded_again_leaves_cards_alone(quick: Timeline, desk: Desk, redis_server: Any) -> None:
    """After a torn write; the customer came back with the values said before: they were told again."""
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await desk.write(card())
    await until(quick, 2 * MONTHS)
    assert await desk.values() == {}
    await arrive(quick, visit(W, 2 * MONTHS + 1), identify(W, 2 * MONTHS + 1, ALICE))
    await desk.write(card())  # an import says what it said before
    lane = quick.lane(ALICE)
    await quick.redis.hset(quick.store.keys.lane(lane), "torn", "1")
    client = connect(redis_server.url)
    await rebuilt(quick, client, quick.log, lane)
    await client.aclose()
    assert (await desk.values())["email"] == EMAIL


async def test_a_replay_into_nothing_deletes_no_card_either(quick: Timeline, desk: Desk) -> None:
    await arrive(quick, visit(V, 0), identify(V, 0, ALICE))
    await until(quick, 2 * MONTHS)
    await desk.write(card())
    await replay(quick.log, quick.redis, sites=quick.sites, deployment=quick.deployment, key_space=Keys(2))
    assert (await desk.values())["email"] == EMAIL


# ---- the file of the server -----------------------------------------------------------------------


async def test_an_erased_value_leaves_the_file_of_the_server(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.rewriting.CLOCKS_MS", -MINUTE)  # as if the rewrite had begun long after the erasure
    async with timeline(own_server) as made:
        desk = await desk_on(made.redis, own_server.url, tmp_path / "keys")
        await desk.write(card(at=1))
        hashes = [one.partition(":")[0] for one in await desk.index()]
        sealed = await made.redis.hget(card_keys.card(made.lane(ALICE), "shop", ALICE), "email")
        assert sealed is not None
        marks = (sealed.rpartition(b":")[2].decode(), hashes[0])
        await arrive(made, erasure(MINUTE), at=MINUTE)
        assert holds(own_server.folder, *marks).keys() == set(marks)
        rewriting = Rewriting(made.redis)
        await rewriting.look()
        assert not (await made.redis.info("persistence"))["aof_rewrite_in_progress"]  # there may be more
        since = int((await made.redis.hget(card_keys.ERASED, "first")) or 0)
        assert abs(time.time_ns() // 1_000_000 - since) < MINUTE
        await rewriting.look(after_ms=-1)
        while await made.redis.exists(card_keys.ERASED):
            await rewriting.look(after_ms=-1)
        assert holds(own_server.folder, *marks) == {}
        await desk.reader.close()


async def test_what_is_erased_while_the_file_is_rewritten_needs_another_one(own_server: Any) -> None:
    client = connect(own_server.url)
    rewriting = Rewriting(client)
    await note_erasure(client)
    await rewriting.look(after_ms=-1)
    began = rewriting._began
    assert began
    while (await client.info("persistence"))["aof_rewrite_in_progress"]:
        pass
    await note_erasure(client)  # within the minute by which clocks may differ
    await rewriting.look(after_ms=-1)
    assert rewriting._began == 0
    first, last = await client.hmget(card_keys.ERASED, "first", "last")
    assert first == last
    await client.aclose()


async def test_a_user_that_may_not_have_the_file_rewritten_does_without(
    own_server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    admin = connect(own_server.url)
    await admin.execute_command("ACL SETUSER processor on >pw ~* +@all -bgrewriteaof -info")
    client = connect(own_server.url.replace("redis://", "redis://processor:pw@"))
    await note_erasure(client)
    monkeypatch.setattr("processor.rewriting.LOOK_S", 0.01)
    monkeypatch.setattr("processor.rewriting.AFTER_MS", -1)
    monkeypatch.setattr(Rewriting.look, "__kwdefaults__", {"after_ms": -1})
    await Rewriting(client).run()
    assert "may not rewrite its file" in caplog.text
    await client.aclose()
    await admin.aclose()


async def test_a_cluster_rewrites_the_file_of_each_node(own_cluster: Any) -> None:
    client = connect(own_cluster.url)
    await note_erasure(client)
    rewriting = Rewriting(client)
    before = [node.ask("INFO", "persistence") for node in own_cluster.nodes]
    await rewriting.look(after_ms=-1)
    assert rewriting._began
    while rewriting._began:
        await rewriting.look(after_ms=-1)
    assert [node.ask("INFO", "stats") for node in own_cluster.nodes]
    files = [sorted(path.name for path in node.folder.rglob("appendonly.aof.*.base.*")) for node in own_cluster.nodes]
    assert all(names == ["appendonly.aof.2.base.rdb"] for names in files), before
    await client.aclose()
