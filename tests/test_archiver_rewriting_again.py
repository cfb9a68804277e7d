"""Erased people are rewritten once, whatever is killed meanwhile, and what comes late joins the rest."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import pytest

from archiver import erased, ids, metrics
from archiver.merging import merge_days
from archiver.rewriting import rewrite
from ops.backup.forgotten import Forgotten, add_rewritten
from tests import thorough
from tests.archive_stand import Crash, CrashingDisk
from tests.rewritten import (
    ANN,
    OTHER,
    PHONE,
    TODAY,
    T,
    added,
    answers,
    asked,
    content,
    made,
    night,
    of,
    raw_names,
    records,
    visit_over_it,
    visitors,
)
from tests.sealed import LANES
from tests.timeline import DAY, MINUTE, START, event
from wakeline.history import History
from wakeline.history.folder import Folder
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import Erase, Event

# ---- once, and after a crash ---------------------------------------------------------------------


def test_a_second_night_does_nothing(tmp_path: Path) -> None:
    made(tmp_path)
    night(tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    rewritten = metrics.REWRITTEN_FILES._value.get()
    opened: list[str] = []

    class Watched(Folder):
        def open(self, name: str) -> Any:
            opened.append(name)
            return super().open(name)

    rewrite(History(str(tmp_path), Watched(tmp_path)), lanes=LANES, today=TODAY, go_on=lambda: True)
    assert opened == [erased.NAME], "no file of records is read"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == files
    assert metrics.REWRITTEN_FILES._value.get() == rewritten > 0


def test_only_files_that_hold_the_person_are_read_again(tmp_path: Path) -> None:
    """One more is erased later."""
    made(tmp_path)
    night(tmp_path)
    added(tmp_path, Erase("shop", OTHER, START + T + DAY))
    opened: list[str] = []

    class Watched(Folder):
        def open(self, name: str) -> Any:
            opened.append(name)
            return super().open(name)

    history = History(str(tmp_path))
    holding = [name for name in raw_names(history) if OTHER.encode() in b"".join(of(history, name))]
    rewrite(History(str(tmp_path), Watched(tmp_path)), lanes=LANES, today=TODAY, go_on=lambda: True)
    assert {name for name in opened if name.endswith(".gz")} == set(holding)
    assert OTHER.encode() not in content(tmp_path)


def test_merged_files_are_not_rewritten_again(tmp_path: Path) -> None:
    made(tmp_path, files_of=1)
    night(tmp_path)
    ids_before = visitors(tmp_path)
    merge_days(History(str(tmp_path)), since="2027-01-01", today="2027-12-31", go_on=lambda: True)
    night(tmp_path)
    assert visitors(tmp_path) == ids_before
    names = {f"{name}{ids.SUFFIX}" for name in raw_names(History(str(tmp_path)))}
    assert {path.relative_to(tmp_path / ids.FOLDER).as_posix() for path in tmp_path.rglob("*.ids")} == names


def test_a_crash_at_any_step_is_made_good_by_the_next_night(tmp_path: Path) -> None:
    made(tmp_path / "0", visit_over_it(), files_of=1)
    before = answers(tmp_path / "0")
    steps: set[str] = set()
    at, is_over = 0, False
    while not is_over:
        at += 1 if thorough.SHARE == 1 else 3  # of four kinds of steps that come by turns
        folder = tmp_path / str(at)
        shutil.copytree(tmp_path / "0", folder)
        disk = CrashingDisk(at)
        try:
            rewrite(History(str(folder), Folder(folder, disk)), lanes=LANES, today=TODAY, go_on=lambda: True)
        except Crash:
            steps.add(disk.steps[-1])
        else:
            is_over = True
        tidied = History(str(folder), Folder(folder, CrashingDisk()))
        tidied.store.clean()  # as the archiver does when it starts
        rewrite(tidied, lanes=LANES, today=TODAY, go_on=lambda: True)
        assert len(records(folder)) == len(records(tmp_path / "0"))
        assert len(visitors(folder)) == 2, "one id for all files"
        mine = [record for record in records(folder) if isinstance(record, Event) and record.visitor == PHONE]
        assert [record.page for record in mine] == ["page-new"]
        if at % 20 < 3 or is_over:
            assert answers(folder) == before
    assert {"write", "sync of a file", "rename", "sync of a folder"} <= steps


def test_it_stops_when_it_is_told_to_and_goes_on_with_the_same_id(tmp_path: Path) -> None:
    for files in range(0, 40, 3):
        folder = tmp_path / str(files)
        made(folder)
        left = iter([True] * files)
        night(folder, go_on=lambda left=left: next(left, False))  # type: ignore[misc]
        night(folder)
        assert len(visitors(folder)) == 3
        assert PHONE.encode() not in content(folder)


def test_a_damaged_file_is_left_and_the_others_are_rewritten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = made(tmp_path)
    name = next(name for name in raw_names(history) if OTHER.encode() in b"".join(of(history, name)))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:-3])
    last = metrics.LAST_REWRITING._value.get()
    night(tmp_path)
    assert f"{tmp_path / name} is damaged" in caplog.text
    assert not [value for segment in raw_names(history) if segment != name for value in of(history, segment)
                if PHONE.encode() in value]  # fmt: skip
    assert metrics.LAST_REWRITING._value.get() == last
    assert PHONE.encode() in (tmp_path / erased.NAME).read_bytes(), "it is waited for"
    (tmp_path / name).write_bytes(whole)
    night(tmp_path)
    assert PHONE.encode() not in content(tmp_path)
    assert len(visitors(tmp_path)) == 3
    assert metrics.LAST_REWRITING._value.get() > last


# ---- what comes later ----------------------------------------------------------------------------


def test_what_comes_late_gets_the_same_id(tmp_path: Path) -> None:
    """And what comes again is still the same event."""
    made(tmp_path)
    before = answers(tmp_path)
    night(tmp_path)
    again, late = event(PHONE, "page-two", 0, DAY), event(PHONE, "page-two", 1, DAY + MINUTE, "search")
    added(tmp_path, again)
    added(tmp_path, late)
    night(tmp_path, today=TODAY + datetime.timedelta(days=7))
    assert len(visitors(tmp_path)) == 3
    assert PHONE.encode() not in content(tmp_path)
    assert answers(tmp_path)[2] == before[2]
    assert asked(tmp_path, "select count(*) from events where type = 'page_view'") == ["(5,)"]


def test_the_key_of_the_random_id_is_dropped(tmp_path: Path) -> None:
    made(tmp_path)
    night(tmp_path)
    night(tmp_path, today=TODAY + datetime.timedelta(days=erased.KEY_DAYS))
    assert any(one.key for one in erased.load(Folder(tmp_path)).done.values())
    night(tmp_path, today=TODAY + datetime.timedelta(days=erased.KEY_DAYS + 1))
    assert not any(one.key for one in erased.load(Folder(tmp_path)).done.values())


async def test_a_restored_backup_is_told_whom_the_history_no_longer_names(redis: Any, tmp_path: Path) -> None:
    made(tmp_path)
    night(tmp_path)
    for id in (PHONE, OTHER):
        await redis.set(Keys(1).state(lane_of("shop", id, LANES), "shop", id), "{}")
    await redis.hset(f"wl:{{{lane_of('shop', ANN, LANES)}}}:shop:card:{ANN}", "name", "x")
    found = Forgotten()
    await add_rewritten(found, History(str(tmp_path)), redis)
    assert sorted(found.erased()) == [("shop", ANN, START + T), ("shop", PHONE, START + T)]
