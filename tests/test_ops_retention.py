"""`wakeline retention --dry-run` counts what is kept, and what goes when; the processor lets the same things go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.segment import OpenSegment
from ops import retention
from ops.cli import main
from ops.retention import KINDS, going
from tests.ages import MONTHS, arrive, identify, settle, until, visit
from tests.cards import ALICE, BEN, EMAIL, Desk, card, desk_on
from tests.timeline import DAY, MINUTE, START, event, fact, timeline
from wakeline import keys
from wakeline.history.folder import Folder
from wakeline.lanes import FIELDS, stored_deployment
from wakeline.log import Entry
from wakeline.log.opening import open_log
from wakeline.record import Delta, Erase, encode_record
from wakeline.settings import Config, Settings, Site

SITE = Site(key="shop", visitor_months=1, visitor_most_months=1, customer_months=2)
MONTH = MONTHS
V, W, NEW = "visitor-1", "visitor-2", "visitor-3"


@pytest.fixture
def config(redis_server: Any, tmp_path: Path) -> Config:
    settings = Settings(redis=redis_server.url, data=tmp_path / "data", archive="off", lanes=4)
    return Config(settings, {"shop": SITE})


async def counted(config: Config, at: int) -> dict[str, tuple[int, int, int]]:
    """At `at` ms after START: kind -> held, due, soon due; of kinds that there are."""
    rows = await going(config, START + at)
    assert [row.kind for row in rows] == list(KINDS)
    return {row.kind: (row.held, row.now, row.soon) for row in rows if row.held}


async def test_it_counts_what_the_processor_lets_go(config: Config, redis_server: Any, tmp_path: Path) -> None:
    """Both before the deadlines pass and after: what was due is gone, and nothing else."""
    async with timeline(redis_server, sites=(SITE,)) as made:
        desk: Desk = await desk_on(made.redis, redis_server.url, tmp_path)
        await desk.write(card(ALICE, 0, email=EMAIL, name="Jo Doe"), card(BEN, 20 * DAY, own_id="ben"))
        told = fact("#contact:" + "2" * 32, "contact", 3, {"channel": "phone"}, customer=ALICE)
        await made.append(told, fact(ALICE, "tag", 4, {"tag": "vip"}), fact(BEN, "tag", 5, {"tag": "vip"}), at=MINUTE)
        await settle(made)
        await arrive(
            made,
            visit(V, 2 * MINUTE),
            identify(V, 2 * MINUTE, ALICE),
            visit(W, 3 * MINUTE),
            event("~" + "a" * 32, "p", 0, 4 * MINUTE),
        )
        await arrive(made, Erase(site="shop", id=W, time=START + 5 * MINUTE), at=5 * MINUTE)
        await arrive(made, visit(NEW, 25 * DAY))
        await made.append(fact(BEN, "tag", 25 * DAY, {"tag": "new"}), b"no JSON")
        await settle(made)
        found = await counted(config, 25 * DAY)
        assert found["visitors"] == (2, 0, 1)
        assert found["customers"] == (2, 0, 0)
        assert found["cards"] == (2, 0, 0)
        assert found["search hashes of cards"] == (4, 0, 0)
        assert found["tombstones"] == (1, 0, 0)
        assert found["contact"] == (1, 0, 0)
        assert found["dead letters"] == (1, 0, 0)
        soon = await counted(config, 2 * MONTH - 29 * DAY)
        assert soon["visitors"] == (2, 1, 1)
        assert soon["customers"] == (2, 0, 1)
        assert (soon["cards"], soon["search hashes of cards"]) == ((2, 0, 1), (4, 0, 3))
        assert (await counted(config, 800 * DAY))["contact"] == (1, 0, 1)
        before = await counted(config, 2 * MONTH + DAY)
        assert (before["visitors"], before["customers"], before["cards"]) == ((2, 2, 0), (2, 1, 1), (2, 1, 1))
        await until(made, 2 * MONTH + DAY)
        await settle(made)
        after = await counted(config, 2 * MONTH + DAY)
        assert "visitors" not in after
        assert (after["customers"], after["cards"]) == ((1, 0, 1), (1, 0, 1))
        assert after["tombstones"] == (1, 0, 0)
        await desk.reader.close()


async def test_who_was_erased_counts_once(config: Config, redis_server: Any) -> None:
    """However many lanes keep a customer's tombstone."""
    async with timeline(redis_server, sites=(SITE,)) as made:
        await made.redis.hset(keys.DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START, "half_life": DAY})  # type: ignore[misc]
        await arrive(made, visit(V, MINUTE), identify(V, MINUTE, ALICE))
        await arrive(made, Erase(site="shop", id=ALICE, time=START + 5 * MINUTE), at=5 * MINUTE)
        await settle(made)
        stored = [key async for key in made.redis.scan_iter(match=keys.TOMBSTONES)]
        assert len(stored) > 2
        assert (await counted(config, DAY))["tombstones"] == (2, 0, 0)  # and the browser


