"""Daily housekeeping: files are merged, expired records are deleted, and a crash at any step does no harm."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

import archiver.merging
from archiver import metrics
from archiver.housekeeping import tidy, utc_day
from archiver.merging import merge_days
from archiver.retention import ANY_OTHER, TICK, expire, kept, last_days
from tests.archive_stand import DAY_MS, LANES, MARCH, Crash, CrashingDisk, Stand
from wakeline.log import Bounds, LogGap
from wakeline.record import CustomerShare, Definition, Delta, Erase, Fact, ToldFact, encode_record
from wakeline.settings import Site

SHOP = b'{"kind":"event","site":"shop","n":%d}'
NEWS = b'{"kind":"event","site":"news","n":%d}'
SITES = {"shop": Site(key="shop", archive_days=30), "news": Site(key="news", archive_days=90)}
FIRST = datetime.date(2026, 3, 1)


def always() -> bool:
    return True


def after(days: int) -> datetime.date:
    return FIRST + datetime.timedelta(days=days)


@pytest.fixture
def stand(redis: Any, tmp_path: Path) -> Stand:
    return Stand(tmp_path / "archive", redis)


async def days(stand: Stand, *values: bytes, count: int = 4, files: int = 3) -> None:
    """Some days of lane 0, each of `files` files that hold each of `values`."""
    made = await stand.archiver(CrashingDisk())
    for day in range(count):
        for part in range(files):
            stand.now = MARCH + day * DAY_MS + part * 60_000
            await stand.append(0, *values)
            await stand.read_on(made)
            await made.seal_all()


async def one_more(stand: Stand, lane: int, *values: bytes) -> None:
    """Restart the archiver, and seal these records."""
    made = await stand.archiver(CrashingDisk())
    await stand.append(lane, *values)
    await stand.read_on(made)
    await made.seal_all()


def names(stand: Stand) -> list[tuple[str, int, int]]:
    return [(segment.date[-2:], segment.first, segment.end) for segment in stand.files()]


def values(stand: Stand) -> list[bytes]:
    return [entry.value for entry in stand.archived(0)]


# ---- merging -------------------------------------------------------------------------------------


async def test_the_files_of_a_day_that_is_over_become_one(stand: Stand) -> None:
    await days(stand, SHOP % 1, SHOP % 2)
    merge_days(stand.history(), since="2026-03-02", today="2026-03-04", go_on=always)
    assert names(stand) == [
        *(("01", 0, 2), ("01", 2, 4), ("01", 4, 6)),  # long ago
        *(("02", 6, 12), ("03", 12, 18)),
        *(("04", 18, 20), ("04", 20, 22), ("04", 22, 24)),  # today
    ]
    assert stand.is_whole()
    before = stand.files()
    merge_days(stand.history(), since="2026-03-01", today="2026-03-05", go_on=lambda: False)
    assert stand.files() == before, "it stops when it is told to"


async def test_merged_files_stay_small_enough_to_be_held(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    await days(stand, SHOP % 1, count=1, files=6)
    size = stand.history().store.size(stand.files()[0].name)
    monkeypatch.setattr(archiver.merging, "MERGED_BYTES", 3 * size + size // 2)
    for _ in range(2):  # the second time there is nothing to do
        merge_days(stand.history(), since="2026-03-01", today="2026-03-05", go_on=always)
        assert names(stand) == [("01", 0, 3), ("01", 3, 6)]
    assert stand.is_whole()


async def test_what_lies_beside_a_gap_is_not_merged_over_it(stand: Stand) -> None:
    await days(stand, SHOP % 1, count=1, files=4)
    (stand.folder / stand.files()[1].name).unlink()
    merge_days(stand.history(), since="2026-03-01", today="2026-03-05", go_on=always)
    assert names(stand) == [("01", 0, 1), ("01", 2, 4)]
    with pytest.raises(LogGap):
        stand.history().read(0, 1, 1)


async def test_a_damaged_file_is_left_as_it_is(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await days(stand, SHOP % 1, count=2)
    path = stand.folder / stand.files()[1].name
    path.write_bytes(path.read_bytes()[:-3])
    merge_days(stand.history(), since="2026-03-01", today="2026-03-05", go_on=always)
    assert names(stand) == [("01", 0, 1), ("01", 1, 2), ("01", 2, 3), ("02", 3, 6)]
    assert f"{path} is damaged" in caplog.text


# ---- retention -----------------------------------------------------------------------------------

DEFINITION = encode_record(Definition("shop", "interests", 1, Raw(b"[]")))
KEPT = {
    # record, sites that have expired, what is left of it, whether that is anybody's
    "of another site": (NEWS % 1, {"shop"}, NEWS % 1, True),
    "of the site": (SHOP % 1, {"shop"}, TICK, False),
    "of all": (NEWS % 1, {"shop", "news", ANY_OTHER}, TICK, False),
    "an erasure": (encode_record(Erase("shop", "visitor-1", 5)), {"shop"}, TICK, False),
    "a definition, which holds for what comes later": (DEFINITION, {"shop"}, DEFINITION, False),
    "of a site that is not configured": (b'{"kind":"event","site":"gone"}', {"shop"}, None, True),
    "the same, later": (b'{"kind":"event","site":"gone"}', {ANY_OTHER}, TICK, False),
    "a tick": (TICK, {"shop"}, TICK, False),
    "what nobody can read": (b"\xff", {"shop"}, b"\xff", True),
    "the same, later, too": (b"\xff", {ANY_OTHER}, TICK, False),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_left_of_a_record(name: str) -> None:
    value, expired, left, is_anybodys = KEPT[name]
    assert kept(value, expired, {"shop", "news", ANY_OTHER}) == (left or value, is_anybodys)


def test_a_delta_goes_on_without_the_shares_that_have_expired() -> None:
    """The next delta of its source continues at its `upto`, so it must stay."""
    shares = [CustomerShare(site, "@c", "v") for site in ("shop", "news")]
    value = encode_record(Delta(3, 10, 20, shares))
    known = {"shop", "news", ANY_OTHER}
    assert kept(value, {ANY_OTHER}, known) == (value, True)
    assert kept(value, {"shop"}, known) == (encode_record(Delta(3, 10, 20, shares[1:])), True)
    assert kept(value, {"shop", "news"}, known) == (encode_record(Delta(3, 10, 20)), False)


def test_a_delta_goes_on_without_the_facts_that_have_expired() -> None:
    facts = [
        ToldFact(Fact(site=site, home="#a", type="purchase", id="1", time=1, received=1), at=11)
        for site in ("shop", "news")
    ]
    value = encode_record(Delta(3, 10, 20, facts=facts))
    known = {"shop", "news", ANY_OTHER}
    assert kept(value, set(), known) == (value, True)
    assert kept(value, {"shop"}, known) == (encode_record(Delta(3, 10, 20, facts=facts[1:])), True)
    assert kept(value, {"shop", "news"}, known) == (encode_record(Delta(3, 10, 20)), False)


def test_a_fact_expires_like_an_event() -> None:
    value = encode_record(Fact(site="shop", home="#a", type="purchase", id="1", time=1, received=1))
    assert kept(value, {"shop"}, {"shop", ANY_OTHER}) == (TICK, False)
    assert kept(value, {ANY_OTHER}, {"shop", ANY_OTHER}) == (value, True)


def test_records_are_kept_for_full_days() -> None:
    assert last_days(SITES, after(40)) == {"shop": "2026-03-10", "news": "2026-01-09", ANY_OTHER: "2025-03-05"}


async def test_records_become_ticks_when_their_site_wants_that(stand: Stand) -> None:
    await days(stand, SHOP % 1, NEWS % 1, files=1)
    before = [stand.files(), [entry.time for entry in stand.archived(0)]]
    expire(stand.history(), SITES, today=after(30), go_on=always)
    assert values(stand) == [SHOP % 1, NEWS % 1] * 4, "30 full days are not over"
    expire(stand.history(), SITES, today=after(32), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 2 + [SHOP % 1, NEWS % 1] * 2
    assert [stand.files(), [entry.time for entry in stand.archived(0)]] == before, "nothing else has changed"


async def test_files_of_nothing_but_ticks_go_from_the_oldest_on_and_the_last_one_stays(stand: Stand) -> None:
    await days(stand, SHOP % 1, files=1)
    stand.now += DAY_MS
    await one_more(stand, 1, NEWS % 1)
    expire(stand.history(), SITES, today=after(32), go_on=always)
    assert names(stand) == [("03", 2, 3), ("04", 3, 4), ("05", 0, 1)]
    expire(stand.history(), SITES, today=after(2_000), go_on=always)
    assert names(stand) == [("04", 3, 4), ("05", 0, 1)], "its name says where the lane goes on"
    assert values(stand) == [TICK]
    assert not (stand.folder / "date=2026-03-01").exists()
    await one_more(stand, 0, SHOP % 7)
    assert stand.history().bounds(0) == Bounds(3, 5)


async def test_a_file_between_others_that_are_kept_stays_as_ticks(stand: Stand) -> None:
    made = await stand.archiver(CrashingDisk())
    for day, value in enumerate((NEWS % 1, SHOP % 1, NEWS % 2)):
        stand.now = MARCH + day * DAY_MS
        await stand.append(0, value)
        await stand.read_on(made)
        await made.seal_all()
    expire(stand.history(), SITES, today=after(60), go_on=always)
    assert values(stand) == [NEWS % 1, TICK, NEWS % 2]
    assert stand.history().gaps(0) == []


async def test_nothing_is_read_again_that_was_done(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await days(stand, SHOP % 1, NEWS % 1, files=1)
    expire(stand.history(), SITES, today=after(32), go_on=always)
    (stand.folder / stand.files()[0].name).write_bytes(b"who reads this notices")
    disk = CrashingDisk()
    before = metrics.EXPIRED_RECORDS._value.get()
    expire(stand.history(disk), SITES, today=after(32), go_on=always)
    assert disk.steps == []
    expire(stand.history(disk), SITES, today=after(33), go_on=always)
    assert metrics.EXPIRED_RECORDS._value.get() - before == 1
    assert disk.steps.count("rename") == 2, "one file, and how far it is done"
    assert "damaged" not in caplog.text


async def test_a_shorter_time_holds_for_what_is_there_and_a_longer_one_brings_nothing_back(stand: Stand) -> None:
    await days(stand, SHOP % 1, NEWS % 1, files=1)
    expire(stand.history(), SITES, today=after(10), go_on=always)
    shorter = SITES | {"shop": Site(key="shop", archive_days=8)}
    expire(stand.history(), shorter, today=after(10), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 2 + [SHOP % 1, NEWS % 1] * 2
    expire(stand.history(), SITES, today=after(11), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 2 + [SHOP % 1, NEWS % 1] * 2
    expire(stand.history(), shorter, today=after(11), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 3 + [SHOP % 1, NEWS % 1]


async def test_a_site_that_is_taken_out_of_the_settings_is_not_kept_for_ever(stand: Stand) -> None:
    await days(stand, SHOP % 1, b'{"kind":"event","site":"old"}', files=1, count=1)
    sites = {"shop": Site(key="shop", archive_days=2_000), "old": Site(key="old", archive_days=2_000)}
    expire(stand.history(), sites, today=after(500), go_on=always)
    assert TICK not in values(stand)
    del sites["old"]
    expire(stand.history(), sites, today=after(500), go_on=always)
    assert values(stand) == [SHOP % 1, TICK]


async def test_a_damaged_file_does_not_keep_the_others(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await days(stand, SHOP % 1, NEWS % 1, files=1, count=3)
    await one_more(stand, 1, SHOP % 1, NEWS % 1)
    path = stand.folder / stand.files()[1].name
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    expire(stand.history(), SITES, today=after(60), go_on=always)
    assert f"{path} is damaged" in caplog.text
    assert [entry.value for entry in stand.archived(1)] == [TICK, NEWS % 1]
    path.write_bytes(whole)
    expire(stand.history(), SITES, today=after(60), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 3, "it will be retried"


async def test_how_far_it_is_done_may_be_lost(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await days(stand, SHOP % 1, NEWS % 1, files=1)
    expire(stand.history(), SITES, today=after(32), go_on=always)
    (stand.folder / "retention.json").write_text("{")
    expire(stand.history(), SITES, today=after(33), go_on=always)
    assert values(stand) == [TICK, NEWS % 1] * 3 + [SHOP % 1, NEWS % 1]
    assert "retention.json" in caplog.text
    assert json.loads((stand.folder / "retention.json").read_text())["expired"]["shop"] == "2026-03-03"


# ---- crashes -------------------------------------------------------------------------------------


async def test_a_crash_at_any_step_of_it_changes_nothing_in_the_end(redis: Any, tmp_path: Path) -> None:
    steps: set[str] = set()
    at = 0
    is_over = False
    while not is_over:
        at += 1
        stand = Stand(tmp_path / str(at), redis)
        await days(stand, SHOP % 1, NEWS % 1, SHOP % 2, count=3, files=2)
        disk = CrashingDisk(at)
        try:
            tidy(stand.history(disk), {"shop": SITES["shop"]}, lanes=LANES, today=after(31), go_on=always)
            tidy(stand.history(disk), SITES, lanes=LANES, today=after(32), go_on=always)
        except Crash:
            steps.add(disk.steps[-1])
        else:
            is_over = True
        read = [history_entry.offset for history_entry in _read(stand)]
        assert read == list(range(18)), "readers see every record once, whatever was left behind"
        made = await stand.archiver(CrashingDisk())  # fixes, and goes on
        tidy(stand.history(CrashingDisk()), SITES, lanes=LANES, today=after(32), go_on=always)
        await stand.append(0, NEWS % 9)
        await stand.read_on(made)
        await made.seal_all()
        assert values(stand) == [TICK, NEWS % 1, TICK] * 2 * 2 + [SHOP % 1, NEWS % 1, SHOP % 2] * 2 + [NEWS % 9]
        assert names(stand)[-3:-1] == [("02", 6, 12), ("03", 12, 18)]
    assert {"write", "sync of a file", "rename", "sync of a folder", "remove"} <= steps


def _read(stand: Stand) -> list[Any]:
    return stand.history().read(0, 0, 1_000)


async def test_one_clock_that_runs_ahead_deletes_nothing(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    today = await utc_day(stand.redis)
    monkeypatch.setattr("archiver.housekeeping.time.time", lambda: 4e9)
    assert await utc_day(stand.redis) in (today, today + datetime.timedelta(days=1))
    monkeypatch.setattr("archiver.housekeeping.time.time", lambda: MARCH / 1000)
    assert await utc_day(stand.redis) == FIRST
