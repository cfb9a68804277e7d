"""`wakeline import` as people use it: maps, dry runs, questions, folders, URLs, watching; and its pace."""

from __future__ import annotations

import fcntl
import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest

from benchmarks.children import child_environ
from benchmarks.waiting import wait_until
from ops.imports import pace
from ops.imports.pace import Behind, Pace
from ops.imports.state import AtWork, States
from tests.importing import (
    DAY,
    HEADER,
    YESTERDAY,
    Run,
    applied,
    ends,
    facts,
    order,
    orders,
    words_alone,
)
from tests.importing import run as run
from wakeline import keys
from wakeline.redis.connect import connect_blocking
from wakeline.settings import Settings


@words_alone
def test_an_edited_map_is_used(run: Run, servers: Settings) -> None:
    orders(3)
    assert run("orders.csv").exit_code == 0
    saved = Path("orders.csv.map.toml")
    saved.write_text(saved.read_text() + '"channel" = "till"\n')
    assert run("orders.csv").exit_code == 0
    assert {fact.body.get("channel") for fact in facts(servers)} == {None, "till"}
    Path("own.toml").write_text(saved.read_text().replace('"till"', '"phone"'))
    assert run("orders", "orders.csv", "--map", "own.toml").exit_code == 0
    assert {fact.body.get("channel") for fact in facts(servers)} == {None, "till", "phone"}
    assert run("customers", "orders.csv").exit_code == 1


@words_alone
def test_a_dry_run_counts_and_writes_nothing(run: Run, servers: Settings) -> None:
    orders(200, bad=7)
    found = run("orders.csv", "--dry-run")
    assert found.exit_code == 1
    for words in (
        "orders               199",
        "different customers  9",
        f"from                 {YESTERDAY - 27 * DAY:%Y-%m-%d}",
        "line 7, column Date: is not a date",
    ):
        assert words in found.output, found.output
    assert "secret" not in found.output
    assert facts(servers) == []
    assert {path.name for path in Path().iterdir()} == {"wakeline.toml", "orders.csv"}


@words_alone
def test_a_map_is_saved_and_edited_before_the_first_import(run: Run, servers: Settings) -> None:
    orders(3)
    assert "the map would be saved in orders.csv.map.toml" in run("orders.csv", "--dry-run").output
    saved = Path("orders.csv.map.toml")
    assert not saved.exists()
    assert "the map is saved in orders.csv.map.toml" in run("orders.csv", "--dry-run", "--save-map").output
    saved.write_text(saved.read_text() + '"channel" = "till"\n')
    assert "read by the map orders.csv.map.toml" in run("orders.csv", "--dry-run").output
    assert (facts(servers), Path("data").exists()) == ([], False)
    assert run("orders.csv").exit_code == 0
    assert {fact.body.get("channel") for fact in facts(servers)} == {"till"}
    fsspec.filesystem("memory").pipe("/shop/a.csv", (HEADER + f"N9,{YESTERDAY:%Y-%m-%d},K1,5\n").encode())
    assert "saved in data/imports/shop/a.csv-" in run("memory://shop/a.csv", "--dry-run", "--save-map").output
    assert list(Path("data/imports/shop").glob("a.csv-*.map.toml"))


@words_alone
def test_what_is_not_said_is_asked_for_once(run: Run, servers: Settings) -> None:
    orders(2)
    found = run("orders.csv", flags=())
    assert (found.exit_code, "add --zone Europe/Berlin" in found.output) == (2, True)
    found = run("orders.csv", flags=("--zone", "UTC"))
    assert (found.exit_code, "add --currency EUR" in found.output) == (2, True)
    assert run("orders.csv", flags=("--zone", "Nowhere")).exit_code == 2
    assert run("orders.csv", flags=("--currency", "XX")).exit_code == 2
    assert run("orders").exit_code == 2
    assert run("none.csv").exit_code == 1
    assert run("orders.csv").exit_code == 0
    assert "zone" not in run("orders.csv", flags=()).output


