"""`wakeline backup` and `restore` on the command line: erased people stay erased, and any step may be interrupted."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from benchmarks.waiting import wait_until
from tests.balance import assert_balanced
from tests.integration.kill.at_a_line import killed_at_a_line, places_in
from tests.integration.up import Up, up_in
from wakeline import keys
from wakeline.history import History
from wakeline.history.identity import stored_identity
from wakeline.log.links import Link

DEFINITION = b'"definition"'  # is in a record that is one
KILLS = 6  # of each command
BACKUP_LINES, RESTORE_LINES = 800, 1_900  # of our own that each of them runs here, about


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """`wakeline up` with a history that is sealed at once."""
    up = up_in(tmp_path, "archive_seal_s = 1\n")
    up.start()
    yield up
    assert_balanced(up.ports["metrics_port"])
    up.stop()


def archived(up: Up) -> int:
    """Records but for definitions, of which each lane has some from the start."""
    history = History(str(up.folder / "data" / "archive"))
    return sum(
        DEFINITION not in entry.value
        for lane in history.lanes()
        for segment in history.segments(lane)
        for entries in history.entries(segment)
        for entry in entries
    )


def typed(up: Up, *words: str) -> str:
    ended = up.command(*words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def links(up: Up) -> list[Link]:
    import msgspec

    with closing(redis.Redis(port=up.ports["embedded_port"])) as client:
        return [msgspec.json.decode(one, type=Link) for one in client.lrange(keys.LOGS, 0, -1)]


def records(up: Up, state: str) -> float:
    return up.number("wakeline_ledger_records", state=state)


def is_settled(up: Up, applied: int) -> bool:
    return records(up, "applied") == applied and records(up, "pending") == 0


def test_who_was_erased_after_the_backup_stays_erased_and_all_goes_on(up: Up) -> None:
    """On the data that went on after the backup, then on an empty disk with its history, then from an older one."""
    for number in range(4):
        assert up.send_page_view(f"visitor-{number}", f"page-000{number}") == 202
    assert up.send_anonymously("page-anon") == 202
    wait_until(lambda: archived(up) == 5, "all is archived")
    said = typed(up, "backup", "first")
    assert "not included: wakeline.toml" in said
    salts = [path.read_bytes() for path in (up.folder / "data" / "salts").iterdir()]
    files = [path for path in (up.folder / "first").rglob("*") if path.is_file()]
    assert salts
    assert not [path for path in files for salt in salts if salt in path.read_bytes()]
    assert up.send_page_view("visitor-0", "page-1000") == 202
    assert up.send_page_view("visitor-9", "page-1001") == 202
    typed(up, "erase", "visitor-2", "--yes")
    wait_until(lambda: up.page_views("visitor-2") == 0, "it is forgotten")
    wait_until(lambda: archived(up) == 8, "all is archived")
    refused = up.command("restore", "first", "--yes")
    assert refused.returncode == 1
    assert "already runs on the data folder" in refused.stderr
    up.stop()

    before = stored_identity(History(str(up.folder / "data/archive")).store)
    said = typed(up, "restore", "first", "--yes")
    assert "applied again: 1 erasures" in said
    up.start()
    wait_until(lambda: is_settled(up, 5), "it is as it was")
    wait_until(lambda: up.page_views("visitor-2") == 0, "it is forgotten again")
    assert up.page_views("visitor-0") == 1
    assert up.page_views("visitor-9") == 0
    first = links(up)[-1]
    assert first.restored
    assert first.id != before
    assert up.send_page_view("visitor-0", "page-1000") == 202  # its browser sends again what got lost
    assert up.send_page_view("visitor-1", "page-0001") == 202  # and what did not
    wait_until(lambda: up.page_views("visitor-0") == 2, "what the backup misses counts")
    wait_until(lambda: archived(up) == 8, "the archiver goes on")
    assert stored_identity(History(str(up.folder / "data/archive")).store) == first.id
    asked = typed(up, "query", "select count(*) as n from events where type = 'page_view'", "--json")
    assert json.loads(asked) == {"n": 6}, "each once"
    typed(up, "replay", "--from", "start", "--yes")
    wait_until(lambda: records(up, "pending") == 0, "replayed")
    assert up.page_views("visitor-2") == 0
    assert up.page_views("visitor-0") == 2
    assert records(up, "duplicate") == 1
    assert up.number("wakeline_ledger_difference") == 0
    assert "the history at" in typed(up, "check")
    typed(up, "backup", "second")
    typed(up, "erase", "visitor-3", "--yes")
    wait_until(lambda: archived(up) == 9, "the erasure is archived")
    up.stop()

    shutil.rmtree(up.folder / "data" / "redis")  # the disk is new, the history was elsewhere
    typed(up, "restore", "second", "--yes")
    up.start()
    wait_until(lambda: up.page_views("visitor-0") == 2, "it is as it was")
    wait_until(lambda: up.page_views("visitor-3") == 0, "who was erased is known from the history")
    wait_until(lambda: archived(up) == 9, "the archiver goes on")
    up.stop()

    typed(up, "restore", "first", "--yes")  # further back: what was erased since is known from what is there
    up.start()
    wait_until(lambda: is_settled(up, 5), "it is as it was")
    wait_until(lambda: up.page_views("visitor-3") + up.page_views("visitor-2") == 0, "both are forgotten")
    assert up.page_views("visitor-1") == 1
    wait_until(lambda: archived(up) >= 7, "the archiver goes on")
    assert up.number("wakeline_ledger_difference") == 0
    up.stop()

    shutil.rmtree(up.folder / "data" / "redis")  # again: by now the log is another one than the backup knows
    typed(up, "restore", "first", "--yes")
    up.start()
    wait_until(lambda: is_settled(up, 5), "it is as it was")
    wait_until(lambda: up.page_views("visitor-3") + up.page_views("visitor-2") == 0, "both are forgotten")
    assert up.page_views("visitor-1") == 1
    wait_until(lambda: archived(up) >= 7, "the archiver goes on")


def killed(up: Up, at: int, *words: str) -> tuple[int, str]:
    """Exit code of a command that is killed at so many lines, and where; 0 where it was over before."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", killed_at_a_line(at, "ops.backup", "wakeline.history"), *words],
        cwd=up.folder, env=up.env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return ended.returncode, next(iter(places_in(ended.stderr)), ended.stderr)


