"""Data of an earlier version work with the current code, and a replay builds the new format."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.former import DAYS, FILE, IDS, LATER, after, arrive, brought_back, left_in
from tests.replay_stand import Stand
from tests.timeline import DAY, START, Timeline, close, with_a_value
from wakeline.kept import Kept
from wakeline.keys import DEPLOYMENT
from wakeline.log import Log
from wakeline.log.kafka import KafkaLog
from wakeline.numbers import FUNNEL, MONEY_NAMES
from wakeline.told import (
    BEGAN,
    BOUGHT,
    CLAIM,
    CUSTOMER,
    EARLIEST,
    FORMER_VISITOR,
    VISITOR,
    customer_of,
    decode_thing,
    visitor_of,
)

FILES = pytest.mark.parametrize("file", [FILE, LATER], ids=["former", "later"])
COUNTED_ANEW = {
    "events", "bounces", "orders", "orders_back", "orders_unpriced", "pieces", "pieces_back", "carts",
    "carts_abandoned", "cart", "first_source_class", "last_source_class", *MONEY_NAMES,
    "not_found", "visits_new", "visits_returning", "scrolled", "bot_views", *(number.name for number in FUNNEL),
}  # fmt: skip
LISTED_ANEW = (
    "source_classes",
    "events",
    "products",
    "categories",
    "coupons",
    "carted",
    "countries",
    "not_found",
    "viewed",
    "bot_reasons",
    "steps",
    "back",
)
"""What the former code counted by other rules, so that only a replay gives it as the present code would have."""


@pytest.fixture(params=["in memory", "on Kafka"])
async def former_log(request: pytest.FixtureRequest) -> AsyncIterator[Log | None]:
    """None: the one in memory."""
    if request.param == "in memory":
        yield None
        return
    log = await KafkaLog.open(f"{request.getfixturevalue('kafka').url}/{request.getfixturevalue('topic')}", 4)
    yield log
    await log.close()


@asynccontextmanager
async def gone_on(server: Any, file: Path, log: Log | None) -> AsyncIterator[Timeline]:
    """The former deployment, after all that came since."""
    made = await brought_back(server.url, file, log)
    try:
        await made.run()
        await arrive(made, after())
        await made.run()
        await made.pass_time(DAY)
        yield made
    finally:
        await made.close()


async def folded_from_the_start(server: Any, records: Timeline) -> tuple[dict[str, Any], dict[Any, float]]:
    """The numbers of a deployment that had the present code from its first record on."""
    made = Timeline(server.url)
    await made.redis.flushall()
    made.log, made.now = records.log, records.now
    await made.start()
    await made.run(batch=70)
    found = await seen(made), await made.scores(IDS)
    await made.close()
    return found


async def seen(made: Timeline) -> dict[str, Any]:
    names = made.store.keys
    things = {
        key.removeprefix(names.prefix.encode()).decode(): {"": await made.redis.get(key)}
        for key in await made.redis.keys(f"{names.prefix}*:thing:*")
    }
    assert len(things) == 6
    return await made.numbers(IDS, DAYS) | things


NAMING = (CLAIM, CUSTOMER, VISITOR, FORMER_VISITOR)


def as_told(stored: bytes) -> tuple[str, str, list[Kept]]:
    """Whom a thing names, and what was told of it, as former versions stored it."""
    told = decode_thing(stored).told
    customer, visitor = customer_of(told)[0], visitor_of(told)
    for one in told:
        for name in (BOUGHT, BEGAN, *NAMING):
            one.fields.pop(name, None)
        if f"{EARLIEST}{one.fields.get('state')}" in one.fields:  # of a contact, as service orders have no such times
            del one.fields["state"]
    return customer, visitor, [one for one in told if one.fields]


def without_class(session: str) -> str:
    """What is shown of a visit, without the class of its source, which the former code did not know."""
    said = msgspec.json.decode(session)
    said.pop("source_class", None)
    return msgspec.json.encode(said).decode()


def without_counted_anew(found: dict[Any, Any]) -> dict[Any, Any]:
    """Numbers that both codes count alike."""
    kept: dict[Any, Any] = {}
    for name, value in found.items():
        if isinstance(name, tuple) and name[1] in LISTED_ANEW:
            continue
        if ":thing:" in name:  # what was counted of an order lies with it
            kept[name] = as_told(value[""])
            continue
        kept[name] = {
            field: without_class(n) if field == "session" else n
            for field, n in with_a_value(value).items()
            if field.partition(":")[0] not in COUNTED_ANEW
        }
    return kept


@FILES
async def test_it_goes_on_where_the_former_code_stopped(redis_server: Any, file: Path, former_log: Log | None) -> None:
    """Duplicates are detected, open visits continue, waiting deltas are sent, and the ledger balances."""
    async with gone_on(redis_server, file, former_log) as made:
        ledger = await made.ledger()
        assert ledger["dead"] == 1
        assert ledger["duplicate"] > 50
        assert ledger["too_late"] == 0
        found, scores = await seen(made), await made.scores(IDS)
        wanted, wanted_scores = await folded_from_the_start(redis_server, made)
    assert found["totals"]["page_views"] > 700
    assert without_counted_anew(found) == without_counted_anew(wanted)
    close(scores, wanted_scores)


@FILES
async def test_a_replay_of_it_is_as_if_the_present_code_had_always_run(
    redis_server: Any, file: Path, former_log: Log | None
) -> None:
    async with gone_on(redis_server, file, former_log) as made:
        await made.redis.hset(DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
        replayed = Stand(made, redis_server.url)
        await replayed.switch(2)
        await made.run()
        found, scores = await seen(made), await made.scores(IDS)
        await replayed.redis.aclose()
        wanted, wanted_scores = await folded_from_the_start(redis_server, made)
    assert found == wanted
    close(scores, wanted_scores)


@FILES
async def test_who_the_former_code_forgot_stays_forgotten(
    redis_server: Any, file: Path, former_log: Log | None
) -> None:
    async with gone_on(redis_server, file, former_log) as made:
        assert not await made.profile("erased")
        assert not await made.profile("withdrawn")
        assert not await made.interests("erased")


@FILES
async def test_a_withdrawal_ends_what_browsers_told_the_former_code(
    redis_server: Any, file: Path, former_log: Log | None
) -> None:
    async with gone_on(redis_server, file, former_log) as made:
        assert not await made.profile("visitor-4")
        assert "customer" not in await made.profile("visitor-0"), "it was linked to the same customer"
        for id in ("@customer0", "@late"):
            profile = await made.profile(id)
            assert (profile["visitors"], profile["last_source"]) == ("[]", ""), "servers told of both"
            assert not await made.interests(id)


@FILES
def test_the_former_deployment_is_not_empty(file: Path) -> None:
    """It holds each kind of key that is written for people and numbers."""
    found = left_in(file)
    kinds = {":".join(name.split(":")[1:4])[4:] for name, _, _ in found["keys"] if name.startswith("wl1:{")}
    for kind in ("shop:state", "shop:profile", "shop:interests", "shop:totals", "shop:day", "shop:top"):
        assert kind in kinds
    assert {"outbox", "dead", "lane", "due", "hop"} <= {name.split(":")[-1] for name, _, _ in found["keys"]}
    tops = {name.split(":")[-2] for name, _, _ in found["keys"] if ":top:" in name}
    assert tops == {
        "pages", "engaged_ms", "entries", "exits", "sources", "campaigns", "interests", "events", "bots",
    }  # fmt: skip
