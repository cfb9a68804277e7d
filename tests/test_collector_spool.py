"""The spool's files: appended records survive any crash, in order; damage only affects damaged records."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import spool_disk, spool_folder
from collector.metrics import Metrics
from collector.spool import Spool
from collector.spool_folder import SpoolFolder, SpoolFull, SpoolHeld, Trouble
from collector.spool_frames import (
    FRAME,
    HEADER,
    MAGIC,
    MARK,
    Records,
    count_frames,
    decode_header,
    encode_frames,
    encode_header,
    frame_at,
    next_frame,
)
from tests.collector_stand import NOON, FaultyLog
from wakeline.lanes import lane_of
from wakeline.log import LogUnavailable
from wakeline.record import Erase, Event, Fact, encode_record

LANES = 4
MEGABYTE = 1_048_576

RECORDS = st.lists(st.tuples(st.integers(0, 1_023), st.text().map(str.encode)), min_size=1, max_size=6)


def record(n: int, *, visitor: str = "visitor", length: int = 0) -> tuple[int, bytes]:
    event = Event(
        site="demo", visitor=visitor, type="page_view", page="page", n=n, time=NOON + n, received=NOON + n,
        host="shop.example", path="/" + "x" * length,
    )  # fmt: skip
    return lane_of("demo", visitor, LANES), encode_record(event)


def records(start: int, count: int, **more: Any) -> list[tuple[int, bytes]]:
    return [record(n, **more) for n in range(start, start + count)]


def folder(path: Path, *, limit: int = MEGABYTE) -> SpoolFolder:
    """Opened as by a new process, after the previous one ended."""
    made = SpoolFolder(path, limit=limit, troubles=Counter())
    made.open()
    return made


def drain(spool: SpoolFolder, *, group: int = 3) -> list[tuple[int, bytes]]:
    """All there is; the spool is empty then."""
    found: list[tuple[int, bytes]] = []
    while (batch := spool.read(group)) is not None:
        assert len(batch.records) <= group
        found += batch.records
        spool.drained(batch)
    assert (spool.records, spool.oldest, spool.bytes) == (0, 0, 0)
    return found


def troubles(spool: SpoolFolder) -> dict[str, int]:
    return {kind.value: count for kind, count in spool._troubles.items() if count}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool" / "0"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_folder, "SEGMENT_BYTES", 600)


# ---- frames --------------------------------------------------------------------------------------


@given(RECORDS)
def test_frames_are_read_as_they_were_written(found: Records) -> None:
    data = encode_header(LANES) + encode_frames(found)
    assert decode_header(data) == LANES
    at, read = HEADER.size, []
    while (frame := frame_at(data, at)) is not None:
        read.append(frame[:2])
        at = frame[2]
    assert (read, at) == (found, len(data))
    assert count_frames(data, HEADER.size) == (len(found), len(data))


@given(RECORDS, st.data())
def test_a_frame_that_was_cut_anywhere_is_none_and_those_before_are_whole(found: Records, draw: st.DataObject) -> None:
    before = encode_frames(found[:-1])
    data = before + encode_frames(found[-1:])
    cut = draw.draw(st.integers(len(before), len(data) - 1))
    assert count_frames(data[:cut], 0) == (len(found) - 1, len(before))
    zeroed = data[:cut] + bytes(len(data) - cut)
    if zeroed != data:
        assert count_frames(zeroed, 0) == (len(found) - 1, len(before))


@given(RECORDS, st.data())
def test_any_flipped_bit_is_seen_and_what_follows_is_found_again(found: Records, draw: st.DataObject) -> None:
    hit = draw.draw(st.integers(0, len(found) - 1))
    before, frame, after = (encode_frames(part) for part in (found[:hit], found[hit : hit + 1], found[hit + 1 :]))
    rotten = bytearray(frame)
    rotten[draw.draw(st.integers(0, len(frame) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    data = before + bytes(rotten) + after
    assert count_frames(data, 0)[0] == len(found) - 1
    assert next_frame(data, len(before)) == (len(before) + len(frame) if after else None)


def test_no_record_can_hold_the_mark() -> None:
    """Its bytes do not occur in UTF-8: the search for the next frame is not misled by what pages send."""
    for byte in MARK:
        with pytest.raises(UnicodeDecodeError):
            bytes([byte]).decode()
    assert len({chr(n).encode()[0] for n in range(0x10000) if not 0xD800 <= n < 0xE000} & set(MARK)) == 0


# ---- what a crash leaves -------------------------------------------------------------------------


def test_records_come_back_in_order_over_segments_and_restarts(path: Path, small_segments: None) -> None:
    rng = random.Random(1)
    spool, written, read = folder(path), 0, []
    for _ in range(60):
        match rng.randrange(4):
            case 0 | 1:
                count = rng.randint(1, 4)
                spool.append(records(written, count), lanes=LANES)
                written += count
            case 2:
                if batch := spool.read(rng.randint(1, 5)):
                    read += batch.records
                    spool.drained(batch)
            case 3:
                spool.close()
                spool = folder(path)
        assert spool.records == written - len(read)
    assert read + drain(spool) == records(0, written)
    assert troubles(spool) == {}
    assert not list(path.glob("*.spool"))


def test_a_write_that_was_cut_at_any_byte_costs_nothing_that_was_promised(path: Path, tmp_path: Path) -> None:
    spool = folder(path)
    spool.append(records(0, 2), lanes=LANES)
    promised = spool.bytes
    spool.append(records(2, 1), lanes=LANES)
    spool.close()
    data = (path / "0000000001.spool").read_bytes()
    for size in range(promised, len(data)):
        torn = tmp_path / f"torn-{size}"
        shutil.copytree(path, torn)
        os.truncate(torn / "0000000001.spool", size)
        found = folder(torn)
        assert troubles(found) == ({} if size == promised else {"torn": 1})
        assert found.records == 2
        found.append(records(3, 2), lanes=LANES)
        found.close()
        again = folder(torn)
        assert troubles(again) == {}
        assert drain(again) == records(0, 2) + records(3, 2)
        again.close()


def test_a_file_that_was_made_and_never_written_is_forgotten(path: Path) -> None:
    for size in range(HEADER.size + 1):
        path.mkdir(parents=True, exist_ok=True)
        (path / "0000000007.spool").write_bytes(encode_header(LANES)[:size])
        spool = folder(path)
        assert (spool.records, drain(spool)) == (0, [])
        spool.append(records(0, 1), lanes=LANES)
        assert [file.name for file in path.glob("*.spool")] == [f"{8 + size:010}.spool"]
        assert drain(spool) == records(0, 1)
        spool.close()


@pytest.mark.parametrize("opened_after", [True, False], ids=["found at the start", "found while draining"])
def test_bit_rot_costs_the_record_that_it_hit(path: Path, caplog: pytest.LogCaptureFixture, opened_after: bool) -> None:
    spool = folder(path)
    for n in range(6):
        spool.append(records(n, 1), lanes=LANES)
    file = path / "0000000001.spool"
    length = FRAME.size + len(record(0)[1])
    with file.open("r+b") as rotting:
        rotting.seek(HEADER.size + 2 * length + 30)
        rotting.write(b"\0")
    if opened_after:
        spool.close()
        spool = folder(path)
        assert spool.records == 5
    assert drain(spool) == records(0, 2) + records(3, 3)
    assert troubles(spool) == {"damaged": 1}
    assert f"is damaged from byte {HEADER.size + 2 * length} to {HEADER.size + 3 * length}" in caplog.text


def test_a_segment_of_which_nothing_is_left_is_passed_over(path: Path, small_segments: None) -> None:
    spool = folder(path)
    for n in range(12):
        spool.append(records(n, 1), lanes=LANES)
    first, second, *_ = sorted(path.glob("*.spool"))
    second.write_bytes(bytes(second.stat().st_size))
    first.unlink()
    assert drain(spool) == records(8, 4)
    assert troubles(spool) == {"damaged": 2}


def test_a_header_that_rots_costs_no_record(path: Path) -> None:
    spool = folder(path)
    spool.append(records(0, 3), lanes=LANES)
    spool.close()
    with (path / "0000000001.spool").open("r+b") as rotting:
        rotting.write(b"?")
    spool = folder(path)
    batch = spool.read(10)
    assert batch is not None
    assert (batch.lanes, batch.records) == (0, records(0, 3))


def test_what_a_later_version_wrote_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True)
    checked = MAGIC[:-1] + b"9" + LANES.to_bytes(4, "little")
    other = checked + crc32(checked).to_bytes(4, "little") + b"news"
    (path / "0000000003.spool").write_bytes(other)
    spool = folder(path)
    spool.append(records(0, 1), lanes=LANES)
    assert drain(spool) == records(0, 1)
    assert (path / "0000000003.spool").read_bytes() == other
    assert "is ignored" in caplog.text


# ---- what was drained ----------------------------------------------------------------------------


def test_what_was_drained_is_not_drained_again(path: Path, small_segments: None) -> None:
    spool = folder(path)
    for n in range(12):
        spool.append(records(n, 1), lanes=LANES)
    for _ in range(2):
        batch = spool.read(3)
        assert batch is not None
        spool.drained(batch)
    left = spool.records
    spool.close()
    spool = folder(path)
    assert spool.records == left < 12
    assert drain(spool) == records(12 - left, left)


def test_without_a_note_of_it_a_segment_is_repeated_at_most(
    path: Path, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, on which nothing can be noted, is still freed by draining."""
    spool = folder(path)
    for n in range(12):
        spool.append(records(n, 1), lanes=LANES)
    files = len(list(path.glob("*.spool")))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool_folder, "replace", full)
    read: list[tuple[int, bytes]] = []
    while len(read) < 7 and (batch := spool.read(1)):
        read += batch.records
        spool.drained(batch)
    assert len(list(path.glob("*.spool"))) < files
    spool.close()
    again = drain(folder(path))
    assert again == records(12 - len(again), len(again))
    assert 5 <= len(again) <= 8


