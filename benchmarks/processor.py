"""The processor against stock Faust agents: the same records, the same fold, Redis written, one core each.

A side's rate is taken from what has reached Redis, after a first part in which it starts and warms up.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import redis

from benchmarks.broker import running_broker
from benchmarks.figures import Figure, Run, at_least
from benchmarks.kafka import fill_topic
from benchmarks.machine import MEASURED, OTHERS, cpu_seconds
from benchmarks.services import SmallPath, fill_log, process
from benchmarks.visitors import events
from wakeline import keys
from wakeline.durations import DAY_MS
from wakeline.keys import Keys
from wakeline.lanes import Deployment, lane_of
from wakeline.record import Event, encode_record

RECORDS = 200_000
VISITORS = 20_000
EACH = 20_000  # of them, for the side that takes one at a time: its rate does not depend on how many
KNOWN = 20  # of a hundred visitors, where they are customers
WARM = 0.15  # the part of the records that is not measured
STALLED_S = 60.0
TOPIC = "events"

FIGURES = (
    Figure("processor_vs_take", "times the events per second of stock Faust with take(2000)", at_least(5)),
    Figure("processor_vs_each", "times the events per second of stock Faust, one event at a time", at_least(15)),
    Figure("processor_events_per_s", "all rules, Redis written, one core"),
    Figure("processor_us_per_event", "CPU time of its process"),
    Figure("processor_server_us_per_event", "CPU time of its Redis"),
    Figure("processor_known_us_per_event", "where a fifth of the visitors are customers: other lanes hear of them"),
    Figure("stock_take_events_per_s", "stock Faust with take(2000)"),
    Figure("stock_each_events_per_s", "stock Faust, one event at a time"),
    Figure("processor_vs_take_cpu", "the same ratio by CPU time alone: waiting for Redis costs stock Faust nothing"),
    Figure("processor_vs_each_cpu", "the same ratio by CPU time alone"),
)


class Rate(NamedTuple):
    """Of one side in one round."""

    events_per_s: float
    us_per_event: float  # CPU time of its process
    server_us_per_event: float  # CPU time of its Redis


def measure(run: Run) -> dict[str, float]:
    scale = 10 if run.quick else 1
    now = time.time_ns() // 1_000_000
    deployment = Deployment(lanes=16, decay_zero=now - 30 * DAY_MS, half_life=7 * DAY_MS)
    made = events(RECORDS // scale, visitors=VISITORS // scale, end=now)
    laned = _laned(made, deployment)
    known = _laned(events(RECORDS // scale, visitors=VISITORS // scale, end=now, known=KNOWN), deployment)
    with running_broker(run.folder / "kafka", cores=OTHERS) as broker:
        kafka = broker.port
        records = [(lane, event.received, encode_record(event)) for lane, event in laned]
        asyncio.run(fill_topic(kafka, TOPIC, records, partitions=deployment.lanes))
        sides: dict[str, Callable[[Path], Rate]] = {
            "processor": partial(_processor, laned, deployment),
            "known": partial(_processor, known, deployment),
            "take": partial(stock, "take", RECORDS // scale, kafka, TOPIC, deployment),
            "each": partial(stock, "each", EACH // scale, kafka, TOPIC, deployment),
        }
        found: dict[str, list[Rate]] = {side: [] for side in sides}
        for _ in range(1 if run.quick else 3):
            for side, one_round in sides.items():
                with tempfile.TemporaryDirectory(dir=run.folder) as folder:
                    found[side].append(one_round(Path(folder)))
                rate = found[side][-1]
                run.say(f"{side}: {rate.events_per_s:,.0f} events/s, {rate.us_per_event:.1f} us of CPU an event")
    return _figures(**found)


def _laned(made: Sequence[Event], deployment: Deployment) -> list[tuple[int, Event]]:
    return [(lane_of(event.site, event.visitor, deployment.lanes), event) for event in made]


def _figures(
    processor: Sequence[Rate], known: Sequence[Rate], take: Sequence[Rate], each: Sequence[Rate]
) -> dict[str, float]:
    def ratio(stock: Sequence[Rate]) -> float:
        return median(ours.events_per_s / theirs.events_per_s for ours, theirs in zip(processor, stock, strict=True))

    def cpu_ratio(stock: Sequence[Rate]) -> float:
        return median(theirs.us_per_event / ours.us_per_event for ours, theirs in zip(processor, stock, strict=True))

    return {
        "processor_vs_take": ratio(take),
        "processor_vs_each": ratio(each),
        "processor_events_per_s": median(rate.events_per_s for rate in processor),
        "processor_us_per_event": median(rate.us_per_event for rate in processor),
        "processor_server_us_per_event": median(rate.server_us_per_event for rate in processor),
        "processor_known_us_per_event": median(rate.us_per_event for rate in known),
        "stock_take_events_per_s": median(rate.events_per_s for rate in take),
        "stock_each_events_per_s": median(rate.events_per_s for rate in each),
        "processor_vs_take_cpu": cpu_ratio(take),
        "processor_vs_each_cpu": cpu_ratio(each),
    }


def _processor(laned: Sequence[tuple[int, Event]], deployment: Deployment, folder: Path) -> Rate:
    """The real service, on the log in a real server, from its start to the last record."""
    with SmallPath(folder) as path:
        path.start("server", cores={"server": OTHERS})
        client = path.client()
        for name, value in msgspec.structs.asdict(deployment).items():
            client.hset(keys.DEPLOYMENT, name, value)
        fill_log(client, laned, lanes=deployment.lanes)
        path.start("processor", cores={"processor": MEASURED})
        return rate_of(client, path.pids["processor"], path.pids["server"], len(laned), lanes=deployment.lanes)


def stock(how: str, count: int, kafka: int, topic: str, deployment: Deployment, folder: Path) -> Rate:
    """A stock Faust agent on `topic`, from its start to the last of `count` records."""
    with SmallPath(folder) as path:
        path.start("server", cores={"server": OTHERS})
        url = path.config.settings.redis
        chosen = msgspec.json.encode(deployment).decode()
        command = (sys.executable, "-m", "benchmarks.stock", how, str(kafka), topic, url, chosen)
        with process(command, folder, name=how, cores=MEASURED) as pid:
            return rate_of(path.client(), pid, path.pids["server"], count, lanes=deployment.lanes)


class _Sample(NamedTuple):
    clock: float
    cpu: float
    server_cpu: float
    done: int


def rate_of(client: redis.Redis, pid: int, server: int, count: int, *, lanes: int) -> Rate:
    """Watch the places of `lanes` until `count` records are applied."""
    warm: _Sample | None = None
    moved, last = time.monotonic(), 0
    while True:
        now = _sample(client, pid, server, lanes)
        if warm is None and now.done >= count * WARM:
            warm = now
        if warm is not None and now.done >= count:
            break
        if now.done > last:
            moved, last = now.clock, now.done
        elif now.clock - moved > STALLED_S:
            raise RuntimeError(f"{now.done} of {count} records are applied, and no more for {STALLED_S:.0f} s")
        time.sleep(0.01)
    measured = now.done - warm.done
    return Rate(
        measured / (now.clock - warm.clock),
        (now.cpu - warm.cpu) / measured * 1e6,
        (now.server_cpu - warm.server_cpu) / measured * 1e6,
    )


def _sample(client: redis.Redis, pid: int, server: int, lanes: int) -> _Sample:
    names = Keys()
    with client.pipeline(transaction=False) as pipe:
        for lane in range(lanes):
            pipe.hget(names.lane(lane), "offset")
        done = sum(int(offset or 0) for offset in pipe.execute())
    return _Sample(time.monotonic(), cpu_seconds(pid), cpu_seconds(server), done)
