"""Wakeline on Kafka: the collector, the processor compared with a stock Faust agent, and two processors with one.

All on the same real broker. As this machine may have only two cores, two processors that share the lanes are compared
by CPU time, not by duration.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.broker import running_broker
from benchmarks.collector import beside_an_empty_handler
from benchmarks.exposition import scraped
from benchmarks.figures import Figure, Run, at_least, at_most
from benchmarks.kafka import append_to, make_topic
from benchmarks.machine import ALL, MEASURED, OTHERS, cpu_seconds, free_port
from benchmarks.processor import cpu_ratio, in_turns, ratio, stock, topic_of
from benchmarks.progress import Rate, middle, progress, rate_of
from benchmarks.services import Laned, SmallPath, deploy, deployment_at, laned_events, process
from benchmarks.waiting import wait_until
from wakeline.lanes import Deployment
from wakeline.record import encode_record

RECORDS = 200_000
VISITORS = 20_000
SHARED_ROUNDS = 9  # each takes a few seconds, during which a shared machine's speed may change
SHARED_S = 60.0  # until two processors have shared the lanes
DONE_S = 120.0

FIGURES = (
    Figure("kafka_vs_take", "times the events per second of stock Faust with take(2000), both from Kafka", at_least(5)),
    Figure("kafka_vs_take_cpu", "the same ratio by CPU time alone"),
    Figure("kafka_events_per_s", "all rules, Redis written, one core"),
    Figure("kafka_us_per_event", "CPU time of the processor"),
    Figure("kafka_take_events_per_s", "stock Faust with take(2000)"),
    Figure(
        "collector_kafka_ratio",
        "requests per CPU second, acknowledged by Kafka, against the empty handler's",
        at_least(0.3),
    ),
    Figure("collector_kafka_requests_per_s", "by the clock, 64 keep-alive connections"),
    Figure("collector_kafka_p99_ms", "response time, each request sent as soon as the last was answered"),
    Figure(
        "two_workers_cost_ratio", "CPU seconds per event of two processors that share the lanes, to one", at_most(1.15)
    ),
)


def measure(run: Run) -> dict[str, float]:
    with running_broker(run.folder / "kafka", cores=OTHERS) as broker:
        return {**_processors(run, broker.port), **_collectors(run, broker.port), **_workers(run, broker.port)}


# ---- one processor, from its start to the last record -----------------------------------------------


def _processors(run: Run, kafka: int) -> dict[str, float]:
    scale = 10 if run.quick else 1
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    laned = laned_events(RECORDS // scale, VISITORS // scale, deployment, end=now)
    sides = {
        "processor": partial(_processor, kafka, laned, deployment),
        "take": partial(stock, "take", laned, kafka, deployment),
    }
    found = in_turns(run, sides, rounds=1 if run.quick else 3)
    ours = middle(found["processor"])
    return {
        "kafka_vs_take": ratio(found["processor"], found["take"]),
        "kafka_vs_take_cpu": cpu_ratio(found["processor"], found["take"]),
        "kafka_events_per_s": ours.events_per_s,
        "kafka_us_per_event": ours.us_per_event,
        "kafka_take_events_per_s": middle(found["take"]).events_per_s,
    }


def _processor(kafka: int, laned: Sequence[Laned], deployment: Deployment, folder: Path) -> Rate:
    topic = topic_of(laned, kafka, deployment)
    with SmallPath(folder, log=f"kafka://127.0.0.1:{kafka}/{topic}") as path:
        path.start("server", cores={"server": OTHERS})
        client = path.client()
        deploy(client, deployment)
        path.start("processor", cores={"processor": MEASURED})
        return rate_of(client, path.pids["processor"], path.pids["server"], len(laned), lanes=deployment.lanes)


# ---- the collector ----------------------------------------------------------------------------------


def _collectors(run: Run, kafka: int) -> dict[str, float]:
    found = beside_an_empty_handler(run, rounds=5, log=f"kafka://127.0.0.1:{kafka}/collected")
    ours, empty = found.values()
    return {
        "collector_kafka_ratio": median(
            one["per_cpu_second"] / other["per_cpu_second"] for one, other in zip(ours, empty, strict=True)
        ),
        "collector_kafka_requests_per_s": median(result["per_second"] for result in ours),
        "collector_kafka_p99_ms": median(result["p99_ms"] for result in ours),
    }


# ---- two processors -----------------------------------------------------------------------------------


def _workers(run: Run, kafka: int) -> dict[str, float]:
    count = RECORDS // (10 if run.quick else 1)
    costs: dict[int, list[float]] = {1: [], 2: []}
    for number in range(1 if run.quick else SHARED_ROUNDS):
        for workers, found in sorted(costs.items(), reverse=number % 2 == 1):
            with tempfile.TemporaryDirectory(dir=run.folder) as folder:
                found.append(_cost(workers, count, kafka, f"shared-{number}-{workers}", Path(folder)))
            run.say(f"{workers} processors: {found[-1] * 1e6:.1f} us of CPU an event")
    return {"two_workers_cost_ratio": median(two / one for one, two in zip(costs[1], costs[2], strict=True))}


def _cost(workers: int, count: int, kafka: int, topic: str, folder: Path) -> float:
    """CPU seconds per event, of events appended once the processors run and own all lanes."""
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    lanes = deployment.lanes
    laned = laned_events(count, VISITORS * count // RECORDS, deployment, end=now)
    records = [(lane, event.received, encode_record(event)) for lane, event in laned]
    asyncio.run(make_topic(kafka, topic, partitions=lanes))
    with ExitStack() as running:
        path = running.enter_context(SmallPath(folder, log=f"kafka://127.0.0.1:{kafka}/{topic}"))
        path.start("server", "processor")
        ports, pids = [path.config.settings.processor_metrics_port], [path.pids["processor"]]
        for number in range(1, workers):
            ports.append(free_port())
            command = (*path.command("processor"), "--processor-metrics-port", str(ports[-1]))
            pids.append(running.enter_context(process(command, folder, name=f"processor{number}", cores=ALL)))
        wait_until(
            lambda: sorted(map(_owned, ports)) == [lanes // workers] * workers, "the lanes are shared", within=SHARED_S
        )
        client = path.client()
        before = sum(map(cpu_seconds, pids))
        asyncio.run(append_to(kafka, topic, records, partitions=lanes))

        def applied() -> bool:
            done = progress(client, lanes)
            return done.events >= count and done.is_heard

        wait_until(applied, "all records are applied", within=DONE_S)
        return (sum(map(cpu_seconds, pids)) - before) / count


def _owned(port: int) -> int:
    """Number of lanes that the processor with its metrics on `port` owns; -1 while it does not answer."""
    return int(scraped(port).get(("wakeline_processor_lanes_owned", ()), -1))
