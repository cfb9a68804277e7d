"""The history: records are read back unchanged, in order and once, or the error names the damaged file."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.history import History, HistoryDamaged, HistoryLog, HistoryUnavailable, Segment, archive_url
from wakeline.history.identity import store_identity, stored_identity
from wakeline.history.lines import entries_of, line_of
from wakeline.history.members import member
from wakeline.history.names import chains, day_of, segment_of
from wakeline.log import Bounds, Entry, LogGap, LogMismatch
from wakeline.log.memory import MemoryLog
from wakeline.settings import Settings

DAY = "2026-03-01"


def entry(offset: int) -> Entry:
    return Entry(offset, 1_772_323_200_000 + offset, b'{"kind":"event","n":%d}' % offset)


def content(first: int, end: int, *, of_member: int = 4) -> bytes:
    starts = range(first, end, of_member)
    return b"".join(
        member(b"".join(line_of(entry(offset)) for offset in range(start, min(end, start + of_member))))
        for start in starts
    )


def seal(history: History, lane: int, first: int, end: int, date: str = DAY) -> Segment:
    segment = Segment(lane, first, end, date)
    history.store.write(segment.name, content(first, end))
    history.refresh()
    return segment


@pytest.fixture(params=["a folder", "a URL", "S3"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    if request.param == "a folder":
        return History(str(tmp_path / "archive"))
    if request.param == "S3":
        bucket = request.getfixturevalue("s3").bucket
        return History(f"s3://{bucket}/{random.random()}/archive")
    return History(f"memory://{request.node.name}-{random.random()}/archive")


# ---- names ---------------------------------------------------------------------------------------


def test_a_name_says_lane_day_and_offsets() -> None:
    segment = Segment(7, 12, 400, "2026-03-01")
    assert segment.name == "date=2026-03-01/lane=007/0000000000000012-0000000000000400.jsonl.gz"
    assert segment_of(segment.name) == segment
    assert segment_of(Segment(1_023, 0, 1, DAY).name) == Segment(1_023, 0, 1, DAY)


@pytest.mark.parametrize(
    "name",
    [
        "log.json",
        "date=2026-03-01/lane=007/.0000000000000012-0000000000000400.jsonl.gz.part",
        "date=2026-03-01/lane=007/0000000000000400-0000000000000400.jsonl.gz",
        "date=2026-03-01/lane=007/0000000000000400-0000000000000012.jsonl.gz",
        "date=2026-03-01/0000000000000012-0000000000000400.jsonl.gz",
        "copy of date=2026-03-01/lane=007/0000000000000012-0000000000000400.jsonl.gz",
    ],
)
def test_other_files_are_not_looked_at(name: str) -> None:
    assert segment_of(name) is None


CHAINS = {
    # files as (first, end), which are read
    "one after the other": ([(0, 5), (5, 9)], [(0, 5), (5, 9)]),
    "parts of a merged file": ([(0, 5), (0, 9), (5, 9)], [(0, 9)]),
    "the same from two days": ([(0, 5), (0, 5)], [(0, 5)]),
    "in the middle of another": ([(0, 9), (3, 6)], [(0, 9)]),
    "overlapping in part": ([(0, 6), (4, 9)], [(0, 6), (4, 9)]),
    "with a hole": ([(0, 5), (7, 9)], [(0, 5), (7, 9)]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_every_offset_is_read_from_one_file(name: str) -> None:
    files, read = CHAINS[name]
    found = chains(Segment(3, first, end, DAY) for first, end in reversed(files))
    assert [(segment.first, segment.end) for segment in found[3]] == read


def test_a_day_is_that_of_utc() -> None:
    assert day_of(1_772_323_199_999) == "2026-02-28"
    assert day_of(1_772_323_200_000) == "2026-03-01"


# ---- lines ---------------------------------------------------------------------------------------

VALUES = {
    # value, whether it is kept as JSON
    "an object": (b'{"kind":"tick"}', True),
    "text beyond ASCII": ('{"title":"Käse \U0001f9c0"}'.encode(), True),
    "spaces between": (b'{ "a" : 1 }', True),
    "on two lines": (b'{\n"a":1}', False),
    "not an object": (b"17", False),
    "half of one": (b'{"a":', False),
    "two": (b'{"a":1}{"a":2}', False),
    "bytes that are no text": (b'{"a":"\xff"}', False),
    "half a surrogate pair": (b'{"a":"\xed\xa0\x80"}', False),
    "nothing": (b"", False),
    "too deep": (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", False),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_comes_back_to_the_byte(name: str) -> None:
    value, is_json = VALUES[name]
    line = line_of(Entry(3, 17, value))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    read = json.loads(line)
    assert (read["offset"], read["at"]) == (3, 17)
    assert set(read) == {"offset", "at", "record" if is_json else "raw"}
    assert list(entries_of(line)) == [Entry(3, 17, value)]


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_come_back(values: list[bytes]) -> None:
    entries = [Entry(offset, 5, value) for offset, value in enumerate(values)]
    assert list(entries_of(b"".join(map(line_of, entries)))) == entries


# ---- reading -------------------------------------------------------------------------------------


def test_an_empty_history_holds_nothing(history: History) -> None:
    assert history.lanes() == []
    assert history.bounds(0) == Bounds(0, 0)
    assert history.read(0, 0, 10) == []


def test_what_was_written_is_read_in_order_and_once(history: History) -> None:
    """Across files, days, parts of a merge, and with any limit."""
    seal(history, 2, 0, 10)
    seal(history, 2, 10, 25)
    seal(history, 2, 25, 30, "2026-03-02")
    seal(history, 2, 0, 25)  # merged, and its parts not deleted yet
    seal(history, 5, 7, 9)
    assert history.lanes() == [2, 5]
    assert (history.bounds(2), history.bounds(5)) == (Bounds(0, 30), Bounds(7, 9))
    for limit in (1, 3, 1_000):
        place, read = 0, []
        while found := history.read(2, place, limit):
            assert len(found) <= limit
            read += found
            place += len(found)
        assert read == [entry(offset) for offset in range(30)]
    assert history.read(2, 28, 10) == [entry(28), entry(29)]
    assert history.read(2, 3, 2) == [entry(3), entry(4)]
    assert history.last(2) == entry(29)


def test_any_tool_for_gzip_and_json_reads_it(tmp_path: Path) -> None:
    history = History(str(tmp_path))
    segment = seal(history, 0, 0, 10)
    lines = gzip.decompress(Path(history.where(segment)).read_bytes()).splitlines()
    assert [json.loads(line)["offset"] for line in lines] == list(range(10))


@pytest.mark.parametrize(("place", "said"), [(4, "holds 5 to 20"), (12, "but not 10 to 15"), (21, "holds 5 to 20")])
def test_a_place_that_no_file_holds_is_a_gap(history: History, place: int, said: str) -> None:
    seal(history, 1, 5, 10)
    seal(history, 1, 15, 20)
    assert history.gaps(1) == [Bounds(10, 15)]
    with pytest.raises(LogGap, match=said):
        history.read(1, place, 10)
    assert history.read(1, 5, 5) == [entry(offset) for offset in range(5, 10)]
    with pytest.raises(LogGap, match=r"place 10.*but not 10 to 15"):
        history.read(1, 10, 5)


def test_overlapping_files_are_read_once(history: History) -> None:
    seal(history, 1, 0, 10)
    seal(history, 1, 6, 15)
    assert history.read(1, 0, 100) == [entry(offset) for offset in range(15)]


def test_a_file_that_is_merged_away_while_it_is_read_is_found_in_the_merged_one(history: History) -> None:
    parts = [seal(history, 1, 0, 10), seal(history, 1, 10, 20)]
    assert history.read(1, 0, 3) == [entry(0), entry(1), entry(2)]
    other = History(history.url, history.store)
    seal(other, 1, 0, 20)
    for part in parts:
        history.store.delete(part.name)
    assert history.read(1, 3, 100) == [entry(offset) for offset in range(3, 20)]


# ---- damage --------------------------------------------------------------------------------------


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


MEMBER = len(content(0, 4))
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the compressed text": lambda data: flip(data, 30),
    "a bit of the last checksum": lambda data: flip(data, len(data) - 6),
    "a bit of the header": lambda data: flip(data, 0),
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut between two members": lambda data: data[:MEMBER],
    "cut to nothing": lambda _: b"",
    "zeros at the end": lambda data: data[:-20] + bytes(20),
    "rubbish after the end": lambda data: data + b"rubbish",
    "a member twice": lambda data: data[:MEMBER] + data,
    "another file's content": lambda _: content(100, 110),
    "one record too many": lambda _: content(0, 11),
    "no JSON": lambda _: member(b"not json\n"),
    "JSON of another kind": lambda _: member(b'{"a":1}\n'),
    "raw that is not base64": lambda _: member(b'{"offset":0,"at":1,"raw":"~"}\n'),
}


def read_one_by_one(history: History, read: list[Entry]) -> None:
    while found := history.read(1, len(read), 1):
        read += found


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_named_and_nothing_of_the_damaged_part_is_given_out(history: History, name: str) -> None:
    segment = seal(history, 1, 0, 10)
    seal(history, 1, 10, 20)
    history.store.write(segment.name, DAMAGE[name](content(0, 10)))
    read: list[Entry] = []
    with pytest.raises(HistoryDamaged, match=segment.name):
        read_one_by_one(history, read)
    assert read == [entry(offset) for offset in range(len(read))]
    assert history.read(1, 10, 10) == [entry(offset) for offset in range(10, 20)], "the next file is whole"


@given(at=st.integers(0, len(content(0, 10)) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_what_is_read(at: int, bit: int) -> None:
    """A few bits of gzip's header mean nothing; all others are noticed."""
    data = bytearray(content(0, 10))
    data[at] ^= 1 << bit
    history = History(f"memory://bit-{at}-{bit}/archive")
    segment = Segment(1, 0, 10, DAY)
    history.store.write(segment.name, bytes(data))
    read: list[Entry] = []
    try:
        for found in history.entries(segment):
            read += found
    except HistoryDamaged:
        assert read == [entry(offset) for offset in range(len(read))]
    else:
        assert read == [entry(offset) for offset in range(10)]


