"""Rebuilding from the log: another key version, records after a backup, and the archive itself."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path

from benchmarks.waiting import until
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, at_work
from tests.integration.kill.at_a_line import killed_at_a_line, places_in
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.load import more
from tests.integration.kill.services import kept
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
        async with kept(stage.processor), stage.load(seed) as sent:
            await until(lambda: stage.books.moved() > 1_000, "it works")
            length = stage.books.length()
            began = time.monotonic()
            replay = ("replay", "--from", "start", "--into", str(INTO))
            replaying = stage.command.start(*replay)
            await asyncio.sleep(rng.uniform(0.5, 1.3))
            outcome.shows("killed meanwhile", replaying.poll() is None)
            replaying.kill()
            await asyncio.to_thread(replaying.communicate)
            if stage.live_version() != INTO:
                await stage.command(*replay, within=REPLAYED_WITHIN_S)
            outcome.shows("replayed in s", time.monotonic() - began)
            outcome.shows("records", length)
            outcome.is_exactly("live version", stage.live_version(), INTO)
            before = books.moved()
            await until(lambda: books.moved() > before + 200, "the processor works on the new version")
        await stage.settle(books=books)
        await stage.audit(outcome, sent, books=books, erased=True)


# ---- a backup -------------------------------------------------------------------------------------


async def restored(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Redis is killed and gets files copied seconds before: later records are folded again, including deltas."""
    stage.collector.start()
    files, copy = stage.server.folder, stage.folder / "backup"
    async with kept(stage.processor), stage.load(seed) as sent:
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


async def archiver_killed(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Killed repeatedly at random lines of its code; then the archive equals the log, each record once."""
    rng = random.Random(seed)
    stage.collector.start()
    stage.archiver.flags["archive_seal_s"] = 1
    installed = stage.archiver.launcher
    async with stage.load(seed) as sent:
        await more(sent, 100)
        for _ in range(KILLS):
            stage.archiver.launcher = killed_at_a_line(
                int(LAST_LINE ** rng.uniform(0.3, 1)), "archiver.", "wakeline.history"
            )
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
    places = places_in(stage.archiver.said())
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
