"""A full disk: the spool's own, a real file system of one megabyte if mounting is allowed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import exposition
from benchmarks.waiting import until
from tests.faults import audit
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.load import more
from tests.integration.kill.services import kept

REFUSED = 500  # events, before there is room again
FILLED_S = 60.0

FULL = """
import errno
from collector import spool_disk

room = 1_048_576
write = spool_disk.write

def write_while_there_is_room(descriptor, data):
    global room
    if len(data) > room:
        write(descriptor, data[:room])
        room = 0
        raise OSError(errno.ENOSPC, "No space left on device")
    room -= len(data)
    write(descriptor, data)

spool_disk.write = write_while_there_is_room
from ops.cli import main
main()
"""


async def spool_full(stage: Stage, seed: int, outcome: Outcome) -> None:
    """The log is down and the spool's disk fills up: 503 from then on, and no acknowledged event is lost."""
    stage.spool()
    with small_disk(stage.collector.flags["data"] / "spool") as is_real:
        if not is_real:
            stage.collector.launcher = FULL
        outcome.shows("real disk", is_real)
        stage.collector.start()
        async with kept(stage.processor), stage.load(seed) as sent:
            await more(sent, 50)
            stage.lose_log()
            await until(lambda: sent.retried >= REFUSED, "the disk is full", within=FILLED_S)
            refused = exposition.value(stage.collected(), "wakeline_collector_spool_errors_total", kind="write")
            stage.give_log_back()
            back = time.monotonic()
            await until(stage.is_drained, "the spool is drained", within=FILLED_S)
            outcome.shows("drained in s", time.monotonic() - back)
            await more(sent, 50)
        samples = stage.collected()
        spooled = exposition.value(samples, "wakeline_collector_spooled_total")
        told = audit.answers(stage.ledger)
        outcome.at_least("spooled", spooled, 1)
        outcome.at_least("refused", told[503], REFUSED)
        uncounted = told[503] - exposition.value(samples, "wakeline_collector_unavailable_total")
        outcome.is_exactly("503 not counted", uncounted, 0)
        outcome.at_least("writes that failed, counted", refused, 1)
        outcome.is_exactly("ends of the collector", stage.ends(stage.collector), 0)
        await stage.settle()
        await stage.audit(outcome, sent)
        stage.collector.kill()


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a disk of a megabyte at `folder`; yields whether that succeeded, as it requires root."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    is_real = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_real
    finally:
        if is_real:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