async def test_the_log_goes_by_age(config: Config, redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.redis.hset(keys.DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START, "half_life": DAY})  # type: ignore[misc]
    log = await open_log(config.settings, 4)
    await log.append([(lane, encode_record(visit(V, 0))) for lane in (0, 1, 1)])
    await log.close()
    since = time.time_ns() // 1_000_000 - START
    assert (await counted(config, since + DAY))["log"] == (3, 0, 3)
    assert (await counted(config, since + 9 * DAY))["log"] == (3, 3, 0)
    longer = Config(replace(config.settings, log_max_age_days=100), config.sites)
    assert (await counted(longer, since + DAY))["log"] == (3, 0, 0)


async def test_the_history_goes_by_site(config: Config, redis_server: Any, tmp_path: Path) -> None:
    """Of two sites in one file, one keeps its records for longer."""
    async with timeline(redis_server) as made:
        await made.redis.hset(keys.DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START, "half_life": DAY})  # type: ignore[misc]
    store = Folder(tmp_path / "history")
    sites = {"shop": Site(key="shop", archive_days=10), "blog": Site(key="blog", archive_days=30)}
    first = date(2027, 1, 15)
    for number, day in enumerate((first, first + timedelta(days=5), first + timedelta(days=100))):
        filling = OpenSegment(0, number * 3, day.isoformat(), since=0.0)
        blog = encode_record(visit(W, 0)).replace(b'"shop"', b'"blog"')
        for at, value in enumerate((encode_record(visit(V, 0)), blog, encode_record(Delta(source=1, after=0, upto=1)))):
            filling.add(Entry(number * 3 + at, START, value))
        store.write(filling.segment.name, filling.content())
    with_history = Config(replace(config.settings, archive=str(tmp_path / "history")), sites)
    assert (await counted(with_history, 5 * DAY))["history"] == (9, 0, 3)
    assert (await counted(with_history, 12 * DAY))["history"] == (9, 1, 3)
    assert (await counted(with_history, 40 * DAY))["history"] == (9, 4, 0)


async def test_salts_and_messages_go_in_days(config: Config, redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.redis.hset(keys.DEPLOYMENT, mapping={"lanes": 4, "decay_zero": START, "half_life": DAY})  # type: ignore[misc]
        for age in (8, 1):
            await made.redis.xadd(keys.MESSAGES, {"time": START - age * DAY})
        values: Any = await made.redis.hmget(keys.DEPLOYMENT, FIELDS)
        assert stored_deployment(values).lanes == 4
    folder = config.settings.data / "salts"
    folder.mkdir(parents=True)
    for day in ("2027-01-12", "2027-01-14", "2027-01-15"):
        (folder / f"{'0' * 32}_{day}.salt").touch()
    found = await counted(config, 0)
    assert (found["daily salts"], found["messages"]) == ((3, 1, 2), (2, 1, 1))


def test_the_command_only_counts(configured: Callable[[str], None], redis_server: Any, tmp_path: Path) -> None:
    configured('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "0123456789abcdef"\n')

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, ["retention", *words, "--redis", redis_server.url])

    said = run()
    assert (said.exit_code, "--dry-run shows what would go" in said.output) == (2, True)
    said = run("--dry-run")
    assert (said.exit_code, "start `wakeline up` first" in said.output) == (1, True)

    async def tell() -> set[bytes]:
        async with timeline(redis_server) as made:
            desk = await desk_on(made.redis, redis_server.url, tmp_path)
            await desk.write(card(ALICE))
            await desk.reader.close()
            return {key async for key in made.redis.scan_iter()}

    before = asyncio.run(tell())
    said = run("--dry-run")
    assert said.exit_code == 0, said.output
    assert "search hashes of cards" in said.output
    rows = json.loads(run("--dry-run", "--json").output)
    assert next(row for row in rows if row["kind"] == "cards") == {"kind": "cards", "held": 1, "now": 0, "soon": 0}
    assert ALICE not in said.output
    assert before <= asyncio.run(tell())
    assert retention.SOON_DAYS == 30