def test_a_damaged_note_repeats_a_segment_and_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = folder(path)
    spool.append(records(0, 5), lanes=LANES)
    batch = spool.read(2)
    assert batch is not None
    spool.drained(batch)
    spool.close()
    (path / "drained").write_bytes(b"\0\0\0")
    spool = folder(path)
    assert drain(spool) == records(0, 5)
    assert troubles(spool) == {"damaged": 1}
    assert "appended again" in caplog.text


def test_numbers_of_segments_are_never_used_again(path: Path) -> None:
    """Else a note of what was drained would hold for another file."""
    for expected in range(1, 4):
        spool = folder(path)
        spool.append(records(0, 3), lanes=LANES)
        assert [file.name for file in path.glob("*.spool")] == [f"{expected:010}.spool"]
        assert drain(spool, group=2) == records(0, 3)
        spool.close()


# ---- bounds and disks ----------------------------------------------------------------------------


def test_it_is_bounded_and_has_room_again_once_drained(path: Path) -> None:
    spool = folder(path, limit=4_000)
    count = 0
    while spool.bytes + 180 + HEADER.size <= 4_000:
        spool.append(records(count, 1), lanes=LANES)
        count += 1
    with pytest.raises(SpoolFull):
        spool.append(records(count, 1), lanes=LANES)
    assert sum(file.stat().st_size for file in path.glob("*.spool")) == spool.bytes <= 4_000
    assert count > 15
    assert not spool.probe()
    for _ in range(count // 2):
        batch = spool.read(1)
        assert batch is not None
        spool.drained(batch)
    spool.append(records(count, 1), lanes=LANES)
    assert drain(spool) == records(count // 2, count + 1 - count // 2)


class SmallDisk:
    """os.write and the syncs of a disk with so many bytes left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**9
        self.is_broken = False  # each sync fails, as on a disk that dies
        self._write = os.write
        monkeypatch.setattr(spool_disk.os, "write", self.write)
        monkeypatch.setattr(spool_disk, "_sync_data", self.sync)

    def write(self, descriptor: int, data: Any) -> int:
        if not self.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = self._write(descriptor, bytes(data)[: self.left])
        self.left -= count
        return count

    def sync(self, descriptor: int) -> None:
        if self.is_broken:
            raise OSError(errno.EIO, "Input/output error")
        os.fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    return SmallDisk(monkeypatch)


@pytest.mark.parametrize("left", [0, 1, 20, 150, 350])
@pytest.mark.parametrize("is_begun", [False, True], ids=["first write", "later write"])
def test_a_full_disk_takes_nothing_by_halves(path: Path, disk: SmallDisk, left: int, is_begun: bool) -> None:
    spool = folder(path)
    if is_begun:
        spool.append(records(0, 1), lanes=LANES)
    disk.left = left
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            spool.append(records(1, 3), lanes=LANES)
    assert not spool.probe()
    disk.left = 10**9
    spool.append(records(4, 2), lanes=LANES)
    expected = records(0, int(is_begun)) + records(4, 2)
    spool.close()
    spool = folder(path)
    assert troubles(spool) == {}
    assert drain(spool) == expected


def test_what_could_not_be_synced_is_not_taken(path: Path, disk: SmallDisk) -> None:
    """And nothing is appended to that file any more: what the disk holds of it is not known."""
    spool = folder(path)
    spool.append(records(0, 1), lanes=LANES)
    disk.is_broken = True
    with pytest.raises(OSError, match="Input/output"):
        spool.append(records(1, 1), lanes=LANES)
    disk.is_broken = False
    spool.append(records(2, 1), lanes=LANES)
    assert len(list(path.glob("*.spool"))) == 2
    assert drain(spool) == [*records(0, 1), *records(2, 1)]


def test_a_group_is_one_write_and_one_sync_and_a_new_file_has_its_name_on_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = folder(path)
    calls: list[tuple[str, str]] = []

    def noted(name: str, call: Any) -> Any:
        def note(descriptor: int, *more: Any) -> Any:
            calls.append((name, Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
            return call(descriptor, *more)

        return note

    monkeypatch.setattr(spool_disk.os, "write", noted("write", os.write))
    monkeypatch.setattr(spool_disk.os, "fsync", noted("sync", os.fsync))
    monkeypatch.setattr(spool_disk, "_sync_data", noted("sync", os.fdatasync))
    spool.append(records(0, 100), lanes=LANES)
    assert calls == [("write", "0000000001.spool"), ("sync", "0000000001.spool"), ("sync", path.name)]
    calls.clear()
    spool.append(records(100, 100), lanes=LANES)
    assert calls == [("write", "0000000001.spool"), ("sync", "0000000001.spool")]


def test_a_sector_that_is_lost_does_not_stop_the_rest(
    path: Path, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = folder(path)
    for n in range(12):
        spool.append(records(n, 1), lanes=LANES)
    spool.close()
    lost, *_ = sorted(path.glob("*.spool"))
    open_file = Path.open

    def broken(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == lost:
            raise OSError(errno.EIO, "Input/output error")
        return open_file(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", broken)
    spool = folder(path)
    left = spool.records
    assert 0 < left < 12
    assert drain(spool) == records(12 - left, left)
    assert troubles(spool)["damaged"] == 1


# ---- who owns it ---------------------------------------------------------------------------------


def test_one_process_owns_it_and_nobody_else_may_read_it(path: Path) -> None:
    spool = folder(path)
    spool.append(records(0, 1), lanes=LANES)
    with pytest.raises(SpoolHeld):
        folder(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}
    spool.close()
    assert folder(path).records == 1


# ---- from the spool to the log -------------------------------------------------------------------


def spool(root: Path, worker: int = 0, *, workers: int = 1, limit: int = MEGABYTE) -> Spool:
    return Spool(root, worker, workers=workers, limit=limit, metrics=Metrics())


@pytest.fixture
def root(path: Path) -> Path:
    return path.parent


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.spool"))


async def in_log(log: FaultyLog) -> list[tuple[int, bytes]]:
    found = await log.read(dict.fromkeys(range(LANES), 0), limit=10_000, wait_ms=0)
    return [(lane, entry.value) for lane in sorted(found) for entry in found[lane]]


async def test_draining_appends_groups_and_counts(root: Path) -> None:
    log, spooling = FaultyLog(LANES), spool(root)
    assert await spooling.append(records(0, 250), lanes=LANES)
    metrics = spooling._metrics
    assert (metrics.spooled, metrics.spool_records, metrics.spool_oldest > 0) == (250, 250, True)
    assert metrics.spool_bytes == sum(file.stat().st_size for file in segments(root))
    await spooling.drain(log, LANES, group=100, down_to=100)
    assert spooling.records == 50
    await spooling.drain(log, LANES, group=100)
    assert log.groups == [100, 100, 50]
    assert await in_log(log) == records(0, 250)
    assert (metrics.drained, metrics.spool_records, metrics.spool_bytes, metrics.spool_oldest) == (250, 0, 0, 0)


async def test_what_was_spooled_for_other_lanes_goes_where_it_belongs(root: Path) -> None:
    log, spooling = FaultyLog(LANES), spool(root)
    events = [record(n, visitor=f"visitor-{n}") for n in range(40)]
    moved = [(lane_of("demo", f"visitor-{n}", 9), value) for n, (_, value) in enumerate(events)]
    assert await spooling.append(moved, lanes=9)
    assert await spooling.append([(7, b"no record")], lanes=9)
    await spooling.drain(log, LANES, group=100)
    assert sorted(await in_log(log)) == sorted([*events, (0, b"no record")])


async def test_what_servers_said_goes_to_the_lanes_of_its_homes(root: Path) -> None:
    said = [
        *(Fact(site="demo", home=f"#{n:032x}", type="purchase", id="0" * 16, time=NOON, received=NOON, customer="@x")
          for n in range(20)),
        *(Erase(site="demo", id=f"@{n:032x}", time=NOON) for n in range(20)),
    ]  # fmt: skip
    homes = [record.home if isinstance(record, Fact) else record.id for record in said]
    values = [encode_record(record) for record in said]
    log, spooling = FaultyLog(LANES), spool(root)
    spooled = [(lane_of("demo", home, 9), value) for home, value in zip(homes, values, strict=True)]
    assert await spooling.append(spooled, lanes=9)
    await spooling.drain(log, LANES, group=100)
    expected = [(lane_of("demo", home, LANES), value) for home, value in zip(homes, values, strict=True)]
    assert sorted(await in_log(log)) == sorted(expected)


async def test_worker_0_drains_what_workers_left_that_are_no_more(root: Path) -> None:
    for number in range(4):
        left = folder(root / str(number))
        left.append([record(number, visitor=f"visitor-{number}")], lanes=LANES)
        if number != 3:
            left.close()
    log = FaultyLog(LANES)
    for worker in (1, 0):
        spooling = spool(root, worker, workers=2)
        await spooling.drain_left_behind(log, LANES, group=100)
        assert len(await in_log(log)) == (0 if worker else 1)  # the third is still held by its process
        spooling.close()
    assert (await in_log(log))[0] == record(2, visitor="visitor-2")
    left.close()
    spooling = spool(root, 0, workers=2)
    await spooling.drain_left_behind(log, LANES, group=100)
    assert len(await in_log(log)) == 2
    assert {file.parent.name for file in segments(root)} == {"0", "1"}


async def test_a_spool_that_is_no_longer_wanted_is_drained_and_takes_nothing(root: Path) -> None:
    left = folder(root / "0")
    left.append(records(0, 3), lanes=LANES)
    left.close()
    log, spooling = FaultyLog(LANES), spool(root, limit=0)
    assert not spooling.takes_events
    await spooling.drain(log, LANES, group=100)
    assert await in_log(log) == records(0, 3)


class PickyLog(FaultyLog):
    """Fails on an append that holds `poison`."""

    def __init__(self, poison: bytes) -> None:
        super().__init__(LANES)
        self._poison = poison

    async def append(self, records: Records) -> dict[int, int]:
        if any(value == self._poison for _, value in records):
            raise ValueError("a record that cannot be held")
        return await super().append(records)


async def test_a_record_that_the_log_never_takes_does_not_keep_the_others_from_it(root: Path) -> None:
    spooling = spool(root)
    await spooling.append(records(0, 5), lanes=LANES)
    log = PickyLog(record(2)[1])
    await spooling.drain(log, LANES, group=100)
    assert await in_log(log) == records(0, 2) + records(3, 2)
    assert (root / "0" / "refused.jsonl").read_bytes() == record(2)[1] + b"\n"
    assert spooling._metrics.spool_errors == Counter({Trouble.REFUSED: 1})
    assert spooling._metrics.drained == 4


async def test_a_log_that_fails_on_everything_costs_no_record(root: Path) -> None:
    spooling = spool(root)
    await spooling.append(records(0, 1), lanes=LANES)
    with pytest.raises(LogUnavailable, match="cannot be held"):
        await spooling.drain(PickyLog(record(0)[1]), LANES, group=100)
    assert spooling.records == 1


async def test_a_disk_that_fails_is_said_once_and_counted_each_time(
    root: Path, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    spooling = spool(root)
    caplog.set_level("INFO")
    disk.left = 10
    assert [await spooling.append(records(0, 1), lanes=LANES) for _ in range(3)] == [False] * 3
    assert not await spooling.takes_a_write()
    disk.left = 10**9
    assert await spooling.takes_a_write()
    assert await spooling.append(records(0, 1), lanes=LANES)
    assert caplog.text.count("no events can be spooled") == 1
    assert caplog.text.count("the spool accepts events again") == 1
    assert spooling._metrics.spool_errors == Counter({Trouble.WRITE: 3})


async def test_the_lanes_are_remembered_and_believed_only_where_they_are_those_of_the_settings(root: Path) -> None:
    spooling = spool(root)
    assert spooling.known_lanes(LANES) == 0
    await spooling.keep_lanes(LANES)
    assert [spool(root, 3, workers=4).known_lanes(lanes) for lanes in (LANES, 9)] == [LANES, 0]
    (root / "lanes").write_bytes(b"\xff")
    assert spool(root).known_lanes(LANES) == 0


def test_the_oldest_is_known_after_a_restart(path: Path) -> None:
    made = folder(path)
    made.append(records(5, 3), lanes=LANES)
    made.close()
    assert folder(path).oldest == NOON + 5
