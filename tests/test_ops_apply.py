"""`wakeline apply`: what is appended where, whoever is cut or at it at the same time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from benchmarks.children import child_environ
from ops.cli import main
from ops.cli.apply import LOST
from tests.timeline import Timeline, event
from wakeline import applied, keys
from wakeline.keys import Keys
from wakeline.lanes import open_deployment
from wakeline.log import LogUnavailable
from wakeline.log.kafka import KafkaLog
from wakeline.log.opening import open_log
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import MOST_DEFINITION_BYTES, Definition, decode_record
from wakeline.redis.connect import connect, connect_blocking
from wakeline.settings import MOST_INTEREST_RULES, Settings

LANES = 4
SHOES, BAGS = ("/shoes/*", "Shoes"), ("/bags/*", "Bags")
OF = ("shop", "interests")

Run = Callable[..., Result]

words_alone = pytest.mark.parametrize("servers", ["redis"], indirect=True)
"""Where it is the same for each log."""


def file(*rules: tuple[str, str], key: str = "shop") -> str:
    lines = [f"lanes = {LANES}", "[[site]]", f'key = "{key}"', 'origins = ["https://shop.example"]']
    for path, interest in rules:
        lines += ["[[site.interests]]", f'path = "{path}"', f'interest = "{interest}"']
    return "\n".join(lines) + "\n"


@pytest.fixture
def run(configured: Callable[[str], None], servers: Settings) -> Run:
    configured(file(SHOES))

    def run(*words: str, command: str = "apply") -> Result:
        return CliRunner().invoke(main, [command, *words, "--redis", servers.redis, "--log", servers.log])

    return run


def write(*rules: tuple[str, str]) -> None:
    Path("wakeline.toml").write_text(file(*rules))


def appended(servers: Settings) -> list[list[tuple[int, bytes]]]:
    """Version and body of what each lane's log holds of the site's interests."""

    async def read() -> list[list[tuple[int, bytes]]]:
        log = await open_log(servers, LANES)
        found = []
        for lane in range(LANES):
            entries = (await log.read({lane: 0}, limit=1_000, wait_ms=200)).get(lane, [])
            records = [decode_record(entry.value) for entry in entries]
            found.append([(one.version, bytes(one.body)) for one in records if _is_of(one)])
        await log.close()
        return found

    return asyncio.run(read())


def _is_of(record: object) -> bool:
    return isinstance(record, Definition) and (record.site, record.name) == OF


def versions(servers: Settings) -> list[list[int]]:
    return [[version for version, _ in lane] for lane in appended(servers)]


def said(servers: Settings) -> applied.Applied:
    with connect_blocking(servers.redis) as client:
        return msgspec.json.decode(client.hget(keys.DEFINITIONS, "/".join(OF)), type=applied.Applied)


def fold(servers: Settings, *views: Any) -> dict[str, float]:
    """What the visitor is interested in, once all is folded that the log holds and these views."""

    async def folded() -> dict[str, float]:
        made, log = Timeline(servers.redis, lanes=LANES), await open_log(servers, LANES)
        made.log = log  # type: ignore[assignment]
        await made.start()
        await made.append(*views)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            await made.run()
            bounds = await log.bounds(range(LANES))
            if all(worker.place.offset == bounds[worker.lane].end for worker in made.workers):
                break
        found = await made.interests("visitor-1")
        await log.close()
        await made.close()
        return found

    return asyncio.run(folded())


def test_what_has_changed_is_appended_to_every_lane_and_holds(run: Run, servers: Settings) -> None:
    """At the first start before any event; a second time only what is new."""
    first = run()
    assert first.exit_code == 0, first.output
    assert first.output == (
        "site shop, interests: version 1 is now in effect\n  + /shoes/* counts for Shoes\n"
        "site shop, margins: version 1 is now in effect\n"
        "site shop, page_orders: version 1 is now in effect\n  + orders that only a page told count\n"
        "site shop, currency: version 1 is now in effect\n  + there is no main currency\n"
        "site shop, minute_cost: version 1 is now in effect\n  + a minute of service costs 0\n"
        "site shop, return_cost: version 1 is now in effect\n  + an order that comes back costs 0\n"
        "site shop, campaigns: version 1 is now in effect\n"
        "site shop, passing_hosts: version 1 is now in effect\n"
        "site shop, page_groups: version 1 is now in effect\n"
    )
    assert versions(servers) == [[1]] * LANES
    assert run().output == "nothing to do: the configured rules are already in effect\n"
    assert set(fold(servers, event("visitor-1", "page-1", 0, 0, path="/bags/one"))) == set()
    write(BAGS, SHOES)
    shown = run("--dry-run")
    assert shown.output == "site shop, interests: version 2 would hold\n  + /bags/* counts for Bags\n"
    assert versions(servers) == [[1]] * LANES
    assert run().exit_code == 0
    write(SHOES, BAGS)
    assert run().output == "site shop, interests: version 3 is now in effect\n  the same in another order\n"
    write()
    assert "- /bags/* counts for Bags" in run("--dry-run").output
    assert versions(servers) == [[1, 2, 3]] * LANES
    assert run("--under-up").exit_code == 0
    assert run("--under-up").output == ""
    assert versions(servers) == [[1, 2, 3, 4]] * LANES


def test_it_holds_for_what_comes_behind_it(run: Run, servers: Settings) -> None:
    assert run().exit_code == 0
    assert not fold(servers, event("visitor-1", "page-1", 0, 0, path="/bags/one"))
    write(BAGS)
    assert run().exit_code == 0
    assert set(fold(servers, event("visitor-1", "page-2", 0, 1, path="/bags/one"))) == {"bags"}


@pytest.mark.parametrize("lost", ["nothing", "some lanes", "all but the note"])
def test_one_that_was_cut_is_ended_by_the_next_under_the_same_version(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Also where the configuration has changed again by then: first this one, in every lane, then that."""
    assert run().exit_code == 0
    write(BAGS)
    with monkeypatch.context() as patched:
        for kind in (RedisStreamsLog, KafkaLog):
            patched.setattr(kind, "append", cut(kind.append, lost))
        found = run()
        assert found.exit_code == 1, found.output
    assert not said(servers).is_everywhere
    missing = {"nothing": [[1]] * LANES, "some lanes": [[1, 2], [1, 2], [1], [1]]}
    assert versions(servers) == missing.get(lost, [[1, 2]] * LANES)
    assert "version 2 was cut" in run("--dry-run").output
    write(SHOES, BAGS)
    found = run()
    assert found.exit_code == 0, found.output
    assert "version 2 was cut, and is appended again" in found.output
    assert "version 3 is now in effect" in found.output
    for lane in appended(servers):
        assert sorted({version for version, _ in lane}) == [1, 2, 3]
        assert lane[-1][0] == 3
        assert len({body for version, body in lane if version == 2}) == 1
    assert said(servers).is_everywhere


