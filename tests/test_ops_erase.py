"""`wakeline erase` appends a record to the person's lane, and the processor carries it out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from ops.cli import main
from tests.timeline import DAY, MINUTE, START, Timeline, event
from wakeline.identity import customer_id
from wakeline.keys import DEPLOYMENT, Keys
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings

LANES = 4
SECRET = "0123456789abcdef"
FILE = f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "{SECRET}"\n'


@pytest.fixture
def client(servers: Settings) -> Iterator[redis.Redis]:
    with connect_blocking(servers.redis) as client:
        client.hset(DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": START, "half_life": 7 * DAY})
        yield client


@pytest.fixture
def erase(configured: Callable[[str], None], servers: Settings) -> Callable[..., Result]:
    configured(FILE)
    flags = ["--yes", "--redis", servers.redis, "--log", servers.log]
    return lambda *words: CliRunner().invoke(main, ["erase", *words, *flags])


async def profiles(servers: Settings, *views: Any) -> dict[str, dict[str, str]]:
    """Of two visitors, once all is applied that the log holds and these views."""
    made, log = Timeline(servers.redis), await open_log(servers, LANES)
    made.log = log  # type: ignore[assignment]
    await made.start()
    await made.append(*views)
    await made.run()
    found = {id: await made.profile(id) for id in ("visitor-0", "visitor-1")}
    await log.close()
    await made.close()
    return found


def test_the_person_is_forgotten_and_nobody_else(erase: Any, client: redis.Redis, servers: Settings) -> None:
    views = [event(f"visitor-{number}", f"page-{number}", 0, number) for number in range(2)]
    assert all(asyncio.run(profiles(servers, *views)).values())
    said = erase("visitor-0")
    assert said.exit_code == 0, said.output
    found = asyncio.run(profiles(servers))
    assert not found["visitor-0"]
    assert found["visitor-1"]["page_views"] == "1"


def test_who_is_erased_before_it_is_folded_leaves_nothing(erase: Any, client: redis.Redis, servers: Settings) -> None:
    """What the customer did waits in the log, in the lane of a browser: nothing is known of the customer yet."""
    alice, at = customer_id(SECRET, "@alice"), time.time_ns() // 1_000_000 - START - MINUTE

    async def play(*views: Any, folds: bool) -> dict[str, dict[str, str]]:
        made, log = Timeline(servers.redis), await open_log(servers, LANES)
        made.log = log  # type: ignore[assignment]
        await made.start()
        await made.append(*views)
        for _ in range(3 if folds else 0):
            await made.run()
        found = {id: await made.profile(id) for id in ("visitor-0", "visitor-1", alice)}
        await log.close()
        await made.close()
        return found

    views = [event(f"visitor-{number}", f"page-{number}", 0, at) for number in range(2)]
    asyncio.run(play(*views, event("visitor-0", "page-0", 1, at + 1, "identify", customer=alice), folds=False))
    assert erase("@alice", "--customer").exit_code == 1
    said = erase("@alice", "--customer", "--anyway")
    assert said.exit_code == 0, said.output
    found = asyncio.run(play(folds=True))
    assert (found["visitor-0"], found[alice]) == ({}, {})
    assert found["visitor-1"]["page_views"] == "1"


def test_who_is_known_by_a_dead_letter_alone_is_known(erase: Any, client: redis.Redis) -> None:
    """What could not be folded made no profile, and holds the person all the same."""
    fields: Any = {"offset": 3, "reason": "malformed", "v": '{"site":"shop","visitor":"visitor-9"', "error": ""}
    client.xadd(Keys().dead(2), fields)
    said = erase("visitor-9")
    assert said.exit_code == 0, said.output
    assert client.xlen(Keys().dead(2)) == 0
    assert erase("visitor-9").exit_code == 1