def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    history = History(str(tmp_path / "archive"))
    with pytest.raises(HistoryUnavailable, match="archive"):
        seal(history, 0, 0, 1)


# ---- the log behind it ---------------------------------------------------------------------------


async def log_of(count: int, *, trimmed: int = 0) -> MemoryLog:
    """Lane 1 holds `count` records, those before `trimmed` no more."""
    now = [0]
    log = MemoryLog(2, clock=lambda: now[0])
    for offset in range(count):
        now[0] = entry(offset).time
        await log.append([(1, entry(offset).value)])
    await log.trim(1, upto=trimmed)
    return log


async def all_of(log: HistoryLog, lane: int, *, limit: int = 7) -> list[Entry]:
    place, end = (await log.bounds([lane]))[lane]
    read: list[Entry] = []
    while place < end:
        found = (await log.read({lane: place}, limit=limit, wait_ms=0))[lane]
        assert len(found) <= limit
        read += found
        place += len(found)
    return read


@pytest.mark.parametrize(("sealed", "trimmed"), [(20, 20), (30, 20), (40, 40), (20, 0), (0, 0)])
async def test_what_is_trimmed_comes_from_the_files_and_the_rest_from_the_log(
    history: History, sealed: int, trimmed: int
) -> None:
    if sealed:
        seal(history, 1, 0, sealed)
    log = HistoryLog(history, await log_of(40, trimmed=trimmed))
    assert await all_of(log, 1) == [entry(offset) for offset in range(40)]
    assert (await log.bounds([0, 1])) == {0: Bounds(0, 0), 1: Bounds(0, 40)}
    assert await log.append_time(1, 3) == entry(3).time
    assert await log.append_time(1, 39) == entry(39).time
    assert await log.append_time(1, 99) is None
    assert await log.read({0: 0, 1: 40}, limit=5, wait_ms=1) == {}