def cut(append: Any, lost: str) -> Any:
    async def cut(self: Any, records: Any) -> None:
        if lost == "some lanes":
            await append(self, [(lane, record) for lane, record in records if lane < 2])
        if lost == "all but the note":
            await append(self, records)
        raise LogUnavailable("cut")

    return cut


@pytest.mark.parametrize("is_same", [True, False])
def test_of_two_at_the_same_time_one_wins_and_the_other_is_told(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    """Each has read what was applied before the other registers. Of two that say the same both are content."""
    assert run().exit_code == 0
    register, others = applied.register, []

    async def late(*args: Any) -> Any:
        if not others:
            others.append(None)
            body = args[-1] if is_same else b'[{"path":"/theirs","interest":"Theirs"}]'
            await register(*args[:-1], body)
        return await register(*args)

    write(BAGS)
    with monkeypatch.context() as patched:
        patched.setattr(applied, "register", late)
        found = run()
    if is_same:
        assert found.exit_code == 0, found.output
        assert versions(servers) == [[1, 2]] * LANES
        return
    assert found.exit_code == LOST
    assert "site shop, interests: somebody else has just applied another version, which holds" in found.output
    assert b"Theirs" in bytes(said(servers).body)
    assert versions(servers) == [[1]] * LANES  # the other is about to append it; or was cut, and then the next does
    assert "+ /bags/* counts for Bags" in run("--dry-run").output
    assert run().exit_code == 0
    assert versions(servers) == [[1, 2, 3]] * LANES


def test_processes_at_the_same_time_say_each_version_once(configured: Any, servers: Settings, tmp_path: Path) -> None:
    """Real ones, each with rules of its own: what is said last holds in every lane, and every version has one body."""
    configured(file(SHOES))
    for number in range(4):
        (tmp_path / f"{number}.toml").write_text(file((f"/{number}/*", f"i{number}")))
    flags = ["--redis", servers.redis, "--log", servers.log]

    async def one(number: int) -> int:
        command = [sys.executable, "-m", "wakeline", "apply", "--config", str(tmp_path / f"{number}.toml"), *flags]
        process = await asyncio.create_subprocess_exec(*command, env=child_environ(), stdout=-3, stderr=-3)
        return await process.wait()

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*map(one, range(4)))

    codes = asyncio.run(all_at_once())
    assert 0 in codes
    assert set(codes) <= {0, LOST}
    lanes = appended(servers)
    assert all(sorted(set(lane)) == sorted(set(lanes[0])) for lane in lanes)
    assert len(dict(lanes[0])) == len(set(lanes[0])) == codes.count(0)
    assert max(lanes[0])[1] == bytes(said(servers).body)


