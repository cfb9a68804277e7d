"""The archiver seals each record of the log exactly once, despite crashes and outages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import archiver.archiving
import archiver.segment
from archiver import metrics
from archiver.archiving import NotNow
from archiver.resume import Mismatch
from archiver.segment import OpenSegment, member_bytes
from tests.archive_stand import DAY_MS, LANES, MARCH, Crash, CrashingDisk, Ours, Stand
from wakeline.history import HistoryDamaged, HistoryUnavailable
from wakeline.history.folder import Disk
from wakeline.history.identity import archived, store_identity, stored_log
from wakeline.keys import LOGS
from wakeline.log import Bounds, Entry
from wakeline.log.links import Link
from wakeline.log.memory import MemoryLog
from wakeline.redis.connect import connect

RECORD = b'{"kind":"event","site":"shop","n":%d}'


@pytest.fixture
def stand(redis: Any, tmp_path: Path) -> Stand:
    return Stand(tmp_path / "archive", redis)


async def fill(stand: Stand, count: int = 5, *, lanes: int = LANES) -> None:
    for n in range(count):
        for lane in range(lanes):
            await stand.append(lane, RECORD % n)


# ---- when a file is sealed -----------------------------------------------------------------------


async def test_a_file_is_sealed_when_it_is_old_enough(stand: Stand) -> None:
    await fill(stand)
    archiver = await stand.archiver(seal_s=600)
    await stand.read_on(archiver)
    stand.seconds = 599
    await archiver.step()
    assert stand.files() == []
    stand.seconds = 600
    await archiver.step()
    assert [(segment.lane, segment.first, segment.end) for segment in stand.files()] == [
        (0, 0, 5),
        (1, 0, 5),
        (2, 0, 5),
    ]
    assert stand.is_whole()
    assert await archived(stand.redis, await stand.log.identity()) == {0: 5, 1: 5, 2: 5}


async def test_a_file_holds_one_utc_day(stand: Stand) -> None:
    stand.now = MARCH + DAY_MS - 1
    await fill(stand, 2)
    stand.now = MARCH + DAY_MS
    await fill(stand, 2)
    archiver = await stand.archiver()
    await stand.read_on(archiver)
    assert {segment.date for segment in stand.files()} == {"2026-03-01"}
    await archiver.seal_all()
    assert [(segment.date, segment.first) for segment in stand.files() if segment.lane == 0] == [
        ("2026-03-01", 0),
        ("2026-03-02", 2),
    ]
    assert stand.is_whole()


async def test_a_file_that_grows_large_is_sealed_at_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver.segment, "FILE_BYTES", 200)
    await fill(stand, 20)
    made = await stand.archiver()
    await stand.read_on(made)
    await made.seal_all()
    assert len(stand.files()) > 3 * LANES
    assert stand.is_whole()


async def test_memory_is_bounded_by_sealing_the_largest(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver.archiving, "HELD_BYTES", 4_000)
    made = await stand.archiver()
    for n in range(60):
        await stand.append(n % 2, RECORD % n)
        await made.step()
        assert metrics.HELD_BYTES._value.get() <= 4_000 + 200
    assert stand.files()


def test_what_is_collected_is_compressed_as_it_comes() -> None:
    filling = OpenSegment(0, 0, "2026-03-01", since=0.0, member_bytes=10_000)
    for offset in range(5_000):
        filling.add(Entry(offset, MARCH, RECORD % offset))
    assert filling.bytes_of_lines > 300_000
    assert filling.held < filling.bytes_of_lines / 5
    assert member_bytes(1_024) * 1_024 <= 16_000_000


# ---- crashes -------------------------------------------------------------------------------------


async def life(stand: Stand, disk: Disk) -> None:
    """Two days, sealed by age, by the day's end and in the end."""
    made = await stand.archiver(disk, seal_s=10)
    while len(stand.truth[0]) < 12:
        stand.now = MARCH + len(stand.truth[0]) * DAY_MS // 8
        await fill(stand, 2)
        await stand.read_on(made)
        stand.seconds += 7
    await made.step()
    await made.seal_all()


