"""kill -9 with a power failure: files are cut back to their last sync."""

from __future__ import annotations

import asyncio
import random

from benchmarks.waiting import until
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, at_work
from tests.integration.kill.disk import Disk
from tests.integration.kill.load import more
from tests.integration.kill.services import WatchedCollector, kept

POWER_CUTS = 3  # of one seed


async def redis(stage: Stage, seed: int, outcome: Outcome) -> None:
    """kill -9 of Redis, with its file cut back to its last sync.

    With the log on Kafka it syncs every second: lost records are folded again.
    """
    rng = random.Random(seed)
    if stage.log:
        stage.server.appendfsync = "everysec"
    disk = Disk(stage.server, stage.folder / "disk")
    disk.start()
    stage.collector.start()
    cut = 0
    async with kept(stage.processor), stage.load(seed) as sent:
        for _ in range(POWER_CUTS):
            await at_work(stage, sent, rng)
            cut += disk.lose_power()
            disk.start()
    outcome.shows("bytes cut", cut)
    await stage.settle()
    await stage.audit(outcome, sent)


async def collector(stage: Stage, seed: int, outcome: Outcome) -> None:
    """kill -9 of the collector while the log is down, with its spool files cut back to their last sync."""
    rng = random.Random(seed)
    stage.spool()
    disk = Disk(WatchedCollector(stage), stage.folder / "disk", files="spool/*/*")
    disk.start()
    stage.processor.start()
    cut = 0
    async with stage.load(seed) as sent:
        await at_work(stage, sent, rng)
        stage.lose_log()
        for _ in range(POWER_CUTS):
            await more(sent, 50)
            await asyncio.sleep(rng.uniform(0, 0.3))
            cut += disk.lose_power()
            disk.start()
        stage.give_log_back()
        await until(stage.is_drained, "the spool is drained")
        await at_work(stage, sent, rng)
        disk.lose_power()
        disk.start()
    outcome.shows("bytes cut", cut)
    await until(stage.is_drained, "the spool is drained")
    await stage.settle()
    await stage.audit(outcome, sent)
