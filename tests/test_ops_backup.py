"""Parts of a backup: the manifest, the spool while it is drained, erased people, the swap."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.spool_folder import SpoolFolder
from ops.backup import past, staged, swap
from ops.backup.ancestry import common, kept
from ops.backup.forgotten import (
    Forgotten,
    add_from_server,
    forgetting,
    forgetting_again,
    say_again,
)
from ops.backup.making import make
from ops.backup.manifest import BackupRefused, check, read
from ops.backup.restoring import restore
from ops.backup.spooled import Spooled
from ops.cli import main
from ops.up.guard import RESTORING, CannotStart, sole_use
from tests.archive_stand import Crash, CrashingDisk
from tests.s3 import S3Server
from tests.timeline import DAY, START, Timeline, event, fact
from wakeline import keys
from wakeline.history import History, HistoryLog, Segment
from wakeline.history.folder import Folder
from wakeline.history.identity import store_identity, stored_identity
from wakeline.history.lines import line_of
from wakeline.history.members import member
from wakeline.history.names import day_of
from wakeline.lanes import lane_of, open_deployment
from wakeline.log import Entry
from wakeline.log.chain import chained, links_of
from wakeline.log.links import Link, identity_of
from wakeline.log.memory import MemoryLog
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.record import FOR_GOOD, CustomerShare, Delta, Erase, decode_record, encode_record
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings

LANES = 4


@pytest.fixture
def config(own_server: Any, tmp_path: Path) -> Config:
    """Of a deployment whose data folder holds the server's files, as under `wakeline up`."""
    settings = Settings(redis=own_server.url, embedded_port=own_server.port, data=tmp_path, lanes=LANES)
    return Config(settings, {})


async def open_log(config: Config) -> RedisStreamsLog:
    async with connect(config.settings.redis) as redis:
        await open_deployment(redis, config.settings)
        log = RedisStreamsLog(config.settings.redis, LANES)
        await chained(log, None, redis, LANES)
    return log


async def left_with_a_backup(config: Config, server: Any, data: Path) -> Path:
    """The folder of a backup of one record, whose server is gone since."""
    log = await open_log(config)
    await log.append([(0, b'{"kind":"tick"}')])
    await log.close()
    folder = await in_thread(made, config, data.parent / f"{data.name}-backup")
    server.kill()
    return folder


def made(config: Config, folder: Path) -> Path:
    make(config, folder)
    return folder


