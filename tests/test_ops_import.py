"""`wakeline import` up to the log, on both logs: once, cut, killed, repeated, changed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.children import child_environ
from benchmarks.waiting import wait_until
from ops.imports import pace
from ops.imports.state import States
from ops.imports.text import Text, read_through
from tests.importing import (
    FLAGS,
    HEADER,
    LANES,
    TOML,
    YESTERDAY,
    Run,
    applied,
    deploy,
    ends,
    facts,
    in_log,
    kept,
    order,
    orders,
    words_alone,
)
from tests.importing import run as run
from tests.server import RedisServer
from tests.thorough import cases
from wakeline import keys
from wakeline.lanes import lane_of
from wakeline.log.kafka import KafkaLog
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import ImportEnd
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings


def test_a_file_is_in_the_log_once_however_often_it_is_imported(run: Run, servers: Settings) -> None:
    orders(300)
    found = run("orders.csv")
    assert found.exit_code == 0, found.output
    lanes = in_log(servers)
    assert sum(len(lane) for lane in lanes) == 300 + LANES
    for lane, records in enumerate(lanes):
        *told, end = records
        assert isinstance(end, ImportEnd)
        assert (end.site, end.lines, len(end.batch)) == ("shop", 301, 32)
        numbers = [fact.line for fact in told]
        assert numbers == sorted(set(numbers))
        assert {(fact.batch, fact.by, fact.tells) for fact in told} == {(end.batch, "import", False)}
        assert {lane_of("shop", fact.home, LANES) for fact in told} == {lane}
    homes = {fact.home: fact.body["value"] for fact in facts(servers)}
    assert homes == {order(f"N{n}"): 100 * n + 25 for n in range(300)}
    again = run("orders.csv")
    assert (again.exit_code, "imported before, nothing to do" in again.output) == (0, True)
    assert in_log(servers) == lanes


@words_alone
def test_without_its_state_it_says_the_same_again(run: Run, servers: Settings) -> None:
    """And the fold drops it."""
    orders(50)
    assert run("orders.csv", "--tell").exit_code == 0
    once = kept(in_log(servers))
    for path in Path("data/imports/shop").glob("*.json"):
        path.unlink()
    assert run("orders.csv").exit_code == 0
    assert len(facts(servers)) == 100
    assert kept(in_log(servers)) == once
    assert all(fact.tells for lane in once for fact in lane)


@words_alone
def test_another_log_and_another_site_hear_it_too(run: Run, servers: Settings) -> None:
    """An emptied server lacks what was told, as may a restored one."""
    orders(5)
    assert run("orders.csv").exit_code == 0
    with connect_blocking(servers.redis) as client:
        client.flushall()
    deploy(servers)
    assert "imported in" in run("orders.csv").output
    assert "imported before" in run("orders.csv").output
    assert len(facts(servers)) == 5
    with Path("wakeline.toml").open("a") as file:
        file.write(TOML[TOML.index("[[site]]") :].replace('"shop"', '"other"'))
    assert run("orders.csv", "--site", "other").exit_code == 0
    assert [fact.site for fact in facts(servers)].count("other") == 5


class Cut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("seed", range(cases(4)))
def test_cut_ten_times_at_any_line_it_tells_what_it_tells_at_once(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Before an append, in it, after it, before what is known of it is kept."""
    orders(400, bad=7)
    monkeypatch.setattr(pace, "FIRST", 7)
    monkeypatch.setattr(pace, "MOST", 40)
    chance, cuts = random.Random(seed), 0
    for _ in range(10):
        with monkeypatch.context() as patched:
            left = chance.randrange(1, 5)

            def cut(append: Any, before: Any = left) -> Any:
                calls = 0

                async def cut(self: Any, records: Any) -> None:
                    nonlocal calls
                    calls += 1
                    if calls < before:
                        return await append(self, records)
                    await append(self, records[: chance.randrange(len(records) + 1)])
                    raise Cut

                return cut

            for kind in (RedisStreamsLog, KafkaLog):
                patched.setattr(kind, "append", cut(kind.append))
            if chance.random() < 0.3:
                patched.setattr(States, "keep", lambda self, state: None)
            with pytest.raises(Cut):
                run("orders.csv")
        cuts += 1
    found = run("orders.csv")
    assert (cuts, found.exit_code) == (10, 1)
    assert "went on after event" in found.output
    cut_lanes = kept(in_log(servers))
    assert sorted(fact.home for lane in cut_lanes for fact in lane) == sorted({fact.home for fact in facts(servers)})
    assert sum(map(len, cut_lanes)) == 399
    numbers = sorted(fact.line for lane in cut_lanes for fact in lane)
    assert numbers == list(range(1, 400))
    assert Path("orders.csv.errors.csv").read_text().splitlines()[1].startswith("7,Date,error,")
    assert [type(lane[-1]) for lane in in_log(servers)] == [ImportEnd] * LANES
    assert len({(end.batch, end.lines) for end in ends(servers)}) == 1  # where it was cut too, it is said again
    again = run("orders.csv")
    assert (again.exit_code, "nothing to do; 1 error then" in again.output) == (1, True)