def test_where_redis_is_older_than_the_log_the_next_version_is_above_both(run: Run, servers: Settings) -> None:
    assert run().exit_code == 0
    with connect_blocking(servers.redis) as client:
        older = client.hgetall(keys.DEFINITIONS)
        for rules in ([BAGS], [SHOES, BAGS], [BAGS]):
            write(*rules)
            assert run().exit_code == 0
        fold(servers)
        client.hset(keys.DEFINITIONS, mapping=older)
        assert client.hget(Keys().definitions(0), "/".join(OF))
    write(SHOES)
    assert "version 5 is now in effect" in run().output
    assert set(fold(servers, event("visitor-1", "page-1", 0, 0, path="/shoes/red"))) == {"shoes"}


@words_alone
def test_without_a_site_nothing_is_applied(run: Run, servers: Settings) -> None:
    """The demo shop's file, which other commands take where there is none, is not meant."""
    Path("wakeline.toml").unlink()
    found = run()
    assert found.exit_code == 2
    assert "no site is configured" in found.output
    with connect_blocking(servers.redis) as client:
        assert not client.exists(keys.DEFINITIONS)


@words_alone
def test_beside_the_demo_it_shows_what_would_hold_of_the_demos_file(run: Run, servers: Settings) -> None:
    Path("wakeline.toml").unlink()
    asyncio.run(deployed(servers))
    found = run("--dry-run")
    assert found.exit_code == 0, found.output
    assert "site demo, interests: version 1 would hold" in found.output
    with connect_blocking(servers.redis) as client:
        assert not client.exists(keys.DEFINITIONS)


async def deployed(servers: Settings) -> None:
    async with connect(servers.redis) as redis:
        await open_deployment(redis, servers)


@words_alone
def test_a_check_says_what_is_not_applied(run: Run) -> None:
    """Where nothing ever was, the configuration holds, and there is nothing to say."""
    assert "applied" not in run(command="check").output
    assert run().exit_code == 0
    assert "what the configuration defines holds in every lane" in run(command="check").output
    write(BAGS)
    assert "contains changes that are not applied: site shop, interests" in run(command="check").output


@words_alone
def test_what_is_too_long_is_refused(run: Run, servers: Settings) -> None:
    assert run().exit_code == 0
    write(*((f"/{n}/{'x' * 400}", f"i{n}") for n in range(MOST_DEFINITION_BYTES // 400)))
    found = run()
    assert found.exit_code == 1
    assert "bytes as JSON, more than" in found.output
    assert versions(servers) == [[1]] * LANES


@words_alone
def test_too_many_rules_are_refused(run: Run, servers: Settings) -> None:
    """Before they would keep each process busy for half a minute."""
    assert run().exit_code == 0
    write(*((f"/{n}", "i") for n in range(MOST_INTEREST_RULES + 1)))
    found = run()
    assert found.exit_code == 2
    assert "interests have 1,001 rules, more than 1,000" in found.output
    assert versions(servers) == [[1]] * LANES


@words_alone
def test_a_replay_by_the_rules_of_now_wants_them_applied(run: Run, servers: Settings) -> None:
    assert run().exit_code == 0
    assert not fold(servers, event("visitor-1", "page-1", 0, 0, path="/bags/one"))
    write(BAGS)
    found = run("--from", "start", "--rules", "now", command="replay")
    assert found.exit_code == 1
    assert "`wakeline apply` first" in found.output
    assert run().exit_code == 0
    fold(servers)
    found = run("--from", "start", command="replay")
    assert found.exit_code == 0, found.output
    found = run("--from", "start", "--rules", "now", "--into", "3", command="replay")
    assert found.exit_code == 0, found.output
    with connect_blocking(servers.redis) as client:
        lane = Timeline(servers.redis, lanes=LANES).lane("visitor-1")
        assert client.zrange(Keys(2).interests(lane, "shop", "visitor-1"), 0, -1) == []
        assert client.zrange(Keys(3).interests(lane, "shop", "visitor-1"), 0, -1) == [b"bags"]