def test_a_backup_and_a_restore_may_be_killed_at_any_line(up: Up, kill_seed: int) -> None:
    """An incomplete backup is rejected; an interrupted restore leaves the old data, or is completed by the same
    command.

    `up` reports it in between.
    """
    rng = random.Random(kill_seed)
    for number in range(3):
        assert up.send_page_view(f"visitor-{number}", f"page-000{number}") == 202
    wait_until(lambda: archived(up) == 3, "all is archived")
    places = set()
    for number in range(KILLS):
        code, where = killed(up, rng.randrange(1, BACKUP_LINES), "backup", f"cut-{number}")
        if code == 0:
            continue
        assert code == -signal.SIGKILL, where
        places.add(where)
        refused = up.command("restore", f"cut-{number}", "--yes")
        assert refused.returncode == 1
        assert "already runs" in refused.stderr or "holds no complete backup" in refused.stderr
    typed(up, "backup", "whole")
    assert up.send_page_view("visitor-0", "page-1000") == 202
    typed(up, "erase", "visitor-2", "--yes")
    wait_until(lambda: archived(up) == 5, "all is archived")
    up.stop()
    for number in range(KILLS):
        cut = up.folder / f"cut-{number}"
        if cut.exists() and not (cut / "manifest.json").exists():
            refused = up.command("restore", str(cut), "--yes")
            assert refused.returncode == 1
            assert "holds no complete backup" in refused.stderr
    ended = False
    for number in range(KILLS):  # every other one while it puts the new in the place of the old, which is short
        first = 0 if number % 2 else RESTORE_LINES * 3 // 4
        code, where = killed(up, rng.randrange(first, RESTORE_LINES), "restore", "whole", "--yes")
        if code == 0:
            ended = True
            break
        assert code == -signal.SIGKILL, where
        places.add(where)
        if (up.folder / "data" / "restoring.json").exists():
            refused = up.command("up")
            assert refused.returncode == 1
            assert "a restore into" in refused.stderr
    assert len(places) > 3
    if not ended:
        typed(up, "restore", "whole", "--yes")
    up.start()
    wait_until(lambda: is_settled(up, 3), "it is as it was")
    wait_until(lambda: up.page_views("visitor-2") == 0, "who was erased since is forgotten again")
    assert up.page_views("visitor-0") == 1
    assert up.number("wakeline_ledger_difference") == 0
    wait_until(lambda: archived(up) >= 4, "the archiver goes on")
    assert len(list((up.folder / "data" / "aside").iterdir())) >= 1
    assert not (up.folder / "data" / "restoring").exists()
