"""Prometheus is paused during a scrape, stopped, and restarted."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.parse
import urllib.request

from benchmarks.exposition import Labels, Samples
from benchmarks.waiting import until
from tests.faults import audit
from tests.faults.lag import LAG_S, Lag
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.load import more
from tests.integration.kill.traffic import now_ms
from tests.prometheus import Prometheus, committed

P99_MS = 100.0
BEFORE_S, FROZEN_S, GONE_S = 8.0, 10.0, 10.0
SEEN_WITHIN_S = 30.0


def of_stage(stage: Stage) -> Prometheus:
    """With the committed configuration, adapted to the stage's ports."""
    ports = {
        "metrics_port": stage.collector,
        "processor_metrics_port": stage.processor,
        "api_metrics_port": stage.api,
        "archiver_metrics_port": stage.archiver,
    }
    config = committed({name: service.flags[name] for name, service in ports.items()})
    return Prometheus(stage.folder / "prometheus", config)


def samples_of(prometheus: Prometheus) -> Samples:
    """The business numbers that it knows now. {} while it does not answer."""
    query = urllib.parse.urlencode({"query": '{job="wakeline-api"}'})
    try:
        with urllib.request.urlopen(f"{prometheus.url}/api/v1/query?{query}", timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
    return {_sample(each["metric"]): float(each["value"][1]) for each in found}


def _sample(labels: dict[str, str]) -> tuple[str, Labels]:
    ours = {name: value for name, value in labels.items() if name not in ("__name__", "job", "instance")}
    return labels["__name__"], tuple(sorted(ours.items()))


async def prometheus_away(stage: Stage, seed: int, outcome: Outcome) -> None:
    """It is paused during scrapes, killed, and restarted: nothing else is affected, and it has all numbers again."""
    prometheus = of_stage(stage)
    watched = (stage.collector, stage.processor, stage.api, stage.archiver)
    for service in watched:
        service.start()
    prometheus.start()
    lag = Lag(stage)
    try:
        async with stage.load(seed) as sent:
            await more(sent, 50)
            await until(lambda: samples_of(prometheus), "Prometheus scrapes", within=SEEN_WITHIN_S)
            await asyncio.sleep(BEFORE_S)
            began = now_ms()
            watching = asyncio.create_task(lag.watch())
            prometheus.signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)
            prometheus.kill()
            await asyncio.sleep(GONE_S)
            watching.cancel()
            ended = now_ms()
            prometheus.start()
            await until(lambda: samples_of(prometheus), "Prometheus scrapes again", within=SEEN_WITHIN_S)
        before = audit.slowest(stage.ledger, 0.99, until=began)
        outcome.shows("p99 ms before", before)
        meanwhile = audit.slowest(stage.ledger, 0.99, since=began, until=ended)
        outcome.at_most("p99 ms meanwhile", meanwhile, max(P99_MS, 2 * before))
        outcome.at_most("lag s meanwhile", lag.p99(), LAG_S)
        await stage.settle()
        outcome.is_exactly("ends of any process", stage.ends(*watched), 0)
        await stage.audit(outcome, sent)

        def differs() -> int:
            verdict = audit.of_prometheus(stage.ledger, samples_of(prometheus))
            return verdict.lost + verdict.doubled

        await until(lambda: not differs(), "Prometheus shows the ledger's numbers", within=SEEN_WITHIN_S)
        outcome.is_exactly("differences in Prometheus itself", differs(), 0)
    finally:
        prometheus.kill()