@words_alone
def test_a_file_that_cannot_be_read_is_said_and_the_next_one_is_imported(run: Run, servers: Settings) -> None:
    orders(2, "b.csv")
    Path("a.csv.gz").write_bytes(gzip.compress(b"x" * 1_000)[:-9])
    Path("c.csv.gz").write_text("not packed")
    found = run("a.csv.gz", "c.csv.gz", "b.csv")
    assert (found.exit_code, found.output.count("cannot be read")) == (1, 2)
    assert len(facts(servers)) == 2


@words_alone
@pytest.mark.parametrize(
    ("inside", "advice"),
    [("xl/workbook.xml", "save it as CSV"), ("content.xml", "save it as CSV"), ("a.csv", "unpack it")],
)
def test_a_spreadsheet_is_to_be_saved_as_csv(run: Run, servers: Settings, inside: str, advice: str) -> None:
    with zipfile.ZipFile("orders.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(inside, "<workbook/>")
    Path("old.xls").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1_000))
    found = run("orders", "orders.xlsx", "old.xls", "--dry-run")
    assert found.exit_code == 1
    assert advice in found.output.partition("old.xls")[0]
    assert "old.xls: is a spreadsheet: save it as CSV" in found.output


@words_alone
def test_a_folder_a_pattern_and_a_url_are_read(run: Run, servers: Settings) -> None:
    Path("in").mkdir()
    for number in range(3):
        orders(2, f"in/{number}.csv", first=10 * number)
    Path("in/notes.md").write_text("no")
    assert run("in").exit_code == 0
    assert len(facts(servers)) == 6
    assert run("in/*").exit_code == 1  # the notes are no table
    files = fsspec.filesystem("memory")
    files.pipe("/shop/orders.csv", (HEADER + f"N99,{YESTERDAY:%Y-%m-%d},K1,5\n").encode())
    found = run("memory://shop/*.csv")
    assert found.exit_code == 0, found.output
    assert [fact.home for fact in facts(servers)].count(order("N99")) == 1
    assert run("memory://shop/none.csv").exit_code == 1
    assert len(list(Path("data/imports").rglob("orders.csv-*.map.toml"))) == 1


@words_alone
def test_a_watched_folder_gives_each_new_file_once(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in").mkdir()
    monkeypatch.setattr("ops.imports.files.SETTLED_S", 0)
    orders(2, "in/a.csv")
    looks: list[float] = []
    away = pytest.MonkeyPatch()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            orders(2, "in/b.csv", first=10)
        if len(looks) == 3:
            orders(3, "in/b.csv", first=10)
        if len(looks) == 4:
            away.setattr(keys, "DEPLOYMENT", "wl:elsewhere")  # as if Redis were empty
            orders(1, "in/c.csv", first=50)
        if len(looks) == 5:
            away.undo()
        if len(looks) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["ops.cli.import_"], "pause", sleep)
    found = run("in", "--every", "1h")
    assert looks == [3600] * 6
    assert found.output.count("no data has been collected") == 1
    assert found.output.count("imported in") == 4
    assert sorted(fact.home for fact in facts(servers)) == sorted(
        order(f"N{n}") for n in (0, 1, 10, 11, 10, 11, 12, 50)
    )
    assert run("in", "--every", "soon").exit_code == 2
    assert run("in", "--every", "1h", "--dry-run").exit_code == 2
    assert run("none", "--every", "1h").exit_code == 1


# ---- pace


async def test_an_import_waits_for_a_processor_that_is_behind() -> None:
    enough = pace.FIRST_BEHIND - pace.FIRST
    waiting = [2_000, enough + pace.FIRST, enough + 1, enough, 600]

    async def look() -> Behind:
        return Behind(len(waiting), waiting.pop(0))

    one = Pace(look)
    await one.room()
    assert waiting == [600]
    assert one.size == pace.FIRST