def test_a_process_killed_ten_times_tells_what_it_tells_at_once(
    configured: Callable[[str], None], own_server: RedisServer
) -> None:
    configured(TOML)
    servers = Settings(redis=own_server.url)
    deploy(servers)
    orders(12_000)
    command = [sys.executable, "-m", "wakeline", "import", "orders.csv", *FLAGS, "--redis", own_server.url]
    chance = random.Random(5)

    def length() -> int:
        with connect_blocking(own_server.url) as client:
            return sum(client.xlen(keys.log_lane(lane)) for lane in range(LANES))

    with applied(own_server.url):
        for _ in range(10):
            process = subprocess.Popen(command, env=child_environ(), stdout=subprocess.DEVNULL)
            wanted = length() + chance.randrange(1, 1_000)
            wait_until(lambda wanted=wanted: length() >= wanted, "some more is in the log")
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert subprocess.run(command, env=child_environ(), timeout=100, stdout=subprocess.DEVNULL).returncode == 0
    lanes = kept(in_log(servers))
    assert {fact.home: fact.body["value"] for lane in lanes for fact in lane} == {
        order(f"N{n}"): 100 * n + 25 for n in range(12_000)
    }
    assert sorted(fact.line for lane in lanes for fact in lane) == list(range(1, 12_001))
    assert not list(Path("data/imports").rglob("work-*"))


@words_alone
def test_a_changed_file_is_another_import_and_says_so(run: Run, servers: Settings) -> None:
    orders(20)
    assert run("orders.csv").exit_code == 0
    rows = Path("orders.csv").read_text().removeprefix(HEADER)
    Path("orders.csv").write_text(f"{HEADER}N1000,{YESTERDAY:%Y-%m-%d},K1,5\n{rows}")
    found = run("orders.csv")
    assert found.exit_code == 0
    assert "has changed since it was imported" in found.output
    assert "read by the map" in found.output
    assert len({end.batch for end in ends(servers)}) == 2
    by_home: dict[str, set[str]] = {}
    for fact in facts(servers):
        by_home.setdefault(fact.home, set()).add(fact.id)
    assert len(by_home) == 21
    assert all(len(ids) == 1 for ids in by_home.values())  # so that the fold knows them again


@words_alone
def test_a_file_that_changes_while_it_is_read_is_not_complete(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = orders(300)
    read = read_through

    def read_and_replaced(path: Path, encoding: str = "") -> Text:
        found = read(path, encoding)
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:100]))
        return found

    with monkeypatch.context() as patched:
        patched.setattr("ops.imports.run.read_through", read_and_replaced)
        found = run("orders.csv")
    assert found.exit_code == 1
    assert "was changed while it was read" in found.output
    assert not ends(servers)
    orders(300, str(path))
    assert run("orders.csv").exit_code == 0
    assert {fact.home for fact in facts(servers)} == {order(f"N{n}") for n in range(300)}
    assert len(ends(servers)) == LANES
