"""Prometheus that is away, and twenty minutes in which nothing may grow."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.faults import audit, exposition
from tests.faults.exposition import Samples
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, more
from tests.integration.kill.load import Load
from tests.integration.kill.services import ROOT, Service, until
from tests.integration.kill.traffic import now_ms
from tests.server import free_port

LAG_S = 2.0
P99_MS = 100.0
LOOK_S = 1.0

Run = Callable[[Stage, int, Outcome], Awaitable[None]]


class Lag:
    """The age of the oldest record that is not in the profiles, as the api says it, looked at every second."""

    def __init__(self, stage: Stage) -> None:
        self.seconds: list[float] = []
        self._stage = stage

    async def watch(self) -> None:
        while True:
            samples = await asyncio.to_thread(self._stage.told)
            if samples:
                self.seconds.append(exposition.value(samples, "wakeline_lag_seconds"))
            await asyncio.sleep(LOOK_S)

    def p99(self) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(0.99 * len(found)))]


# ---- Prometheus -----------------------------------------------------------------------------------

BEFORE_S, FROZEN_S, GONE_S = 8.0, 10.0, 10.0
SEEN_WITHIN_S = 30.0


class Prometheus:
    """A real one with the committed configuration, on the stage's ports and at a faster pace."""

    def __init__(self, stage: Stage) -> None:
        self._port = free_port()
        self._folder = stage.folder / "prometheus"
        self._process: subprocess.Popen[bytes] | None = None
        committed = ROOT / "dashboards" / "prometheus"
        text = (committed / "prometheus.yml").read_text()
        ports = {
            8701: stage.collector.flags["metrics_port"],
            8702: stage.processor.flags["processor_metrics_port"],
            8704: stage.api.flags["api_metrics_port"],
            8705: stage.archiver.flags["archiver_metrics_port"],
        }
        for port, ours in ports.items():
            assert f":{port}" in text
            text = text.replace(f":{port}", f":{ours}")
        self._folder.mkdir()
        pace = re.sub(r"_interval: 5s|_timeout: 4s", lambda match: match[0].split(":")[0] + ": 1s", text)
        (self._folder / "prometheus.yml").write_text(pace)
        shutil.copy(committed / "rules.yml", self._folder)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pause(self) -> None:
        """It holds its connections and reads nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def samples(self) -> Samples:
        """The business numbers as it knows them now. {} while it does not answer."""
        query = urllib.parse.urlencode({"query": '{job="wakeline-api"}'})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/query?{query}", timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return {}
        return {_sample(each["metric"]): float(each["value"][1]) for each in found}


def _sample(labels: dict[str, str]) -> tuple[str, exposition.Labels]:
    ours = {name: value for name, value in labels.items() if name not in ("__name__", "job", "instance")}
    return labels["__name__"], tuple(sorted(ours.items()))


async def prometheus_away(stage: Stage, seed: int, outcome: Outcome) -> None:
    """It stops in the middle of scrapes, is killed, and comes back: nobody else notices, and it knows all again."""
    prometheus = Prometheus(stage)
    watched = (stage.collector, stage.processor, stage.api, stage.archiver)
    for service in watched:
        service.start()
    prometheus.start()
    lag = Lag(stage)
    try:
        async with stage.load(seed) as sent:
            await more(sent, 50)
            await until(prometheus.samples, "Prometheus scrapes", within=SEEN_WITHIN_S)
            await asyncio.sleep(BEFORE_S)
            began = now_ms()
            watching = asyncio.create_task(lag.watch())
            prometheus.pause()
            await asyncio.sleep(FROZEN_S)
            prometheus.kill()
            await asyncio.sleep(GONE_S)
            watching.cancel()
            ended = now_ms()
            prometheus.start()
            await until(prometheus.samples, "Prometheus scrapes again", within=SEEN_WITHIN_S)
        before = audit.slowest(stage.ledger, 0.99, until=began)
        outcome.shows("p99 ms before", before)
        meanwhile = audit.slowest(stage.ledger, 0.99, since=began, until=ended)
        outcome.at_most("p99 ms meanwhile", meanwhile, max(P99_MS, 2 * before))
        outcome.at_most("lag s meanwhile", lag.p99(), LAG_S)
        await stage.settle()
        outcome.is_exactly("ends of any process", stage.ends(*watched), 0)
        await stage.audit(outcome, sent)

        def differs() -> int:
            verdict = audit.of_prometheus(stage.ledger, prometheus.samples())
            return verdict.lost + verdict.doubled

        await until(lambda: not differs(), "Prometheus shows the ledger's numbers", within=SEEN_WITHIN_S)
        outcome.is_exactly("differences in Prometheus itself", differs(), 0)
    finally:
        prometheus.kill()


# ---- the soak -------------------------------------------------------------------------------------

WARM = 0.3  # of the time: caches fill
GROWTH = 5.0  # percent
REMEMBERED = 50  # people of a lane: so few that the cache is full, and turns over, all the time
SMALL_CACHE = f"""
from processor import worker

worker.REMEMBERED_PEOPLE = {REMEMBERED}
from wakeline.cli import main
main()
"""


class Soaking(Load):
    events_per_s = 300


@dataclass
class Size:
    """Of processes over time, in bytes by name, and how many series they offer."""

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
    """Percent by which the last tenth's median is above that of the tenth after the warm-up."""
    first = values[int(WARM * len(values)) :]
    tenth = max(1, len(first) // 10)
    before, after = sorted(first[:tenth])[tenth // 2], sorted(first[-tenth:])[tenth // 2]
    return 100 * (after / before - 1)


def resident(pid: int) -> int:
    """Bytes of memory that are the process's own."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096


def soak(minutes: float) -> Run:
    async def run(stage: Stage, seed: int, outcome: Outcome) -> None:
        """Visitors come and go; memory, series and lag stay where they are."""
        stage.spool()
        stage.processor.launcher = SMALL_CACHE
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
