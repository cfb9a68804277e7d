"""The data folder is closed to other users of the machine; other files beside it are not changed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ops.backup import swap
from ops.check.data import check_data
from ops.check.finding import Level
from wakeline import data_folder, process
from wakeline.history.folder import Folder
from wakeline.settings import Settings


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """As an earlier version left it under umask 022."""
    folder = tmp_path / "data"
    for name in ("redis/appendonlydir", "salts", "spool/0", "archive/date=2026-03-01/lane=000"):
        (folder / name).mkdir(parents=True)
    for name in ("up.lock", "redis/appendonlydir/a.aof", "salts/shop", "archive/date=2026-03-01/lane=000/0.jsonl.gz"):
        (folder / name).write_text("x")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_all_of_it_is_closed(data: Path) -> None:
    assert not data_folder.close(data)
    assert {mode(path) for path in (data, *data.rglob("*"))} == {0o700, 0o600}
    assert not data_folder.close(data)


def test_what_a_restore_leaves_is_ours() -> None:
    assert {swap.RESTORING, swap.STAGED, swap.ASIDE, *swap.PARTS} <= data_folder.OURS


def test_what_is_not_ours_is_left_alone(data: Path, tmp_path: Path) -> None:
    """`data` may name a folder with other files; Wakeline's files in it are still closed."""
    page, linked = data / "index.html", tmp_path / "elsewhere"
    for path in (page, linked):
        path.write_text("x")
        path.chmod(0o644)
    (data / "archive" / "link").symlink_to(linked)
    assert not data_folder.close(data)
    assert (mode(data), mode(page), mode(linked)) == (0o755, 0o644, 0o644)
    assert (mode(data / "salts"), mode(data / "salts" / "shop")) == (0o700, 0o600)


def test_what_cannot_be_closed_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    said = data_folder.close(data)
    assert any(f"{data} is open to other users" in words and "not permitted" in words for words in said)


def test_a_shared_folder_that_others_may_write_to_is_said(data: Path) -> None:
    """They could move `salts` away and put a folder of their own there."""
    (data / "notes.txt").write_text("")
    assert data_folder.close(data) == []
    data.chmod(0o777)
    (said,) = data_folder.close(data)
    assert str(data) in said
    assert "other files" in said


def test_a_folder_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert not data_folder.close(tmp_path / "none")


def test_check_says_who_may_read_it(data: Path, tmp_path: Path) -> None:
    shared = tmp_path / "history"
    shared.mkdir()
    shared.chmod(0o755)
    settings = Settings(data=data, archive=str(shared))
    folder, history = check_data(settings)
    assert folder.level is history.level is Level.WARN
    data_folder.close(data)
    shared.chmod(0o750)  # with a group, on purpose
    (finding,) = check_data(settings)
    assert finding.level is Level.OK
    (data / "lost+found").mkdir()
    assert len(list(check_data(settings))) == 1  # the folder is closed all the same
    data.chmod(0o755)
    ours, folder = check_data(settings)
    assert (ours.level, folder.level) == (Level.OK, Level.WARN)
    assert ours.what == f"Wakeline's files in {data} are closed to other users"
    assert "other files: lost+found" in folder.what


@pytest.mark.parametrize(("root", "file", "folder"), [(0o700, 0o600, 0o700), (0o750, 0o640, 0o750)])
def test_the_history_is_as_open_as_its_root(tmp_path: Path, root: int, file: int, folder: int) -> None:
    """To share it with a group, the operator opens a separate folder to the group."""
    shared = tmp_path / "history"
    shared.mkdir()
    shared.chmod(root)
    before = os.umask(process.NOT_FOR_OTHERS)
    try:
        Folder(shared).write("date=2026-03-01/lane=000/0.jsonl.gz", b"x")
    finally:
        os.umask(before)
    assert mode(shared / "date=2026-03-01/lane=000/0.jsonl.gz") == file
    assert mode(shared / "date=2026-03-01") == mode(shared / "date=2026-03-01/lane=000") == folder


def test_a_server_process_may_open_as_many_files_as_the_machine_allows(tmp_path: Path) -> None:
    """New files are accessible only to the user."""
    made = tmp_path / "made"
    code = (
        "import os, resource, sys; from wakeline import process\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024)); os.umask(0o022)\n"
        "process.set_up(); open(sys.argv[1], 'w')\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", code, str(made)], capture_output=True, text=True, check=True)
    assert int(said.stdout) == min(1_024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert mode(made) == 0o600