async def test_a_log_that_is_trimmed_while_it_is_read_goes_on_in_the_files(history: History) -> None:
    live = await log_of(40)
    log = HistoryLog(history, live)
    assert len((await log.read({1: 0}, limit=5, wait_ms=0))[1]) == 5
    other = History(history.url, history.store)
    seal(other, 1, 0, 30)
    await live.trim(1, upto=30)
    assert (await log.read({1: 5}, limit=100, wait_ms=0))[1] == [entry(offset) for offset in range(5, 30)]
    assert (await log.read({1: 30}, limit=100, wait_ms=0))[1] == [entry(offset) for offset in range(30, 40)]


async def test_records_that_are_in_neither_are_a_gap_of_a_known_size(history: History) -> None:
    seal(history, 1, 0, 10)
    log = HistoryLog(history, await log_of(40, trimmed=25))
    assert len((await log.read({1: 0}, limit=100, wait_ms=0))[1]) == 10
    with pytest.raises(LogGap, match="15 records are in neither"):
        await log.read({1: 10}, limit=100, wait_ms=0)


async def test_the_history_of_another_log_is_refused(history: History) -> None:
    store_identity(history.store, "another")
    assert stored_identity(history.store) == "another"
    log = HistoryLog(history, await log_of(1))
    with pytest.raises(LogMismatch, match="another"):
        await log.bounds([1])


async def test_nothing_can_be_written_to_it(history: History) -> None:
    log = HistoryLog(history, await log_of(1))
    with pytest.raises(io.UnsupportedOperation):
        await log.append([(1, b"{}")])
    with pytest.raises(io.UnsupportedOperation):
        await log.trim(1, upto=1)


# ---- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("archive", "url"), [("", "data/archive"), ("/mnt/a", "/mnt/a"), ("s3://b/c", "s3://b/c"), ("off", None)]
)
def test_the_settings_say_where_it_is(archive: str, url: str | None) -> None:
    assert archive_url(Settings(archive=archive)) == url


@pytest.mark.parametrize("url", ["nowhere://bucket/folder", "dropbox://bucket/folder"])
def test_a_url_that_needs_another_package_says_which(url: str) -> None:
    with pytest.raises(LogMismatch, match="pip install"):
        History(url)


def test_a_url_that_names_no_folder_is_refused() -> None:
    with pytest.raises(LogMismatch, match="it needs a folder"):
        History("s3://")


def test_a_folder_needs_no_other_package(tmp_path: Path) -> None:
    code = f"from wakeline.history import History; History({str(tmp_path)!r}).lanes(); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fsspec", "redis", "aiohttp"} & set(loaded)