async def test_how_many_records_may_wait_follows_how_long_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    now, applied = 0.0, 0
    monkeypatch.setattr("ops.imports.pace.time.monotonic", lambda: now)

    async def look() -> Behind:
        return Behind(applied, 0)

    one = Pace(look)

    async def appends(seconds: float) -> None:
        nonlocal now, applied
        await one.room()
        one.appended(one.size, 0.001)
        applied += one.size
        now += seconds

    for _ in range(50):
        await appends(0.5)
    assert one.most_behind == pace.LEAST_BEHIND
    assert one.size == min(pace.MOST, pace.LEAST_BEHIND // 2)
    for _ in range(300):
        await appends(0.06)
    assert one.most_behind == pace.MOST_BEHIND
    assert one.size == pace.MOST
    before = one.most_behind
    for _ in range(10):
        await appends(0.1)
    assert one.most_behind == before


async def test_appends_that_are_slow_become_small_and_grow_again() -> None:
    async def look() -> Behind:
        return Behind(0, 0)

    one = Pace(look)
    for _ in range(10):
        one.appended(100, 0.1)
    assert one.size == pace.LEAST
    for _ in range(1_000):
        one.appended(100, 0.001)
    assert one.size == min(pace.MOST, one.most_behind // 2)


@words_alone
def test_an_import_without_a_processor_stops_with_words(
    run: Run, servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "STUCK_S", 0.2)
    orders(4_000)
    found = run("orders.csv")
    assert found.exit_code == 1
    assert "the processor has applied nothing" in found.output
    assert 0 < len(facts(servers)) <= pace.MOST_BEHIND
    with applied(servers.redis):
        found = run("orders.csv")
    assert found.exit_code == 0, found.output
    assert len(facts(servers)) == 4_000


MUCH = "for i = 1, 20000 do redis.call('SET', 'wl:much' .. i, string.rep('x', 1000)) end"


@words_alone
def test_an_import_stops_before_it_fills_the_servers_memory(run: Run, servers: Settings) -> None:
    orders(10)
    with connect_blocking(servers.redis) as client:
        wait_until(lambda: not client.info("memory")["lazyfree_pending_objects"], "what was there is gone")
        client.eval(MUCH, 0)  # beside which what connections use is little
        info = client.info("memory")
        counted = info["used_memory"] - info["mem_not_counted_for_evict"]  # without what is still to be written to disk
        client.config_set("maxmemory", int(counted * 1.1))
        try:
            found = run("orders.csv")
        finally:
            client.config_set("maxmemory", 0)
    assert (found.exit_code, "more than 80% of the Redis server's memory is used" in found.output) == (1, True)
    assert facts(servers) == []
    assert run("orders.csv").exit_code == 0


@words_alone
def test_one_file_is_imported_by_one_process_at_a_time(run: Run, servers: Settings) -> None:
    orders(3)
    assert run("orders.csv").exit_code == 0
    (end, *_) = ends(servers)
    with States(Path("data"), "shop").alone(end.batch):
        found = run("orders.csv")
    assert (found.exit_code, "another process imports it now" in found.output) == (1, True)


def test_who_waits_for_the_lock_of_one_that_ends_has_it_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    states = States(tmp_path, "shop")
    first = states.alone("b")
    first.__enter__()
    flock = fcntl.flock

    def once_it_ended(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        first.__exit__(None, None, None)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", once_it_ended)
    with states.alone("b"), pytest.raises(AtWork), states.alone("b"):
        pass


SEE = "import sys; from ops.imports.state import *; States(Path(sys.argv[1]), 'shop').see('orders.csv', 'b', '')"


def test_two_may_note_the_same_file_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As when it is read by two maps."""
    replace = os.replace

    def after_another(part: Path, path: Path) -> None:
        subprocess.run([sys.executable, "-c", SEE, tmp_path], env=child_environ(), check=True, timeout=60)
        replace(part, path)

    monkeypatch.setattr(os, "replace", after_another)
    States(tmp_path, "shop").see("orders.csv", "a", "")
    seen = States(tmp_path, "shop").seen("orders.csv")
    assert seen is not None
    assert seen.batch == "a"
