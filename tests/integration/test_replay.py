"""`wakeline replay` beside real processes under load, killed and restarted: nothing is lost, doubled or unreadable.

The deployment, its traffic and its ledger are those of test_kill.py.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from tests.integration.kill.books import LANES, Books, Differences
from tests.integration.kill.load import Load, load
from tests.integration.kill.services import Deployment, deployment, kept
from tests.integration.kill.traffic import SITE
from wakeline import keys
from wakeline.profiles import Profiles

KILLS = 3


@pytest.fixture
def made(tmp_path: Path, own_server: Any, log: str) -> Iterator[Deployment]:
    with deployment(tmp_path, own_server, find_free_ports(4), log) as made:
        yield made


def differences(books: Books, sent: Load) -> Differences:
    """But for one: a replay meets who withdrew with the tombstone of today, and counts that as erased."""
    found = books.differences(sent.truth, seen_twice=None if sent.retried else sent.repeated)
    erased, _ = found.pop("ledger: erased", (0, 0))
    applied, wanted = found.pop("ledger: applied", (0, 0))
    assert applied + erased == wanted
    return found


async def test_a_replay_under_load_that_is_killed_and_run_again(made: Deployment) -> None:
    """At the end the books of the new version say what was sent, and a profile was readable at every moment.

    On Kafka two processors share the lanes.
    """
    processors = (made.processor, made.standby) if made.log else (made.processor,)
    rng = random.Random(7)
    command = made.command
    unreadable: list[str] = []
    made.collector.start()
    async with kept(*processors), load(7, made.port) as sent:
        await until(lambda: made.books.moved() > 500, "it works")
        visitor = next(iter(sent.truth.visitors))

        async def look() -> None:
            with Profiles(made.server.url) as profiles:
                while True:
                    with suppress(redis.RedisError):  # a machine that is too busy to answer
                        found = await asyncio.to_thread(profiles.read, SITE, visitor)
                        if found is None and visitor in sent.truth.visitors:
                            unreadable.append(visitor)
                    await asyncio.sleep(0.02)

        looking = asyncio.create_task(look())
        for _ in range(KILLS):
            replaying = command.start("replay", "--from", "start", "--into", "2")
            await asyncio.sleep(rng.uniform(1.0, 2.0))
            replaying.send_signal(signal.SIGKILL)
            await asyncio.to_thread(replaying.communicate)
        if made.live_version() == 1:
            assert "is live" in await command("replay", "--from", "start", "--into", "2")
        with closing(Books(made.server.url, made.tail, 2)) as books:
            before = books.moved()
            await until(lambda: books.moved() > before + 200, "the processor works on the new version")
        looking.cancel()
    with closing(Books(made.server.url, made.tail, 2)) as books:
        await until(books.are_settled, "all is applied")
        assert differences(books, sent) == {}
    assert not unreadable


HELD = {
    "by a switch": (keys.Keys().lane(0), lambda client, name: client.hset(name, "moved", "2 token"), "not open yet"),
    "by another": (keys.LEASE, lambda client, name: client.set(name, "another", px=60_000), "standing by"),
}
WAYS = [
    pytest.param("redis", "by a switch", id="redis, by a switch"),
    pytest.param("redis", "by another", id="redis, by another"),  # on Kafka nobody stands by: each has its share
    pytest.param("kafka", "by a switch", id="kafka, by a switch"),
]


@pytest.mark.parametrize(("log", "held"), WAYS, indirect=["log"])
@pytest.mark.parametrize("end", ["flipped", "stopped"])
async def test_a_processor_that_has_no_lane_yet_ends_when_it_should(made: Deployment, held: str, end: str) -> None:
    """Whoever waits for its lanes sees that another version is live, and the word to stop."""
    name, hold, said = HELD[held]
    made.collector.start()
    with redis.Redis.from_url(made.server.url) as client:
        await until(lambda: client.exists(keys.DEPLOYMENT), "there is a deployment")
        hold(client, name)
        made.processor.start()
        await until(lambda: said in made.processor.said(), "it waits")
        if end == "flipped":
            client.hset(keys.DEPLOYMENT, "version", "2")
        else:
            made.processor.signal(signal.SIGTERM)
        await until(lambda: not made.processor.is_alive, "it ends", within=10.0)
    assert ("key version 2 is live now" in made.processor.said()) == (end == "flipped")


async def test_back_and_removed(made: Deployment) -> None:
    """To the former version again, brought up to date; then the other is removed, without a trace."""
    command = made.command
    made.collector.start()
    async with kept(made.processor), load(8, made.port) as sent:
        await until(lambda: made.books.moved() > 300, "it works")
        await command("replay", "--from", "start")
        assert made.live_version() == 2
        assert "interrupted" not in made.processor.said(), "a switch is no fault"
        with closing(Books(made.server.url, made.tail, 2)) as books:
            before = books.moved()
            await until(lambda: books.moved() > before + 200, "the processor works on the new version")
        await command("replay", "--into", "1")
        assert made.live_version() == 1
        assert "keys" in await command("replay", "--drop", "2", "--yes")
        before = made.books.moved()
        await until(lambda: made.books.moved() > before + 200, "the processor works on the former version")
    await made.until_drained()
    assert differences(made.books, sent) == {}
    with redis.Redis.from_url(made.server.url) as client:
        assert not list(client.scan_iter("wl2:*"))
    said = await command("lag", "--max", "0", "--json")
    assert f'"place":{made.books.places()[LANES - 1]}' in said
