"""`wakeline replay`: its error messages, and what it builds from history and log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

from ops.cli import main
from tests.timeline import Timeline, event
from wakeline import keys
from wakeline.history import History, Segment
from wakeline.history.identity import store_identity
from wakeline.history.lines import line_of
from wakeline.history.members import member
from wakeline.keys import Keys
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings

FILE = '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\n'
LANES = 4
VIEWS = 12

Run = Callable[..., Result]

words_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""What is said before any log is read: it is the same for each."""


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(FILE)

    def run(*words: str, redis: str = servers.redis) -> Result:
        return CliRunner().invoke(main, ["replay", *words, "--redis", redis, "--log", servers.log])

    return run


@pytest.fixture
def client(servers: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    """A deployment that has applied some page views, of which the log has trimmed half into the history."""

    async def fill() -> None:
        made = Timeline(servers.redis)
        log = await open_log(servers, LANES)
        made.log = log  # type: ignore[assignment]
        await made.start()
        await made.append(*(event(f"visitor-{n}", f"page-{n}", 0, n, path="/shoes/red") for n in range(VIEWS)))
        await made.run()
        history = History(str(tmp_path / "data" / "archive"))
        store_identity(history.store, await log.identity())
        for lane, bounds in (await log.bounds(range(LANES))).items():
            found = (await log.read({lane: 0}, limit=100, wait_ms=0)).get(lane, [])
            sealed = found[: len(found) // 2 + 1]
            if sealed:
                segment = Segment(lane, 0, len(sealed), "2026-03-01")
                history.store.write(segment.name, member(b"".join(map(line_of, sealed))))
                await log.trim(lane, upto=min(len(sealed), bounds.end - 1))
        await log.close()
        await made.close()

    with connect_blocking(servers.redis) as client:
        client.hset(keys.DEPLOYMENT, mapping={"lanes": LANES, "decay_zero": 0, "half_life": 1 << 40})
        asyncio.run(fill())
        yield client


def views(client: redis.Redis, version: int) -> int:
    return sum(int(client.hget(Keys(version).totals(lane, "shop"), "page_views") or 0) for lane in range(LANES))


def live(client: redis.Redis) -> int:
    return int(client.hget(keys.DEPLOYMENT, "version") or 1)


def test_it_builds_from_the_history_and_then_the_log_and_switches(run: Run, client: redis.Redis) -> None:
    said = run("--from", "start")
    assert said.exit_code == 0, said.output
    assert "key version 2 is live" in said.output
    assert "--drop 1" in said.output
    assert (live(client), views(client, 2)) == (2, VIEWS)


def test_a_site_that_is_not_configured_is_named(run: Run, client: redis.Redis) -> None:
    client.hset(Keys().totals(0, "demo"), "page_views", 1)
    said = run("--from", "start", "--no-switch")
    assert said.exit_code == 0, said.output
    assert "in the data, but not configured: demo; their records become dead letters\n" in said.output
    client.delete(Keys().totals(0, "demo"))
    assert "not configured" not in run("--no-switch").output


def test_without_the_switch_it_is_only_built(run: Run, client: redis.Redis) -> None:
    """The same command without that flag continues, and switches."""
    assert run("--from", "start", "--into", "5", "--no-switch").exit_code == 0
    assert (live(client), views(client, 5)) == (1, VIEWS)
    assert run("--into", "5").exit_code == 0
    assert live(client) == 5


def test_what_was_built_before_is_not_switched_to_without_a_word(
    run: Run, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--from", "start", "--no-switch").exit_code == 0
    said = run()
    assert (said.exit_code, live(client)) == (2, 1)
    assert "key version 2 was begun before: --into 2 completes it and switches to it" in said.output
    assert run("--no-switch").exit_code == 0
    assert run("--yes").exit_code == 0
    assert live(client) == 2


def test_back_and_removed(run: Run, client: redis.Redis) -> None:
    assert run("--from", "start").exit_code == 0
    assert run("--into", "1").exit_code == 0
    assert live(client) == 1
    said = run("--drop", "2", "--yes")
    assert "key version 2 is removed" in said.output
    assert not list(client.scan_iter("wl2:*"))
    assert views(client, 1) == VIEWS


def test_without_the_history_it_says_what_is_missing_and_how_to_begin_later(run: Run, client: redis.Redis) -> None:
    said = run("--from", "start", "--archive", "off")
    assert said.exit_code == 1
    assert "records are missing" in said.output
    (begin,) = [line.split("--from ")[1].split()[0] for line in said.output.splitlines() if "--from " in line]
    assert live(client) == 1
    said = run("--from", begin, "--archive", "off")
    assert said.exit_code == 0, said.output
    assert live(client) == 2


def test_a_torn_lane_is_whole_again(run: Run, client: redis.Redis) -> None:
    (lane, *_) = [lane for lane in range(LANES) if int(client.hget(Keys().lane(lane), "offset") or 0)]
    client.hset(Keys().lane(lane), "torn", 1)
    client.hincrby(Keys().totals(lane, "shop"), "page_views", 100)
    said = run("--lane", str(lane))
    assert said.exit_code == 0, said.output
    assert f"lane {lane} is rebuilt" in said.output
    assert views(client, 1) == VIEWS
    assert run("--lane", str(lane)).exit_code == 1


def test_another_configuration_than_the_processors_is_not_switched_to(
    run: Run, client: redis.Redis, tmp_path: Path
) -> None:
    """All would be dead letters: it stops before the switch, and says why."""
    (tmp_path / "wakeline.toml").write_text(FILE.replace("shop", "blog", 1))
    said = run("--from", "start")
    assert said.exit_code == 1
    assert f"{VIEWS} more dead letters" in said.output
    assert "--config" in said.output
    assert live(client) == 1
    assert run("--yes").exit_code == 0
    assert live(client) == 2


def test_a_switch_that_was_cut_is_taken_back_or_ended(run: Run, client: redis.Redis) -> None:
    """Killed in the middle of it, with half of the lanes frozen."""
    assert run("--from", "start", "--into", "3", "--no-switch").exit_code == 0
    cut = {"moved": "3 token", "writer": "replay:token"}

    def freeze() -> None:
        client.hset(keys.DEPLOYMENT, "moving", "3 token")
        for lane in range(LANES // 2):
            client.hset(Keys().lane(lane), mapping=cut)

    freeze()
    assert "key version 1 stays live" in run("--abort").output
    assert not client.hget(keys.DEPLOYMENT, "moving")
    assert not [lane for lane in range(LANES) if client.hget(Keys().lane(lane), "moved")]
    freeze()
    said = run("--from", "start")
    assert "key version 3 is live" in said.output
    assert (live(client), views(client, 3)) == (3, VIEWS)


MISTAKES = {
    # words, exit code, what is said
    "no time": (("--from", "yesterday"), 2, "neither start nor a time"),
    "the future": (("--from", "2999-01-01"), 2, "in the future"),
    "from where": ((), 1, "--from start, or a time"),
    "the live version": (("--from", "start", "--into", "1"), 1, "version 1 is live"),
    "two at once": (("--abort", "--drop", "2"), 2, "use only one of"),
    "no such lane": (("--lane", "99"), 2, "the last one is 3"),
    "a whole lane": (("--lane", "0"), 1, "nothing to rebuild"),
    "the live one is not removed": (("--drop", "1", "--yes"), 1, "cannot be removed"),
    "nothing to take back": (("--abort",), 0, "there is no switch to revert"),
}


@words_alone
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_words(run: Run, client: redis.Redis, name: str) -> None:
    words, code, shown = MISTAKES[name]
    said = run(*words)
    assert shown in said.output.replace("\n", " ")
    assert "Traceback" not in said.output
    assert said.exit_code == code
    assert (live(client), views(client, 1)) == (1, VIEWS)


@words_alone
def test_redis_is_away(run: Run) -> None:
    said = run("--from", "start", redis="redis://127.0.0.1:1")
    assert said.exit_code == 1
    assert "is `wakeline up` running?" in said.output