async def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(redis: Any, tmp_path: Path) -> None:
    steps: list[str] = []
    at = 0
    while True:
        at += 1
        stand = Stand(tmp_path / str(at), redis)
        disk = CrashingDisk(at)
        try:
            stand.folder.parent.mkdir(exist_ok=True)
            await life(stand, disk)
        except Crash:
            steps.append(disk.steps[-1])
        else:
            break
        again = CrashingDisk(at // 2 + 1)  # and once more, while it comes back
        try:
            await life(stand, again)
        except Crash:
            steps.append(again.steps[-1])
        await life(stand, CrashingDisk())
        assert stand.is_whole(), disk.steps
        assert not list(stand.folder.rglob("*.part")), "what was not sealed is cleaned up"
        ends = await archived(redis, await stand.log.identity())
        assert ends == {lane: len(entries) for lane, entries in stand.truth.items()}
        await redis.flushall()
    assert {"mkdir", "write", "sync of a file", "rename", "sync of a folder"} <= set(steps)
    assert at > 50


async def test_what_is_published_is_on_disk(stand: Stand) -> None:
    """At no step is an offset published that a crash could take back."""
    for at in range(1, 200):
        disk = CrashingDisk(at)
        try:
            await life(stand, disk)
        except Crash:
            pass
        else:
            break
        ends = await archived(stand.redis, await stand.log.identity())
        history = stand.history()
        assert all(history.bounds(lane).end >= end for lane, end in ends.items())


async def test_a_file_is_durable_before_it_has_its_name(stand: Stand) -> None:
    await fill(stand, 1, lanes=1)
    disk = CrashingDisk()
    made = await stand.archiver(disk)
    await stand.read_on(made)
    disk.steps.clear()
    await made.seal_all()
    made_folders = ["mkdir", "sync of a folder"] * 2
    assert disk.steps == [*made_folders, "write", "sync of a file", "rename", "sync of a folder"]


# ---- what is away --------------------------------------------------------------------------------


class FullDisk(Disk):
    def __init__(self) -> None:
        self.is_full = False

    def write(self, path: Path, content: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().write(path, content)


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(stand: Stand) -> None:
    disk = FullDisk()
    made = await stand.archiver(disk)
    await fill(stand)
    await stand.read_on(made)
    disk.is_full = True
    stand.seconds = 1_000
    for _ in range(3):
        with pytest.raises(HistoryUnavailable, match="No space left"):
            await made.step()
    await fill(stand)
    disk.is_full = False
    await stand.read_on(made)
    await made.seal_all()
    assert stand.is_whole()


async def test_redis_being_away_delays_only_what_is_published(stand: Stand, own_server: Any) -> None:
    redis = connect(own_server.url, timeout=0.5)
    made = await stand.archiver(redis=redis)
    await fill(stand)
    await stand.read_on(made)
    own_server.kill()
    await made.seal_all()
    assert stand.is_whole()
    own_server.start()
    await made.step()
    assert await archived(redis, await stand.log.identity()) == {0: 5, 1: 5, 2: 5}
    await redis.aclose()


OLDER = {
    "it knew less": {"0": 3, "1": 5, "2": 5},
    "nothing was archived yet": {},
    "it is of another log": {"log": "another", "0": 99, "1": 99, "2": 99},
}


@pytest.mark.parametrize("name", OLDER)
async def test_what_an_older_backup_of_redis_says_is_set_right(stand: Stand, name: str) -> None:
    """Else the log of a lane in which nothing happens any more would never be trimmed."""
    made = await stand.archiver()
    await fill(stand)
    await stand.read_on(made)
    await made.seal_all()
    right = await stand.published()
    older: dict[str, Any] = {"log": right["log"]} | OLDER[name]
    await stand.redis.delete("wl:archive")
    await stand.redis.hset("wl:archive", mapping=older)
    stand.lease.is_ours = False
    await made.measure()
    await made.step()
    assert await stand.published() == {name: str(value) for name, value in older.items()}
    stand.lease.is_ours = True
    await made.measure()
    await made.step()
    assert await stand.published() == right


async def test_without_the_lease_nothing_is_written(stand: Stand) -> None:
    made = await stand.archiver()
    await fill(stand)
    await stand.read_on(made)
    stand.lease.is_ours = False
    with pytest.raises(NotNow):
        await made.seal_all()
    assert stand.files() == []


class SlowDisk(Disk):
    """While it syncs, something happens."""

    def __init__(self, lease: Ours) -> None:
        self._lease = lease

    def sync(self, path: Path) -> None:
        super().sync(path)
        self._lease.is_ours = not path.is_file()


async def test_a_lease_that_ends_while_a_file_is_written_leaves_nothing(stand: Stand) -> None:
    made = await stand.archiver(SlowDisk(stand.lease))
    await fill(stand)
    await stand.read_on(made)
    with pytest.raises(NotNow):
        await made.seal_all()
    assert stand.files() == []


async def test_after_another_had_the_lease_the_history_is_looked_at_anew(stand: Stand) -> None:
    """An archiver that was paused for long holds records that another has sealed meanwhile."""
    paused, other = await stand.archiver(), await stand.archiver()
    await fill(stand)
    await stand.read_on(paused)
    await stand.read_on(other)
    await other.seal_all()
    stand.lease.epoch += 1
    await fill(stand)
    with pytest.raises(NotNow):
        await paused.seal_all()
    assert not paused.is_open
    await paused.open()
    await stand.read_on(paused)
    await paused.seal_all()
    assert stand.is_whole()


# ---- logs and histories that do not fit ----------------------------------------------------------


async def test_a_history_that_begins_late_says_so_and_begins_there(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(stand, 5)
    await stand.log.trim(0, upto=3)
    made = await stand.archiver()
    await stand.read_on(made)
    await made.seal_all()
    assert stand.history().bounds(0) == Bounds(3, 5)
    assert "the history begins at 3" in caplog.text


async def test_what_the_log_has_lost_is_said_counted_and_stays_a_hole(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    before = metrics.GAP_RECORDS._value.get()
    made = await stand.archiver()
    await fill(stand, 4)
    await stand.read_on(made)
    await fill(stand, 6)
    await stand.log.trim(1, upto=8)
    await stand.read_on(made)
    await made.measure()
    assert metrics.LAG_RECORDS._value.get() == 10 + 2 + 10, "what is lost is not waited for"
    await made.seal_all()
    assert "lane 1: 4 records are missing in the history, offsets 4 to 8" in caplog.text
    assert metrics.GAP_RECORDS._value.get() - before == 4
    history = stand.history()
    assert history.gaps(1) == [Bounds(4, 8)]
    assert [entry.offset for entry in stand.archived(1)] == [0, 1, 2, 3, 8, 9]
    assert [entry.offset for entry in stand.archived(0)] == list(range(10))


async def test_a_log_that_has_lost_its_end_before_that_was_sealed_is_followed(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    made = await stand.archiver()
    await fill(stand, 4)
    await made.step()
    await made.seal_all()
    await fill(stand, 4)
    await made.step()
    del stand.log._lanes[1][6:]  # what a crash of a log that does not sync would do
    del stand.truth[1][6:]
    await stand.read_on(made)
    assert "has lost its last records" in caplog.text
    await stand.append(1, b'{"another":1}')
    await stand.read_on(made)
    await made.seal_all()
    assert stand.is_whole()


async def replaced_log(stand: Stand) -> str:
    stand.log = MemoryLog(LANES)
    return "is of the log"


async def older_backup(stand: Stand) -> str:
    del stand.log._lanes[1][2:]
    return "the log at 2: was an older backup"


async def older_backup_that_grew(stand: Stand) -> str:
    del stand.log._lanes[1][2:]
    stand.now += 60_000
    await stand.log.append([(1, b'{"another":%d}' % n) for n in range(9)])
    return "record 4 differs between"


async def lost_identity(stand: Stand) -> str:
    (stand.folder / "log.json").unlink()
    return "log.json is missing"


@pytest.mark.parametrize("change", [replaced_log, older_backup, older_backup_that_grew, lost_identity])
async def test_another_log_than_the_one_of_the_history_is_not_mixed_into_it(stand: Stand, change: Any) -> None:
    made = await stand.archiver()
    await fill(stand)
    await stand.read_on(made)
    await made.seal_all()
    files = stand.files()
    said = await change(stand)
    with pytest.raises(Mismatch, match=said):
        await stand.archiver()
    assert stand.files() == files


async def test_a_log_that_goes_back_while_it_is_read_stops_the_archiver(stand: Stand) -> None:
    made = await stand.archiver()
    await fill(stand)
    await stand.read_on(made)
    await made.seal_all()
    await older_backup(stand)
    with pytest.raises(Mismatch, match="older backup"):
        await made.step()


async def test_a_damaged_last_file_does_not_stop_the_archiver(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    made = await stand.archiver()
    await fill(stand)
    await stand.read_on(made)
    await made.seal_all()
    path = stand.folder / stand.files()[0].name
    path.write_bytes(path.read_bytes()[:-1])
    await fill(stand)
    again = await stand.archiver()
    await stand.read_on(again)
    await again.seal_all()
    assert f"{path} is damaged" in caplog.text
    assert [entry.offset for entry in stand.archived(1)] == list(range(10))
    with pytest.raises(HistoryDamaged):
        stand.archived(0)


async def test_files_of_two_archivers_at_once_become_one_history(stand: Stand) -> None:
    """They cannot both hold the lease; if a pause made them believe so, nothing is in two files afterwards."""
    first, second = await stand.archiver(), await stand.archiver()
    await fill(stand, 4)
    await stand.read_on(first)
    await fill(stand, 3)
    await stand.read_on(second)
    await first.seal_all()
    await second.seal_all()
    await fill(stand, 2)
    await stand.read_on(first)
    await first.seal_all()
    assert not stand.is_whole()
    await stand.archiver()
    assert stand.is_whole()


async def test_a_history_of_the_same_log_is_gone_on_with(stand: Stand) -> None:
    store_identity(stand.history().store, await stand.log.identity())
    await fill(stand)
    made = await stand.archiver()
    await stand.read_on(made)
    await made.seal_all()
    assert stand.is_whole()


async def test_a_history_is_told_the_chain_of_its_log(stand: Stand) -> None:
    """Also one that older code made, and after the chain grew; another log's chain is none of it."""
    identity, store = await stand.log.identity(), stand.history().store
    store_identity(store, identity)
    links = [Link("another", [0] * LANES), Link(identity, [0] * LANES, [3] * LANES), Link("later", [9] * LANES)]
    for count, told in ((1, []), (2, links[:2]), (3, links)):
        await stand.redis.rpush(LOGS, msgspec.json.encode(links[count - 1]))
        await stand.archiver()
        stored = stored_log(store)
        assert stored is not None
        assert (stored.identity, stored.links) == (identity, told)


# ---- how far behind ------------------------------------------------------------------------------


async def test_the_lag_is_in_records_and_in_seconds_beyond_the_promise(stand: Stand) -> None:
    made = await stand.archiver(seal_s=100)
    await fill(stand, 3)
    await stand.append(0, b"{}", b"{}")
    await made.measure()
    assert (metrics.LAG_RECORDS._value.get(), metrics.LAG_RECORDS_MAX._value.get()) == (11, 5)
    assert metrics.OVERDUE_SECONDS._value.get() == 0
    stand.seconds = 130
    await made.measure()
    assert metrics.OVERDUE_SECONDS._value.get() == 30
    await stand.read_on(made)
    await made.seal_all()
    await made.measure()
    assert (metrics.LAG_RECORDS._value.get(), metrics.OVERDUE_SECONDS._value.get()) == (0, 0)
