"""Prometheus is paused during a scrape, stopped, and restarted."""

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

from benchmarks.machine import free_port
from tests.faults import audit, exposition
from tests.faults.exposition import Samples
from tests.faults.lag import LAG_S, Lag
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, more
from tests.integration.kill.services import ROOT, until
from tests.integration.kill.traffic import now_ms

P99_MS = 100.0
BEFORE_S, FROZEN_S, GONE_S = 8.0, 10.0, 10.0
SEEN_WITHIN_S = 30.0


class Prometheus:
    """A real one with the committed configuration, adapted to the stage's ports and with shorter intervals."""

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
        """It keeps its connections open and reads nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def samples(self) -> Samples:
        """The business numbers that it knows now. {} while it does not answer."""
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
    """It is paused during scrapes, killed, and restarted: nothing else is affected, and it has all numbers again."""
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
