"""Twenty minutes in which nothing may grow: memory, series, lag."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks import exposition
from tests.faults import audit
from tests.faults.lag import LAG_S, LOOK_S, Lag
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.load import Load, more
from tests.integration.kill.services import Service

Run = Callable[[Stage, int, Outcome], Awaitable[None]]

WARM = 0.3  # of the time: caches fill
GROWTH = 5.0  # percent
SEAL_S = 60  # so that what the archiver holds turns over too
REMEMBERED = 50  # people of a lane: so few that the cache is full, and turns over, all the time
SMALL_CACHE = f"""
from processor import worker

worker.REMEMBERED_PEOPLE = {REMEMBERED}
from ops.cli import main
main()
"""


class Soaking(Load):
    events_per_s = 300
    customers = 600  # of whom each has fewer visitors in all than a profile lists


@dataclass
class Size:
    """Memory of processes over time, in bytes by name, and the number of their series."""

    stage: Stage
    services: tuple[Service, ...]
    bytes: dict[str, list[int]] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            for service in self.services:
                self.bytes.setdefault(service.name, []).append(resident(service.pid))
            self.series.append(await asyncio.to_thread(self._offered))
            await asyncio.sleep(5 * LOOK_S)

    def _offered(self) -> int:
        ports = (
            self.stage.collector.flags["metrics_port"],
            self.stage.processor.flags["processor_metrics_port"],
            self.stage.api.flags["api_metrics_port"],
            self.stage.archiver.flags["archiver_metrics_port"],
        )
        return sum(len(exposition.scraped(port)) for port in ports)


def growth(values: list[int]) -> float:
    """Percent by which the median of the last tenth exceeds that of the tenth after the warm-up."""
    first = values[int(WARM * len(values)) :]
    tenth = max(1, len(first) // 10)
    before, after = sorted(first[:tenth])[tenth // 2], sorted(first[-tenth:])[tenth // 2]
    return 100 * (after / before - 1)


def resident(pid: int) -> int:
    """Bytes of private memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096


def soak(minutes: float) -> Run:
    async def run(stage: Stage, seed: int, outcome: Outcome) -> None:
        """Visitors come and go; memory, series and lag must not grow."""
        stage.spool()
        stage.processor.launcher = SMALL_CACHE
        stage.archiver.flags["archive_seal_s"] = SEAL_S
        services = (stage.collector, stage.processor, stage.api, stage.archiver)
        for service in services:
            service.start()
        size, lag = Size(stage, services), Lag(stage)
        async with stage.load(seed, kind=Soaking) as sent:
            await more(sent, 500)
            watching = [asyncio.create_task(size.watch()), asyncio.create_task(lag.watch())]
            await asyncio.sleep(minutes * 60)
            for task in watching:
                task.cancel()
        for name, values in size.bytes.items():
            outcome.at_most(f"{name} grew %", growth(values), GROWTH)
        warm = size.series[int(WARM * len(size.series)) :]
        outcome.shows("series", warm[-1])
        outcome.is_exactly("series that came", max(warm) - warm[0], 0)
        outcome.at_most("lag p99 s", lag.p99(), LAG_S)
        outcome.shows("p99 ms", audit.slowest(stage.ledger, 0.99))
        outcome.shows("events", len(sent.answered))
        with redis.Redis.from_url(stage.server.url) as client:  # it keeps what it is told to: no growth of ours
            outcome.shows("Redis MB at the end", client.info("memory")["used_memory"] / 1_048_576)
        outcome.is_exactly("refused", audit.answers(stage.ledger)[503], 0)
        await stage.settle()
        outcome.is_exactly("ends of any process", stage.ends(*services), 0)
        await stage.audit(outcome, sent)

    return run
