"""The processor compared with stock Faust agents: same records, same fold, writing to Redis, one core each.

The rate is measured in Redis, after a first part for start-up and warm-up.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.broker import running_broker
from benchmarks.children import ROOT
from benchmarks.figures import Figure, Run, at_least
from benchmarks.kafka import fill_topic
from benchmarks.machine import MEASURED, OTHERS
from benchmarks.progress import Rate, middle, rate_of
from benchmarks.services import Laned, SmallPath, deploy, deployment_at, fill_log, laned_events, process
from wakeline.lanes import Deployment
from wakeline.record import encode_record

RECORDS = 200_000
VISITORS = 20_000
EACH = 20_000  # events for the agent that takes one at a time, whose rate does not depend on their number

FIGURES = (
    Figure("processor_vs_take", "times the events per second of stock Faust with take(2000)", at_least(4)),
    Figure("processor_vs_each", "times the events per second of stock Faust, one event at a time", at_least(15)),
    Figure("processor_events_per_s", "all rules, Redis written, one core"),
    Figure("processor_us_per_event", "CPU time of its process"),
    Figure("processor_server_us_per_event", "CPU time of its Redis"),
    Figure("stock_take_events_per_s", "stock Faust with take(2000)"),
    Figure("stock_each_events_per_s", "stock Faust, one event at a time"),
    Figure("processor_vs_take_cpu", "the same ratio by CPU time alone: waiting for Redis costs stock Faust nothing"),
    Figure("processor_vs_each_cpu", "the same ratio by CPU time alone"),
)


def measure(run: Run) -> dict[str, float]:
    scale = 10 if run.quick else 1
    now = time.time_ns() // 1_000_000
    deployment = deployment_at(now)
    laned = laned_events(RECORDS // scale, VISITORS // scale, deployment, end=now)
    few = laned_events(EACH // scale, VISITORS * EACH // RECORDS // scale, deployment, end=now)
    with running_broker(run.folder / "kafka", cores=OTHERS) as broker:
        sides: dict[str, Callable[[Path], Rate]] = {
            "processor": partial(fold_once, laned, deployment),
            "take": partial(stock, "take", laned, broker.port, deployment),
            "each": partial(stock, "each", few, broker.port, deployment),
        }
        found = in_turns(run, sides, rounds=1 if run.quick else 3)
    return _figures(**found)


def in_turns(run: Run, sides: Mapping[str, Callable[[Path], Rate]], *, rounds: int) -> dict[str, list[Rate]]:
    """The rates of each side, with a fresh folder for each round."""
    found: dict[str, list[Rate]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, one_round in sides.items():
            with tempfile.TemporaryDirectory(dir=run.folder) as folder:
                found[side].append(one_round(Path(folder)))
            rate = found[side][-1]
            run.say(f"{side}: {rate.events_per_s:,.0f} events/s, {rate.us_per_event:.1f} us of CPU an event")
    return found


def _figures(processor: list[Rate], take: list[Rate], each: list[Rate]) -> dict[str, float]:
    ours = middle(processor)
    return {
        "processor_vs_take": ratio(processor, take),
        "processor_vs_each": ratio(processor, each),
        "processor_events_per_s": ours.events_per_s,
        "processor_us_per_event": ours.us_per_event,
        "processor_server_us_per_event": ours.server_us_per_event,
        "stock_take_events_per_s": middle(take).events_per_s,
        "stock_each_events_per_s": middle(each).events_per_s,
        "processor_vs_take_cpu": cpu_ratio(processor, take),
        "processor_vs_each_cpu": cpu_ratio(processor, each),
    }


def ratio(processor: Sequence[Rate], stock: Sequence[Rate]) -> float:
    """The median ratio of events per second, over rounds."""
    return median(ours.events_per_s / theirs.events_per_s for ours, theirs in zip(processor, stock, strict=True))


def cpu_ratio(processor: Sequence[Rate], stock: Sequence[Rate]) -> float:
    """The median ratio of events per CPU second, over rounds."""
    return median(theirs.us_per_event / ours.us_per_event for ours, theirs in zip(processor, stock, strict=True))


def fold_once(laned: Sequence[Laned], deployment: Deployment, folder: Path, *, tree: Path = ROOT) -> Rate:
    """Runs the service of `tree` on the log in a real server, from its start to the last record."""
    with SmallPath(folder, tree=tree) as path:
        path.start("server", cores={"server": OTHERS})
        client = path.client()
        deploy(client, deployment)
        fill_log(client, laned, lanes=deployment.lanes)
        path.start("processor", cores={"processor": MEASURED})
        return rate_of(client, path.pids["processor"], path.pids["server"], len(laned), lanes=deployment.lanes)


def stock(how: str, laned: Sequence[Laned], kafka: int, deployment: Deployment, folder: Path) -> Rate:
    """Runs a stock Faust agent on its own topic, from its start to the last record."""
    topic = topic_of(laned, kafka, deployment)
    with SmallPath(folder) as path:
        path.start("server", cores={"server": OTHERS})
        url = path.config.settings.redis
        chosen = msgspec.json.encode(deployment).decode()
        command = (sys.executable, "-m", "benchmarks.stock", how, str(kafka), topic, url, chosen)
        with process(command, folder, name=how, cores=MEASURED) as pid:
            return rate_of(path.client(), pid, path.pids["server"], len(laned), lanes=deployment.lanes)


def topic_of(laned: Sequence[Laned], kafka: int, deployment: Deployment) -> str:
    """A fresh topic with only these records, as each fold appends deltas to it."""
    topic = f"events-{secrets.token_hex(4)}"
    records = [(lane, event.received, encode_record(event)) for lane, event in laned]
    asyncio.run(fill_topic(kafka, topic, records, partitions=deployment.lanes))
    return topic