async def in_thread(call: Any, *arguments: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(call, *arguments)


def all_but_the_lock(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name != "up.lock")


# ---- what is refused ------------------------------------------------------------------------------


async def test_a_backup_is_refused_where_it_would_be_none(config: Config, tmp_path: Path) -> None:
    full = tmp_path.parent / f"{tmp_path.name}-full"
    full.mkdir()
    (full / "something").touch()
    for folder, words in ((full, "is not empty"), (tmp_path / "inside", "is inside the data folder")):
        with pytest.raises(BackupRefused, match=words):
            await in_thread(make, config, folder)
    with pytest.raises(BackupRefused, match="your own Redis"):
        await in_thread(make, replace(config, given=frozenset({"redis"})), tmp_path.parent / "other")
    assert not (tmp_path.parent / "other").exists()


async def test_a_backup_that_is_not_whole_is_refused_and_changes_nothing(
    config: Config, own_server: Any, tmp_path: Path
) -> None:
    folder = await left_with_a_backup(config, own_server, tmp_path)
    manifest = folder / "manifest.json"
    whole = manifest.read_text()
    rdb = (folder / "redis.rdb").read_bytes()
    stranger = json.loads(whole)
    stranger["files"]["../../etc/passwd"] = {"size": 1, "sha256": ""}
    cases = {
        "no complete backup": lambda: manifest.unlink(),
        "of format 2": lambda: manifest.write_text(whole.replace('"format": 1', '"format": 2')),
        "is damaged: Input data was truncated": lambda: manifest.write_text(whole[:-20]),
        "redis.rdb in .* is damaged": lambda: (folder / "redis.rdb").write_bytes(rdb[:-1] + b"x"),
        "redis.rdb is missing": lambda: (folder / "redis.rdb").unlink(),
        "which is elsewhere": lambda: manifest.write_text(json.dumps(stranger)),
        "on Kafka, but log in the settings says": lambda: manifest.write_text(whole.replace('"embedded"', '"kafka"')),
    }
    before = all_but_the_lock(tmp_path)
    for words, harm in cases.items():
        manifest.write_text(whole)
        (folder / "redis.rdb").write_bytes(rdb)
        harm()
        with pytest.raises(BackupRefused, match=words):
            await in_thread(restore, config, folder)
        assert all_but_the_lock(tmp_path) == before, words
    manifest.write_text(whole)
    (folder / "redis.rdb").write_bytes(rdb)
    with sole_use(tmp_path), pytest.raises(CannotStart, match="already runs on the data folder"):
        await in_thread(restore, config, folder)
    assert not (await in_thread(restore, config, folder)).was_cut


async def test_a_restore_asks_and_says_whom_it_brings_back(config: Config, own_server: Any, tmp_path: Path) -> None:
    """Without confirmation it changes nothing; on an empty disk nothing names people erased since the backup."""
    folder = await left_with_a_backup(config, own_server, tmp_path)
    data = tmp_path.parent / f"{tmp_path.name}-new"
    place = ("--data", str(data), "--embedded-port", str(config.settings.embedded_port))
    said = await in_thread(CliRunner().invoke, main, ["restore", str(folder), *place], "n\n")
    assert (said.exit_code, data.exists()) == (2, False)
    assert "this cannot be undone: add --yes" in said.output
    said = await in_thread(CliRunner().invoke, main, ["restore", str(folder), *place, "--yes"])
    assert said.exit_code == 0, said.output
    assert f"no previous data here: erasures after {read(folder).made} are back: erase them again" in said.stderr
    assert "kB" not in said.stderr  # no bar where nobody watches
    said = await in_thread(CliRunner().invoke, main, ["restore", str(folder), *place, "--yes"])
    assert (said.exit_code, "erase them again" in said.output) == (0, False), said.output


async def test_a_backup_without_a_server_names_what_the_command_takes(config: Config, own_server: Any) -> None:
    own_server.kill()
    place = ("--data", str(config.settings.data), "--embedded-port", str(config.settings.embedded_port))
    said = await in_thread(CliRunner().invoke, main, ["backup", str(config.settings.data.parent / "none"), *place])
    assert said.exit_code == 1
    assert "is `wakeline up` running? --embedded-port sets its port" in said.output
    assert "--redis" not in said.output


async def test_a_collector_that_still_runs_is_not_pulled_from_under(
    config: Config, own_server: Any, tmp_path: Path
) -> None:
    log = await open_log(config)
    await log.close()
    folder = await in_thread(made, config, tmp_path.parent / f"{tmp_path.name}-backup")
    own_server.kill()
    spool = SpoolFolder(tmp_path / "spool" / "0", limit=1 << 20, troubles=Counter())
    spool.open()
    with pytest.raises(BackupRefused, match="a collector still runs"):
        await in_thread(restore, config, folder)
    spool.close()
    await in_thread(restore, config, folder)


async def test_a_backup_waits_while_the_server_rewrites_its_file(config: Config, tmp_path: Path) -> None:
    """A server has one child at a time."""
    log = await open_log(config)
    await log.append([(0, b'{"kind":"tick"}')])
    await log.close()
    async with connect(config.settings.redis) as redis:
        await redis.config_set("rdb-key-save-delay", 100_000)  # us
        await redis.bgrewriteaof()
        assert (await redis.info("persistence"))["aof_rewrite_in_progress"]
        await redis.config_set("rdb-key-save-delay", 0)
        folder = await in_thread(made, config, tmp_path.parent / f"{tmp_path.name}-backup")
        assert not (await redis.info("persistence"))["aof_rewrite_in_progress"]
    check(folder, read(folder))


async def test_a_server_that_still_runs_is_not_pulled_from_under(config: Config, tmp_path: Path) -> None:
    log = await open_log(config)
    await log.close()
    folder = await in_thread(made, config, tmp_path.parent / f"{tmp_path.name}-backup")
    with pytest.raises(BackupRefused, match="is in use: stop the server"):
        await in_thread(restore, config, folder)


async def test_a_backup_that_fails_leaves_nothing(
    config: Config, own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the same command may be given again."""
    log = await open_log(config)
    await log.close()
    folder = tmp_path.parent / f"{tmp_path.name}-backup"

    def breaks(port: int, target: Path, **more: Any) -> None:
        target.write_bytes(b"half of it")
        raise BackupRefused("the server's snapshot was interrupted")

    with monkeypatch.context() as broken:
        broken.setattr("ops.backup.snapshot.fetch", breaks)
        with pytest.raises(BackupRefused, match="was interrupted"):
            await in_thread(make, config, folder)
    assert all_but_the_lock(folder) == []
    await in_thread(make, config, folder)


async def test_a_backup_is_its_users_alone_and_leaves_nothing_in_the_data_folder(
    config: Config, own_server: Any, tmp_path: Path
) -> None:
    log = await open_log(config)
    await log.close()
    before = sorted(own_server.folder.rglob("*"))
    folder = await in_thread(made, config, tmp_path.parent / f"{tmp_path.name}-backup")
    assert not [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]
    assert sorted(own_server.folder.rglob("*")) == before
    check(folder, read(folder))


# ---- the spool ------------------------------------------------------------------------------------


def test_what_is_drained_while_the_backup_is_made_is_still_in_it(tmp_path: Path) -> None:
    """Spooled before, spooled meanwhile, drained and deleted: all of it is in the copy."""
    spool = SpoolFolder(tmp_path / "spool" / "0", limit=1 << 20, troubles=Counter())
    spool.open()
    spool.append([(1, b'{"n":1}')], lanes=LANES)
    with Spooled(tmp_path / "spool") as spooled:
        spool.append([(2, b'{"n":2}')], lanes=LANES)
        while (batch := spool.read(10)) is not None:
            spool.drained(batch)
        spool.append([(3, b'{"n":3}')], lanes=LANES)
        files = spooled.copy(tmp_path / "copy")
    spool.close()
    assert all(name.startswith("0/") for name in files)
    copied = SpoolFolder(tmp_path / "copy" / "0", limit=1 << 20, troubles=Counter())
    copied.open()
    found = []
    while (batch := copied.read(1)) is not None:
        found += [value for _, value in batch.records]
        copied.drained(batch)
    assert found == [b'{"n":1}', b'{"n":2}', b'{"n":3}']


def test_no_spool_is_an_empty_one(tmp_path: Path) -> None:
    with Spooled(tmp_path / "spool") as spooled:
        assert spooled.copy(tmp_path / "copy") == {}


# ---- who is forgotten again -----------------------------------------------------------------------

WITHDRAWAL = event("visitor-1", "page-one", 3, 5, "consent", level="off")
SAID_AGAIN = {
    "an erasure": (Erase("shop", "visitor-1", 7), [Erase("shop", "visitor-1", 7)]),
    "an erasure of a customer": (Erase("shop", "@one", 7), [Erase("shop", "@one", 7)]),
    "a withdrawal": (WITHDRAWAL, [WITHDRAWAL]),
    "a withdrawal to anonymous": (
        event("visitor-1", "page-one", 3, 5, "consent", level="anonymous"),
        [event("visitor-1", "page-one", 3, 5, "consent", level="anonymous")],
    ),
    "a consent that is given": (event("visitor-1", "page-one", 3, 5, "consent", level="full"), []),
    "an anonymous visitor's choice": (event("~salted", "page-one", 3, 5, "consent", level="off"), []),
    "a page view": (event("visitor-1", "page-one", 3, 5), []),
    "a delta that says who withdrew, and more": (
        Delta(
            1,
            0,
            9,
            [CustomerShare("shop", "@one", "visitor-1", erased_at=5), CustomerShare("shop", "@two", "v2", at=1)],
        ),
        [Erase("shop", "@one", 5)],
    ),
    "a delta that says of whom consent was withdrawn": (
        Delta(1, 0, 9, [CustomerShare("shop", "@one", "visitor-1", erased_at=5, withdrawn=True)]),
        [Erase("shop", "@one", 5, withdrawn=True)],
    ),
    "a link that a withdrawal ended": (
        Erase("shop", "visitor-2", 7, customer="@one", withdrawn=True),
        [Erase("shop", "visitor-2", 7, customer="@one", withdrawn=True)],
    ),
    "a withdrawal that a server tells": (
        fact("@one", "consent", 5, {"level": "off"}),
        [Erase("shop", "@one", START + 5, withdrawn=True)],
    ),
    "a consent that a server tells": (fact("@one", "consent", 5, {"level": "full"}), []),
    "an erasure that a server tells": (fact("@one", "forget", 5), [Erase("shop", "@one", START + 5)]),
}


@pytest.mark.parametrize("name", SAID_AGAIN)
def test_what_forgets_somebody_is_said_again(name: str) -> None:
    record, wanted = SAID_AGAIN[name]
    value = encode_record(record)
    assert [decode_record(said) for said, _, _ in forgetting(record, value)] == wanted
    found = Forgotten()
    found.add([Entry(0, 10, value), Entry(1, 11, b"no JSON with erase in it"), Entry(2, 12, value)])
    assert len(found) == len(wanted), "each once"


def test_who_withdrew_withdraws_again_where_only_a_tombstone_is_left() -> None:
    later = forgetting_again("shop", "visitor-1", (1 << 53) - 1, 1_000)
    assert (later.type, later.level, later.visitor, later.time) == ("consent", "off", "visitor-1", 1_000)  # type: ignore[union-attr]
    assert forgetting_again("shop", "visitor-1", 900, 1_000) == Erase("shop", "visitor-1", 900, withdrawn=True)
    assert forgetting_again("shop", "@one", (1 << 53) - 1, 1_000) == Erase("shop", "@one", 1_000)


async def test_tombstones_of_the_former_data_are_taken_over(config: Config, tmp_path: Path) -> None:
    """For a known person a record is appended, which sets the tombstone; for a stranger it is set; an older one changes
    nothing.
    """
    log = await open_log(config)
    await log.close()
    names = keys.Keys()
    found = Forgotten()
    async with connect(config.settings.redis) as redis:
        for id, upto in (("known", 500), ("stranger", 600), ("already", 700)):
            await redis.set(keys.tombstone(0, "shop", id), upto, px=1_000_000)
        await add_from_server(found, config.settings.redis, lanes=LANES, since=None)
        assert {who: upto for who, (upto, _) in found.tombstones.items()} == {
            ("shop", "known"): 500,
            ("shop", "stranger"): 600,
            ("shop", "already"): 700,
        }
        await redis.delete(*[keys.tombstone(0, "shop", id) for id in ("known", "stranger", "already")])
        known, already = lane_of("shop", "known", LANES), lane_of("shop", "already", LANES)
        await redis.hset(names.profile(known, "shop", "known"), "page_views", 1)
        await redis.set(keys.tombstone(already, "shop", "already"), 800)
        assert await say_again(found, config.settings.redis, lanes=LANES) == 1
        stranger = keys.tombstone(lane_of("shop", "stranger", LANES), "shop", "stranger")
        assert await redis.get(stranger) == b"600"
        assert 0 < await redis.pttl(stranger) <= 1_000_000
        assert not await redis.exists(keys.tombstone(known, "shop", "known")), "it would say that it is done"
        assert await redis.get(keys.tombstone(already, "shop", "already")) == b"800"
        ((_, fields),) = await redis.xrange(keys.log_lane(known))
        assert decode_record(fields[b"v"]) == Erase("shop", "known", 500, withdrawn=True)


@pytest.mark.parametrize("days", [2, 10])
async def test_who_withdrew_after_a_backup_is_forgotten_however_old_it_is(redis_server: Any, days: int) -> None:
    restored = Timeline(redis_server.url)
    await restored.redis.flushall()
    await restored.start()
    await restored.append(event("visitor-1", "page-one", 0, 0))
    await restored.run()
    assert await restored.profile("visitor-1")
    found = Forgotten()
    found.add([Entry(9, START + DAY, encode_record(event("visitor-1", "page-two", 0, DAY, "consent", level="off")))])
    for value, _ in found.in_order():
        await restored.append(decode_record(value), at=days * DAY)
    await restored.run()
    assert not await restored.profile("visitor-1")
    await restored.close()


async def test_what_records_say_does_not_hide_a_tombstone_that_reaches_further(config: Config) -> None:
    """Erased, then withdrew, and of the two only the erasure is still in a record."""
    log = await open_log(config)
    await log.close()
    now = time.time_ns() // 1_000_000
    records = {
        "shorter": [Erase("shop", "shorter", 500)],
        "told": [Erase("shop", "told", 700, "@one")],
        "as far": [Erase("shop", "as far", 500), Erase("shop", "as far", 600)],
        "withdrew": [event("withdrew", "page-one", 3, 5, "consent", level="off")],
    }
    wanted = {"shorter": FOR_GOOD, "told": 600, "as far": 600, "withdrew": FOR_GOOD}
    found = Forgotten()
    async with connect(config.settings.redis) as redis:
        for id, upto in wanted.items():
            found.add([Entry(0, START, encode_record(record)) for record in records[id]])
            found.tombstones["shop", id] = upto, 1_000_000
            await redis.set(keys.Keys().state(lane_of("shop", id, LANES), "shop", id), "{}")
        assert await say_again(found, config.settings.redis, lanes=LANES) == 6
        for id in wanted:
            lane = keys.log_lane(lane_of("shop", id, LANES))
            said = [decode_record(fields[b"v"]) for _, fields in await redis.xrange(lane)]
            said = [record for record in said if getattr(record, "id", getattr(record, "visitor", "")) == id]
            assert said[: len(records[id])] == records[id]
            assert [record.time >= now for record in said[len(records[id]) :]] == [True] * (id == "shorter")  # type: ignore[union-attr]


# ---- another log from there on --------------------------------------------------------------------


def test_a_restored_log_is_another_one_and_what_follows_is_it() -> None:
    zero = [0] * LANES
    first, fork, later = Link("a", zero), Link("b", zero, [3] * LANES), Link("c", [9] * LANES)
    assert identity_of([first]) == "a"
    assert identity_of([first, later]) == "a"
    assert identity_of([first, fork]) == "b"
    assert identity_of([first, fork, later]) == "b"


async def test_a_restored_log_goes_on_where_it_stood(config: Config, tmp_path: Path) -> None:
    """Also for a log that itself continued another one; leases and salts of old processes do not block it."""
    log = await open_log(config)
    await log.append([(0, b"{}")] * 3)
    async with connect(config.settings.redis) as redis:
        await redis.delete(keys.LOGS)
        await redis.rpush(keys.LOGS, '{"id":"kafka","begins":[0,0,0,0]}')
        former = await log.identity()
        await redis.rpush(keys.LOGS, json.dumps({"id": former, "begins": [10, 10, 10, 10]}))
        await redis.hset(keys.Keys(2).lane(1), mapping={"log": "kafka", "offset": 11})
        await redis.hset(keys.ARCHIVE, mapping={"log": "kafka", "0": 10})
        for name in (keys.LEASE, keys.ARCHIVE_LEASE, keys.salts("shop", "2026-03-01")):
            await redis.set(name, "somebody")
        was = await staged.standing(config.settings.redis, embedded_log=True)
        assert (was.ends, was.identity) == ([13, 10, 10, 10], "kafka")
        await staged.tidy(redis)
        identity = await staged.fork(redis, was, was.ends)
        assert await redis.keys("wl:*lease") == []
        assert await redis.keys("wl:salts:*") == []
        assert await redis.hget(keys.Keys(2).lane(1), "log") == identity.encode()
        assert await redis.hget(keys.ARCHIVE, "log") == identity.encode()
        assert (await links_of(redis))[-1] == Link(identity, [10] * LANES, [13, 10, 10, 10])
        again = await chained(RedisStreamsLog(config.settings.redis, LANES), None, redis, LANES)
        assert await again.identity() == identity
        assert (await again.bounds([0]))[0] == (10, 13)
        await again.append([(0, b"{}")])
        assert [entry.offset for entry in (await again.read({0: 12}, limit=9, wait_ms=0))[0]] == [12, 13]
        await again.close()
    await log.close()


async def test_a_restored_log_may_be_left_for_another_one(config: Config) -> None:
    """Like any log: offsets continue, and it keeps the identity given by the restore."""
    log = await open_log(config)
    await log.append([(0, b"{}")] * 3)
    async with connect(config.settings.redis) as redis:
        was = await staged.standing(config.settings.redis, embedded_log=True)
        identity = await staged.fork(redis, was, was.ends)
        await log.append([(0, b"{}")] * 2)
        other = MemoryLog(LANES)
        found = await chained(other, log, redis, LANES)
        await found.append([(0, b"{}")])
        assert await found.identity() == identity
        assert (await found.bounds([0]))[0] == (0, 6)
        assert [entry.offset for entry in (await found.read({0: 3}, limit=9, wait_ms=0))[0]] == [3, 4]
        assert [entry.offset for entry in (await found.read({0: 5}, limit=9, wait_ms=0))[0]] == [5]
        await found.close()


ZERO = [0, 0]
A, MOVED = Link("a", ZERO), Link("moved", [4, 20])
FIRST, SECOND, THIRD = Link("1st", ZERO, [5, 12]), Link("2nd", ZERO, [7, 7]), Link("3rd", [4, 20], [30, 30])
IN_COMMON: dict[str, tuple[list[Link], list[Link], list[int] | None]] = {
    "the log goes on": ([A], [A], [9, 9]),
    "another log": ([A], [Link("x", ZERO)], None),
    "no log yet": ([A], [], None),
    "other lanes": ([A], [Link("a", [0])], None),
    "it was restored twice since": ([A], [A, FIRST, SECOND], [5, 7]),
    "an older one was restored since": ([A, FIRST], [A, SECOND], [5, 7]),
    "the log was left for another one since": ([A], [A, Link("moved", [9, 20])], [9, 9]),
    "what was lost was given up since": ([A], [A, MOVED], [4, 9]),
    "it was left, and restored since": ([A, MOVED], [A, MOVED, THIRD], [9, 9]),
    "it was left before, and an older one was restored since": ([A, MOVED], [A, SECOND], [4, 7]),
}


@pytest.mark.parametrize("name", IN_COMMON)
def test_what_two_logs_have_in_common_ends_where_either_went_its_own_way(name: str) -> None:
    backup, other, wanted = IN_COMMON[name]
    assert common(staged.Standing(2, 1, backup, [9, 9]), other) == wanted


def test_whose_log_a_history_is_of(tmp_path: Path) -> None:
    """By the data that are there now, by its own word, and by the backup where older code made it."""
    history = History(str(tmp_path))
    backup = staged.Standing(2, 1, [A, SECOND], [9, 9])
    store_identity(history.store, "a")
    assert kept(history, backup, None) == [7, 7], "a copy of the time before"
    store_identity(history.store, "2nd")
    assert kept(history, backup, None) == [9, 9]
    store_identity(history.store, "1st")
    with pytest.raises(BackupRefused, match=r"unrelated to this backup.*\n.*in that history only: --forgotten-in"):
        kept(history, backup, None)
    assert kept(history, backup, staged.Standing(2, 1, [A, FIRST], [99, 99])) == [5, 7]
    store_identity(history.store, "1st", [A, FIRST])
    assert kept(history, backup, None) == [5, 7]
    assert kept(history, backup, staged.Standing(2, 1, [Link("x", ZERO)], [99, 99])) == [5, 7]
    store_identity(history.store, "x", [Link("x", ZERO)])
    with pytest.raises(BackupRefused, match="unrelated to this backup"):
        kept(history, backup, None)


async def test_who_was_forgotten_in_a_history_of_another_log_stays_so_if_it_is_named(
    config: Config, own_server: Any, tmp_path: Path
) -> None:
    folder = await left_with_a_backup(config, own_server, tmp_path)
    history = History(str(tmp_path / "archive"))
    store_identity(history.store, "another", [Link("another", [0] * LANES)])
    erasure = Entry(0, START, encode_record(Erase("shop", "visitor-1", 7)))
    history.store.write(Segment(0, 0, 1, day_of(START)).name, member(line_of(erasure)))
    with pytest.raises(BackupRefused, match="name another folder with --archive"):
        await in_thread(restore, config, folder)
    elsewhere = replace(config, settings=replace(config.settings, archive=str(tmp_path / "new")))
    restored = partial(restore, elsewhere, folder, say=lambda words: None)
    with pytest.raises(BackupRefused, match="there is no history at"):
        await in_thread(partial(restored, forgotten_in=[str(tmp_path / "nowhere")]))
    assert (await in_thread(partial(restored, forgotten_in=[history.url]))).forgotten == 1


# ---- the history ----------------------------------------------------------------------------------

DATE = "2026-03-01"


def entry(offset: int, mark: str = "") -> Entry:
    return Entry(offset, 1_772_323_200_000 + offset, b'{"kind":"tick","mark":"%s"}' % mark.encode())


def write(history: History, first: int, end: int, mark: str = "", lane: int = 0) -> None:
    lines = b"".join(line_of(entry(offset, mark)) for offset in range(first, end))
    history.store.write(Segment(lane, first, end, DATE).name, member(lines))


def values(history: History, lane: int = 0) -> list[Entry]:
    history.refresh()
    return history.read(lane, history.bounds(lane).first, 1_000)


def test_the_history_moves_what_is_newer_aside_and_gets_what_it_lacks(tmp_path: Path) -> None:
    history, backup = History(str(tmp_path / "archive")), History(str(tmp_path / "backup"))
    store_identity(history.store, "a")
    write(history, 0, 10)
    write(history, 10, 30, "later")  # up to 15 it is the same
    write(history, 30, 40, "later")
    write(history, 0, 5, "later", lane=1)
    write(backup, 10, 20)
    write(backup, 20, 25)
    assert past.cut(history, keep=[15, 0], identity="b", stamp="now") == 3
    assert [entry.offset for entry in values(history)] == list(range(15))
    assert past.cut(history, keep=[15, 0], identity="b", stamp="now") == 0, "once"
    assert past.fill(history, backup, ends=[22, 0]) == 2
    assert past.fill(history, backup, ends=[22, 0]) == 0, "once"
    assert [entry.offset for entry in values(history)] == list(range(22))
    assert {entry.value for entry in values(history)[15:]} == {entry_of.value for entry_of in [entry(0)]}
    assert stored_identity(history.store) == "b"
    assert history.lanes() == [0]
    aside = History(str(tmp_path / "archive" / "aside" / "now"))
    assert [entry.offset for entry in values(aside)] == list(range(10, 40))
    assert len(values(aside, 1)) == 5


@pytest.mark.parametrize("is_lost", [False, True], ids=["the history went on", "and is lost too"])
async def test_what_the_log_had_trimmed_comes_from_the_history(
    config: Config, own_server: Any, tmp_path: Path, is_lost: bool
) -> None:
    """Each record once, from the first to the place of the backup, also if a file has grown past that since."""
    log = await open_log(config)
    history = History(str(tmp_path / "archive"))
    store_identity(history.store, await log.identity())
    values_of = [b'{"kind":"tick","n":%d}' % number for number in range(30)]
    await log.append([(0, value) for value in values_of[:20]])
    entries = (await log.read({0: 0}, limit=99, wait_ms=0))[0]
    day = day_of(entries[0].time)
    history.store.write(Segment(0, 0, 12, day).name, member(b"".join(map(line_of, entries[:12]))))
    await log.trim(0, upto=10)
    folder = await in_thread(made, config, tmp_path.parent / f"{tmp_path.name}-backup")
    await log.append([(0, value) for value in values_of[20:]])
    entries += (await log.read({0: 20}, limit=99, wait_ms=0))[0]
    history.store.write(Segment(0, 0, 30, day).name, member(b"".join(map(line_of, entries))))
    history.store.delete(Segment(0, 0, 12, day).name)
    await log.close()
    own_server.kill()
    if is_lost:
        shutil.rmtree(tmp_path / "archive")
        shutil.rmtree(tmp_path / "redis")
    assert (await in_thread(restore, config, folder)).moved == (0 if is_lost else 1)
    own_server.start()
    log = await open_log(config)
    whole = HistoryLog(History(history.url), log)
    assert (await whole.bounds([0]))[0] == (0, 20)
    found, place = [], 0
    while place < 20:
        found += (await whole.read({0: place}, limit=7, wait_ms=0))[0]
        place = found[-1].offset + 1
    assert [(one.offset, one.value) for one in found] == list(enumerate(values_of[:20]))
    await log.close()


def test_a_history_at_a_url_is_brought_in_line_too(s3: S3Server, tmp_path: Path) -> None:
    url = f"s3://{s3.bucket}/{tmp_path.name}"
    history, backup = History(url), History(str(tmp_path / "backup"))
    store_identity(history.store, "a")
    write(history, 0, 10)
    write(history, 10, 30, "later")
    write(backup, 10, 22)
    assert past.cut(history, keep=[15], identity="b", stamp="now") == 1
    assert past.fill(history, backup, ends=[20]) == 1
    assert [one.offset for one in values(history)] == list(range(20))
    assert [one.offset for one in values(History(f"{url}/aside/now"))] == list(range(10, 30))
    assert stored_identity(history.store) == "b"


def test_the_history_may_be_cut_at_every_step(tmp_path: Path) -> None:
    at = 0
    while True:
        at += 1
        root = tmp_path / str(at)
        history, backup = History(str(root / "archive")), History(str(root / "backup"))
        store_identity(history.store, "a")
        write(history, 0, 10)
        write(history, 10, 30, "later")
        write(backup, 10, 22)
        crashing = History(history.url, Folder(root / "archive", CrashingDisk(at)))
        try:
            past.cut(crashing, keep=[15], identity="b", stamp="now")
            past.fill(crashing, backup, ends=[20])
            is_over = True
        except Crash:
            is_over = False
        past.cut(history, keep=[15], identity="b", stamp="now")
        past.fill(history, backup, ends=[20])
        found = values(history)
        assert found[15:] == [entry(offset) for offset in range(15, 20)], at
        assert [one.offset for one in found] == list(range(20)), at
        assert [one.offset for one in values(History(str(root / "archive/aside/now")))] == list(range(10, 30)), at
        if is_over:
            assert at > 10
            return


# ---- the swap -------------------------------------------------------------------------------------


def test_a_swap_that_is_cut_is_ended_by_the_next_and_nothing_starts_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = swap.Plan("backup", "then", "stamp", LANES, [0] * LANES, [0] * LANES, "id")
    rename, at = Path.rename, 0
    while True:
        at += 1
        data = tmp_path / str(at)
        for part, content in (
            ("redis", "old"),
            ("spool", "old"),
            ("restoring/redis", "new"),
            ("restoring/spool", "new"),
        ):
            (data / part).mkdir(parents=True)
            (data / part / "content").write_text(content)
        left = at

        def crashing(path: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if not left:
                raise Crash
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", crashing)
        try:
            swap.begin(data, plan)
            swap.swap(data, plan)
            swap.end(data)
        except Crash:
            pass
        monkeypatch.setattr(Path, "rename", rename)
        if left > 0:
            assert at == 6
            return
        cut = swap.planned(data)
        contents = {part: (data / part / "content") for part in ("redis", "spool")}
        if cut is None:
            assert {path.read_text() for path in contents.values()} == {"old"}
            with sole_use(data):
                pass
            continue
        assert cut == plan
        with pytest.raises(CannotStart, match=r"a restore into .* was interrupted"), sole_use(data):
            pass
        swap.swap(data, cut)
        swap.end(data)
        assert {path.read_text() for path in contents.values()} == {"new"}
        assert {(data / "aside/stamp" / part / "content").read_text() for part in contents} == {"old"}
        assert not (data / RESTORING).exists()
        assert not (data / "restoring").exists()
