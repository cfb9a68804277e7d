"""`wakeline lag`: places, ends and owners, lanes without progress, and its exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest
import redis
from click.testing import CliRunner, Result

from benchmarks.machine import free_port
from ops.cli import main
from wakeline import keys
from wakeline.keys import Keys
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings

FILE = '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n'
LANES = 4

Run = Callable[..., Result]

redis_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""What is made of a lane's hash: the log plays no part in it."""


@pytest.fixture
def client(servers: Settings) -> Iterator[redis.Redis]:
    """A deployment whose log holds 5 records in lane 0 and 2 in lane 2; lane 0 is applied up to 3, by one processor."""

    async def fill() -> str:
        log = await open_log(servers, LANES)
        await log.append([(lane, b"{}") for lane in (0, 0, 0, 0, 0, 2, 2)])
        identity = await log.identity()
        await log.close()
        return identity

    with connect_blocking(servers.redis) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1})
        identity = asyncio.run(fill())
        client.hset(Keys().lane(0), mapping={"offset": 3, "writer": "host:4711:ab12:7"})
        client.hset(keys.ARCHIVE, mapping={"log": identity, "0": 2})
        yield client


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(FILE)

    def run(*words: str) -> Result:
        flags = ["--redis", servers.redis, "--log", servers.log]
        return CliRunner().invoke(main, ["lag", *flags, *words], env={"COLUMNS": "120"})

    return run


def test_each_lane_and_all_of_them(run: Run, client: redis.Redis) -> None:
    said = run()
    assert said.exit_code == 0
    rows = {words[0]: words[1:] for line in said.output.splitlines() if (words := line.split())}
    assert rows["0"][:3] == ["3", "5", "2"]
    assert rows["0"][-1] == "host:4711"
    assert rows["1"][:3] == ["0", "0", "0"]
    assert rows["2"][:3] == ["0", "2", "2"]
    assert rows["all"][:3] == ["3", "7", "4"]
    assert "key version 1" in said.output


def test_as_json(run: Run, client: redis.Redis) -> None:
    """With how long the oldest record has waited, and how far the history reaches."""
    found = json.loads(run("--json").output)
    assert found["version"] == 1
    assert found["total"]["behind"] == 4
    lane = found["lanes"][0]
    assert {name: lane[name] for name in ("lane", "place", "end", "behind", "writer", "state", "archived")} == {
        "lane": 0,
        "place": 3,
        "end": 5,
        "behind": 2,
        "writer": "host:4711",
        "state": "",
        "archived": 2,
    }
    assert 0 < lane["behind_seconds"] < 60
    assert found["total"]["behind_seconds"] == max(lane["behind_seconds"] for lane in found["lanes"])
    assert found["lanes"][1]["behind_seconds"] == 0


def test_nobody_has_archived_anything(run: Run, client: redis.Redis) -> None:
    client.delete(keys.ARCHIVE)
    assert json.loads(run("--json").output)["lanes"][0]["archived"] is None


@redis_alone
@pytest.mark.parametrize(("most", "code"), [("4", 0), ("3", 1), ("0", 1)])
def test_more_than_what_is_allowed_is_an_exit_code(run: Run, client: redis.Redis, most: str, code: int) -> None:
    assert run("--max", most).exit_code == code
    assert run("--max", most, "--json").exit_code == code


STATES = {
    # fields of the lane's hash, what is shown
    "torn": ({"torn": 1}, "torn"),
    "in a switch": ({"moved": "2 abcdef"}, "moves to 2"),
    "being rebuilt": ({"torn": 0, "moved": "1"}, "is being rebuilt"),
    "well": ({"torn": 0}, "host:4711"),
}


@redis_alone
@pytest.mark.parametrize("name", STATES)
def test_a_lane_that_stands_still_says_why(run: Run, client: redis.Redis, name: str) -> None:
    fields, shown = STATES[name]
    client.hset(Keys().lane(0), mapping=fields)
    assert shown in run().output


@redis_alone
def test_the_live_version_is_shown(run: Run, client: redis.Redis) -> None:
    client.hset(keys.DEPLOYMENT, "version", 7)
    client.hset(Keys(7).lane(0), "offset", 5)
    found = json.loads(run("--json").output)
    assert (found["version"], found["lanes"][0]["place"]) == (7, 5)


@redis_alone
def test_where_nothing_was_collected_it_says_so(run: Run) -> None:
    said = run()
    assert said.exit_code == 1
    assert "no data has been collected" in said.output


@redis_alone
def test_a_log_that_is_away_is_not_taken_for_redis(run: Run, client: redis.Redis) -> None:
    said = run("--log", f"kafka://127.0.0.1:{free_port()}")
    assert said.exit_code == 1
    assert "the log on Kafka is unavailable" in said.output
    assert "the Redis server" not in said.output
