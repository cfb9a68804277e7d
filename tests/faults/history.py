"""Rebuilding from the log: another key version, records after a backup, and the archive itself."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import redis

from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, at_work, more
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.services import ROOT, until
from wakeline import keys
from wakeline.history import History

INTO = 2  # key version
REPLAYED_WITHIN_S = 120.0
HEALS_S = 60.0
KEPT_ON_S = 4.0  # after the backup was taken
KILLS = 4  # of the archiver, by one seed
SEALED_WITHIN_S = 60.0
LAST_LINE = 6_000  # about what it runs in a busy second


# ---- a replay -------------------------------------------------------------------------------------


async def replayed_live(stage: Stage, seed: int, outcome: Outcome) -> None:
    """`wakeline replay`, killed once, under load; then the new version must match the ledger."""
    rng = random.Random(seed)
    stage.collector.start()
    with closing(Books(stage.server.url, stage.tail, INTO)) as books:
        async with stage.kept(stage.processor), stage.load(seed) as sent:
            await until(lambda: stage.books.moved() > 1_000, "it works")
            length = stage.books.length()
            began = time.monotonic()
            replaying = start_replay(stage)
            await asyncio.sleep(rng.uniform(0.5, 1.3))
            outcome.shows("killed meanwhile", replaying.poll() is None)
            replaying.kill()
            await asyncio.to_thread(replaying.communicate)
            if live_version(stage) != INTO:
                replaying = start_replay(stage)
                said, _ = await asyncio.to_thread(replaying.communicate, timeout=REPLAYED_WITHIN_S)
                assert replaying.returncode == 0, said
            outcome.shows("replayed in s", time.monotonic() - began)
            outcome.shows("records", length)
            outcome.is_exactly("live version", live_version(stage), INTO)
            before = books.moved()
            await until(lambda: books.moved() > before + 200, "the processor works on the new version")
        await stage.settle(books=books)
        await stage.audit(outcome, sent, books=books, erased=True)


def start_replay(stage: Stage) -> subprocess.Popen[str]:
    words = [
        f"--{name}={value}"
        for name, value in stage.processor.flags.items()
        if name in ("config", "redis", "data", "log")
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WAKELINE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "wakeline", "replay", "--from", "start", "--into", str(INTO), *words],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def live_version(stage: Stage) -> int:
    with redis.Redis.from_url(stage.server.url) as client:
        return int(client.hget(keys.DEPLOYMENT, "version") or keys.VERSION)


# ---- a backup -------------------------------------------------------------------------------------


async def restored(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Redis is killed and gets files copied seconds before: later records are folded again, including deltas."""
    stage.collector.start()
    files, copy = stage.server.folder, stage.folder / "backup"
    async with stage.kept(stage.processor), stage.load(seed) as sent:
        await at_work(stage, sent, random.Random(seed))
        await more(sent, 500)
        await asyncio.to_thread(shutil.copytree, files, copy)
        await asyncio.sleep(KEPT_ON_S)
        before = stage.books.moved()
        stage.server.kill()
        await asyncio.to_thread(shutil.rmtree, files)
        await asyncio.to_thread(shutil.copytree, copy, files)
        await asyncio.to_thread(stage.server.start)
        back = time.monotonic()
        outcome.at_least("records to fold again", before - stage.books.moved(), 1)
        await until(lambda: stage.books.moved() > before, "it has folded them again", within=2 * HEALS_S)
        outcome.at_most("heals in s", time.monotonic() - back, HEALS_S)
        await more(sent, 50)
    await stage.settle()
    await stage.audit(outcome, sent)


# ---- the archive ----------------------------------------------------------------------------------

KILLED_AT_A_LINE = """
import os, signal, sys, threading

left = %d

def at_line(frame, event, argument):
    global left
    left -= event == "line"
    if left < 0:
        place = f"killed at {frame.f_code.co_filename}:{frame.f_lineno}"
        os.write(2, place.encode() + b"\\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return at_line

def at_call(frame, event, argument):
    is_ours = frame.f_globals.get("__name__", "").startswith(("archiver.", "wakeline.history"))
    return at_line if is_ours and frame.f_code.co_name != "<module>" else None

sys.settrace(at_call)
threading.settrace(at_call)
from ops.cli import main
main()
"""


async def archiver_killed(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed repeatedly at random lines of its code; then the archive equals the log, each record once."""
    rng = random.Random(seed)
    stage.collector.start()
    stage.archiver.flags["archive_seal_s"] = 1
    installed = stage.archiver.launcher
    async with stage.load(seed) as sent:
        await more(sent, 100)
        for _ in range(KILLS):
            stage.archiver.launcher = KILLED_AT_A_LINE % int(LAST_LINE ** rng.uniform(0.3, 1))
            stage.archiver.start()
            await until(lambda: not stage.archiver.is_alive, "it reaches its line")
            outcome.is_exactly("killed by signal", -(stage.archiver.exit_code or 0), signal.SIGKILL)
        stage.archiver.launcher = installed
        stage.archiver.start()
    stage.processor.start()
    await stage.settle()
    archive = stage.archiver.flags["data"] / "archive"
    length = stage.books.length()

    def is_sealed() -> bool:
        history = History(str(archive))
        return sum(history.bounds(lane).end for lane in history.lanes()) >= length

    await until(is_sealed, "all is sealed", within=SEALED_WITHIN_S)
    stage.archiver.kill()
    places = re.findall(r"^killed at (.+)$", stage.archiver.said(), re.MULTILINE)
    outcome.at_least("lines it was killed at", len(set(places)), 1)
    missing, doubled = compared(archive, {lane: stage.tail.values(lane) for lane in range(LANES)})
    outcome.shows("records", length)
    outcome.is_exactly("missing in the archive", missing, 0)
    outcome.is_exactly("twice in the archive", doubled, 0)
    outcome.is_exactly("files left over", len(History(str(archive)).left_over()), 0)
    await stage.audit(outcome, sent)


def compared(archive: Path, log: dict[int, list[bytes]]) -> tuple[int, int]:
    """Number of the log's records that are missing or changed in the archive, and number of additional ones.

    `log`: the values of each lane, from the first on.
    """
    history = History(str(archive))
    missing = doubled = 0
    for lane, values in log.items():
        files = (history.entries(segment) for segment in history.segments(lane))
        held = [(entry.offset, entry.value) for entries in files for found in entries for entry in found]
        wanted = set(enumerate(values))
        missing += len(wanted - set(held))
        doubled += len(held) - len(set(held) & wanted)
    return missing, doubled
